// Package cli speaks to the API over HTTP, for the command line and for
// whoever drives the service from outside.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client calls the API with one key. It may be used from many goroutines.
type Client struct {
	URL  string       // where the API is, such as https://simtransfer.example.com
	Key  string       // st_…
	HTTP *http.Client // nil means one with a time-out of five minutes
}

// Problem is what the API answers when it refuses (RFC 9457).
type Problem struct {
	Status int     `json:"status"`
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Code   string  `json:"code"`
	State  string  `json:"state"` // that the transfer request was in
	Errors []Fault `json:"errors"`
	More   int     `json:"more_errors"`
}

// Fault is one thing to correct.
type Fault struct {
	Location string `json:"location"`
	Line     int    `json:"line"` // of an upload, from 1
	Column   string `json:"column"`
	Message  string `json:"message"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, f := range p.Errors {
		b.WriteString("\n  " + f.String())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", p.More)
	}
	return b.String()
}

// String says where a fault is and what to correct.
func (f Fault) String() string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, f.Message)
	case f.Location != "":
		return f.Location + ": " + f.Message
	}
	return f.Message
}

// Call sends body as JSON, nil for none, and decodes the answer into into, nil
// to ignore it. A refusal is a *Problem.
func (c *Client) Call(ctx context.Context, method, path string, body, into any) error {
	if body == nil {
		return c.Send(ctx, method, path, "", nil, into)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
	}
	return c.Send(ctx, method, path, "application/json", bytes.NewReader(b), into)
}

// Send is Call for a body of any type, which is streamed.
func (c *Client) Send(ctx context.Context, method, path, contentType string, body io.Reader, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, body)
	if err != nil {
		return fmt.Errorf("calling %s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Key)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 5 * time.Minute}
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("calling %s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		return problem(response)
	}
	if into == nil || response.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func problem(response *http.Response) error {
	p := &Problem{Status: response.StatusCode, Title: response.Status}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the refusal %s: %w", response.Status, err)
	}
	if json.Unmarshal(text, p) != nil {
		p.Detail = strings.TrimSpace(string(text[:min(len(text), 500)])) // from a proxy on the way
	}
	return p
}
