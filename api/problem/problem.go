// Package problem is the error responses of the API, as RFC 9457 defines them:
// their codes, their bodies, and how they are written. It knows no server and
// no database; package api decides which error becomes which problem.
package problem

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ContentType is the media type of problems.
const ContentType = "application/problem+json"

// Problem is the body of every response that is not a success. It is an error,
// so handlers return it.
type Problem struct {
	Type     string       `json:"type" format:"uri-reference" example:"/problems/request_state" doc:"Where this kind of problem is explained."`
	Title    string       `json:"title" doc:"The kind of problem, for people."`
	Status   int          `json:"status" example:"409" doc:"The HTTP status."`
	Detail   string       `json:"detail,omitempty" doc:"What is wrong with this call, and what to do."`
	Instance string       `json:"instance,omitempty" format:"uri-reference" doc:"The path and the request id of the call."`
	Code     Code         `json:"code" example:"request_state" doc:"The kind of problem, for programs."`
	State    string       `json:"state,omitempty" doc:"The state that the transfer request was in."`
	Errors   []FieldError `json:"errors,omitempty" nullable:"false" doc:"What to fix, up to 100 entries."`
	More     int          `json:"more_errors,omitempty" doc:"How many errors there are in addition to those listed."`

	ETag string `json:"-"` // the header of this name: the present version of the resource; empty sends none

	// RetryAfter is sent as the header of this name, in seconds, rounded up.
	// Zero sends no header.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is one thing to fix: in a field or parameter, or in a row of an
// upload.
type FieldError struct {
	Location string `json:"location,omitempty" example:"body.sims[3]" doc:"The field or parameter."`
	Line     int    `json:"line,omitempty" doc:"The line of the upload, counted from 1, including the header."`
	Row      int    `json:"row,omitempty" doc:"The row of a JSON upload, counted from 1."`
	Column   string `json:"column,omitempty" doc:"The column of the upload."`
	Code     string `json:"code,omitempty" doc:"What is wrong, for programs."`
	Message  string `json:"message" doc:"What is wrong, for people."`
	Value    string `json:"value,omitempty" doc:"The invalid value. A long value is truncated."`

	Count int   `json:"count,omitempty" doc:"How many rows of the upload have this error, if several have. If another number of SIMs is selected than expected: how many are."`
	Lines []int `json:"lines,omitempty" nullable:"false" doc:"The first 10 lines with this error, if several have it; rows for a JSON upload."`

	Example bool `json:"example,omitempty" doc:"The lines have errors of the same kind, each with a value of its own, and message is about the first of them. Up to 5 errors of a kind are listed one by one."`
}

// maxErrors is how many errors a problem lists; the rest are counted.
const maxErrors = 100

// String returns the row, line or location of the error and its message, with
// the value unless the message contains it.
func (e FieldError) String() string {
	message := e.Message
	if e.Value != "" && !strings.Contains(message, e.Value) {
		message += fmt.Sprintf(" (%q)", e.Value)
	}
	if e.Example {
		message = "for example: " + message
	}
	switch {
	case e.Count > 1 && len(e.Lines) > 0:
		return fmt.Sprintf("%s: %s", e.rows(), message)
	case e.Example:
		return fmt.Sprintf("%d times, %s", e.Count, message)
	case e.Row > 0:
		return fmt.Sprintf("row %d: %s", e.Row, message)
	case e.Line > 0:
		return fmt.Sprintf("line %d: %s", e.Line, message)
	case e.Location != "":
		return e.Location + ": " + message
	}
	return message
}

// rows returns "lines 3, 4 and 1585 others".
func (e FieldError) rows() string {
	text, separator := "lines ", ""
	if e.Row > 0 {
		text = "rows "
	}
	for _, line := range e.Lines {
		text += separator + strconv.Itoa(line)
		separator = ", "
	}
	switch others := e.Count - len(e.Lines); {
	case others == 1:
		text += " and 1 other"
	case others > 1:
		text += fmt.Sprintf(" and %d others", others)
	}
	return text
}

// New returns a problem. An empty detail is left out of the body.
func New(code Code, detail string, errors ...FieldError) *Problem {
	k := KindOf(code)
	p := &Problem{Type: "/problems/" + string(k.Code), Title: k.Title, Status: k.Status, Detail: detail, Code: k.Code}
	for _, e := range errors {
		p.Add(e)
	}
	return p
}

// Add lists an error, with its value truncated, or only counts it if the
// problem lists 100 already.
func (p *Problem) Add(e FieldError) {
	if len(p.Errors) >= maxErrors {
		p.More++
		return
	}
	e.Value = Clip(e.Value)
	p.Errors = append(p.Errors, e)
}

// Error returns the detail, or the title if there is no detail.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="simtransfer"`)
	}
	if p.ETag != "" {
		h.Set("ETag", p.ETag)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return ContentType }

// Write sends the problem as the whole response. Handlers that are registered
// with Huma return the problem instead.
func (p *Problem) Write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a problem cannot be written: %v", err)) // cannot happen: it has texts and numbers only
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(text, '\n')) // the client may be gone
}

// Clip truncates a text from outside to 64 bytes, for messages that quote it.
func Clip(s string) string {
	const maxBytes = 64
	if len(s) <= maxBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxBytes], "") + "…"
}
