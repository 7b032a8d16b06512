package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// CodeStillRunning is the Code of a Problem that reports that the first call
// with the same Idempotency-Key has not ended yet.
const CodeStillRunning = "still_running"

// Problem is a refusal by the service: an RFC 9457 problem document. If the
// answer was no such document, because a proxy sent it, only Status, Title and
// Detail are set.
type Problem struct {
	Type     string       `json:"type"` // path of the documentation of Code
	Title    string       `json:"title"`
	Status   int          `json:"status"` // HTTP status
	Detail   string       `json:"detail,omitempty"`
	Instance string       `json:"instance,omitempty"`
	Code     string       `json:"code"`
	State    string       `json:"state,omitempty"` // that the transfer request was in
	Errors   []FieldError `json:"errors,omitempty"`
	More     int          `json:"more_errors,omitempty"` // number of errors that Errors leaves out

	RetryAfter time.Duration `json:"-"` // from the Retry-After header; zero if there was none
	Raw        []byte        `json:"-"` // the document as received; nil if the answer was none
}

// FieldError is one error in what was sent.
type FieldError struct {
	Location string `json:"location,omitempty"` // such as body.sims[3]
	Line     int    `json:"line,omitempty"`     // of an upload, from 1
	Row      int    `json:"row,omitempty"`      // of a JSON upload, from 1
	Column   string `json:"column,omitempty"`   // of an upload
	Code     string `json:"code,omitempty"`
	Message  string `json:"message"`
	Value    string `json:"value,omitempty"` // the value in error, possibly truncated
}

// Error returns the title, the detail and the errors, each on its own line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	switch {
	case p.Detail != "":
		b.WriteString(": " + p.Detail)
	case p.Status == http.StatusNotFound:
		b.WriteString(": it does not exist, or belongs to another account")
	}
	for _, e := range p.Errors {
		b.WriteString("\n  " + e.String())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", p.More)
	}
	return b.String()
}

// Temporary reports whether the same call may succeed a little later.
func (p *Problem) Temporary() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Uncertain reports whether the call may have taken effect in spite of the
// error.
func (p *Problem) Uncertain() bool {
	return p.Temporary() || p.Code == CodeStillRunning || p.Status >= http.StatusInternalServerError || p.Status == http.StatusRequestTimeout
}

// String returns the location and the message, with the value unless the
// message contains it.
func (e FieldError) String() string {
	message := e.Message
	if e.Value != "" && !strings.Contains(message, e.Value) {
		message += fmt.Sprintf(" (%q)", e.Value)
	}
	switch {
	case e.Row > 0:
		return fmt.Sprintf("row %d: %s", e.Row, message)
	case e.Line > 0:
		return fmt.Sprintf("line %d: %s", e.Line, message)
	case e.Location != "":
		return e.Location + ": " + message
	}
	return message
}

// maxProblem is how much of a refusal is read, in bytes.
const maxProblem = 1 << 20

// readProblem reads a refusal. It reports as much as arrived.
func readProblem(response *http.Response) error {
	p := &Problem{Status: response.StatusCode, Title: response.Status}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // a partial text is better than none
	if json.Unmarshal(text, p) == nil && p.Title != "" {
		p.Raw = text
	} else {
		p.Detail = strings.TrimSpace(string(text[:min(len(text), 500)]))
	}
	if to := response.Header.Get("Location"); to != "" && response.StatusCode < http.StatusBadRequest {
		p.Detail = "the service redirects to " + to + ": use that URL"
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
