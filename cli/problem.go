package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The exit codes of commands. Scripts rely on them.
const (
	ExitOK           = 0
	ExitRefused      = 1   // refused, or failed
	ExitUsage        = 2   // called wrongly
	ExitNotFound     = 3   // there is no such thing, or it is somebody else's
	ExitUnauthorized = 4   // no key, an unknown one, or not for this one
	ExitConflict     = 5   // the request is in another state, or it exists already
	ExitUnavailable  = 6   // the service does not answer, or is busy
	ExitIncomplete   = 7   // what was watched is finished, with SIMs that were not transferred
	ExitInterrupted  = 130 // by Ctrl-C
)

// ExitCodes describes the exit codes to people.
const ExitCodes = `Exit codes of the commands over HTTP:

    0    done
    1    refused, or failed
    2    called wrongly
    3    no such thing
    4    no API key, or not allowed with this one
    5    conflict: the request is in another state, it exists already, or the
         first call with this Idempotency-Key still runs
    6    the service does not answer, or is busy
    7    watch: all is finished, but some SIMs were not transferred
    130  interrupted`

// ExitCode is the exit code for the error of a command.
func ExitCode(err error) int {
	var coded *exitError
	var p *Problem
	var unreachable *UnreachableError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &p):
		return p.exitCode()
	case errors.As(err, &unreachable):
		return ExitUnavailable
	}
	return ExitRefused
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...)}
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

	RetryAfter time.Duration `json:"-"` // when to ask again; zero if the answer does not say

	raw []byte // as it came; nil if it was no problem document
}

// Fault is one thing to correct.
type Fault struct {
	Location string `json:"location"`
	Line     int    `json:"line"` // of an upload, from 1
	Row      int    `json:"row"`  // of a JSON upload, from 1
	Column   string `json:"column"`
	Message  string `json:"message"`
	Value    string `json:"value"` // what was there
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	switch {
	case p.Detail != "":
		b.WriteString(": " + p.Detail)
	case p.Status == http.StatusNotFound:
		b.WriteString(": there is no such thing, or it is somebody else's")
	}
	for _, f := range p.Errors {
		b.WriteString("\n  " + f.String())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", p.More)
	}
	return b.String()
}

func (p *Problem) exitCode() int {
	switch {
	case p.busy():
		return ExitUnavailable
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden:
		return ExitUnauthorized
	case p.Status == http.StatusNotFound:
		return ExitNotFound
	case p.Status == http.StatusConflict:
		return ExitConflict
	}
	return ExitRefused
}

// unsure reports whether the call may have been carried out all the same, or may
// be once it is repeated.
func (p *Problem) unsure() bool {
	return p.busy() || p.Code == "still_running" || p.Status >= http.StatusInternalServerError || p.Status == http.StatusRequestTimeout
}

// busy reports whether the same call may succeed a little later.
func (p *Problem) busy() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// String says where a fault is and what to correct.
func (f Fault) String() string {
	message := f.Message
	if f.Value != "" && !strings.Contains(message, f.Value) {
		message += fmt.Sprintf(" (%q)", f.Value)
	}
	switch {
	case f.Row > 0:
		return fmt.Sprintf("row %d: %s", f.Row, message)
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, message)
	case f.Location != "":
		return f.Location + ": " + message
	}
	return message
}
