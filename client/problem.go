package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"simtransfer/api/problem"
)

// Problem is a refusal by the service. If the answer was not a problem
// document, because a proxy sent it, only Status, Title and Detail are set.
type Problem struct {
	problem.Problem

	Raw []byte // the document as received; nil if the answer was none
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
	return p.Temporary() || p.Code == problem.StillRunning || p.Status >= http.StatusInternalServerError || p.Status == http.StatusRequestTimeout
}

// maxProblem is how much of a refusal is read, in bytes.
const maxProblem = 1 << 20

// readProblem reads a refusal. It reports as much as arrived.
func readProblem(response *http.Response) error {
	p := &Problem{}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // a partial text is better than none
	if json.Unmarshal(text, &p.Problem) == nil && p.Title != "" {
		p.Raw = text
	} else {
		p.Problem = problem.Problem{Title: response.Status, Detail: strings.TrimSpace(string(text[:min(len(text), 500)]))}
	}
	if p.Status == 0 {
		p.Status = response.StatusCode
	}
	if to := response.Header.Get("Location"); to != "" && response.StatusCode < http.StatusBadRequest {
		p.Detail = "the service redirects to " + to + ": use that URL"
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
