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

// Problem is a refusal by the service.
type Problem struct {
	problem.Problem

	Raw []byte // the document as received
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
func (p *Problem) Temporary() bool { return temporary(p.Status) }

// temporary reports whether a status may be another one a little later.
func temporary(status int) bool {
	switch status {
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

// readProblem reads an answer that is not a success. The error is a *Problem if
// the API sent it, and otherwise a *NotServiceError.
func readProblem(base string, r call, response *http.Response) error {
	if response.Header.Get(versionHeader) == "" || !isType(response, problem.ContentType) {
		return notService(base, r, response)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	p := &Problem{Raw: text}
	if err != nil || json.Unmarshal(text, &p.Problem) != nil || p.Title == "" {
		return cutOff(base, fmt.Errorf("the answer %s to %s %s is incomplete", response.Status, r.method, r.path))
	}
	if p.Code == problem.UnknownPath {
		return notService(base, r, response)
	}
	if p.Status == 0 {
		p.Status = response.StatusCode
	}
	p.RetryAfter = retryAfter(response)
	return p
}

// retryAfter is how long the answer asks to wait; zero means that it does not.
func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
