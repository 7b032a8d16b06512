package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Code says in one word what went wrong, for programs.
type Code string

// The codes of problems. Their meanings are in the table below.
const (
	CodeMalformed       Code = "malformed"
	CodeUnauthenticated Code = "unauthenticated"
	CodeForbidden       Code = "forbidden"
	CodeWrongParty      Code = "wrong_party"
	CodeNotFound        Code = "not_found"
	CodeMethod          Code = "method_not_allowed"
	CodeNotAcceptable   Code = "not_acceptable"
	CodeSlow            Code = "body_too_slow"
	CodeExists          Code = "exists"
	CodeRequestState    Code = "request_state"
	CodeRequestExpired  Code = "request_expired"
	CodeStillRunning    Code = "still_running"
	CodeTooLarge        Code = "too_large"
	CodeMediaType       Code = "unsupported_media_type"
	CodeInvalid         Code = "invalid"
	CodeInvalidLines    Code = "invalid_lines"
	CodeDestination     Code = "unknown_destination"
	CodeOwnAccount      Code = "own_account"
	CodeAccountClosed   Code = "account_closed"
	CodeUnknownSIMs     Code = "unknown_sims"
	CodeNoFee           Code = "no_fee"
	CodeNothingToRetry  Code = "nothing_to_retry"
	CodeKeyReused       Code = "idempotency_key_reused"
	CodeRateLimited     Code = "rate_limited"
	CodeInternal        Code = "internal"
	CodeBusy            Code = "busy"
)

// kind is a sort of problem: the status it goes with, its title, and what it
// means to the person who reads about it.
type kind struct {
	code    Code
	status  int
	title   string
	meaning string
}

// kinds is the one table of problems.
func kinds() []kind {
	return []kind{
		{CodeMalformed, http.StatusBadRequest, "The request could not be read", "The body is missing, cut off, or not JSON."},
		{CodeUnauthenticated, http.StatusUnauthorized, "No valid API key", "Send the header Authorization: Bearer, followed by an API key that is not revoked."},
		{CodeForbidden, http.StatusForbidden, "Not for this role", "The role of the API key may not do this."},
		{CodeWrongParty, http.StatusForbidden, "Not for this side of the request", "The source, the destination and support each have their own decisions."},
		{CodeNotFound, http.StatusNotFound, "Not found", "There is no such thing, or it is somebody else's."},
		{CodeMethod, http.StatusMethodNotAllowed, "Not that method", "The address exists, but not with this method. The header Allow lists those that do."},
		{CodeNotAcceptable, http.StatusNotAcceptable, "Not in that format", "The answer can be had as JSON, and results as NDJSON and CSV too. The header Accept names none of these."},
		{CodeSlow, http.StatusRequestTimeout, "The body came too slowly", "The body did not arrive in time. Nothing was done."},
		{CodeExists, http.StatusConflict, "It exists already", "What was to be made is there already."},
		{CodeRequestState, http.StatusConflict, "The request is in another state", "The field state names the state that the transfer request was in when this was refused."},
		{CodeRequestExpired, http.StatusConflict, "The request has expired", "The time to accept or approve the transfer request is over."},
		{CodeStillRunning, http.StatusConflict, "The first call still runs", "A call with the same Idempotency-Key has not ended. Ask again a little later."},
		{CodeTooLarge, http.StatusRequestEntityTooLarge, "Too large", "The body has more bytes or rows than are accepted. Split it into several."},
		{CodeMediaType, http.StatusUnsupportedMediaType, "Not that media type", "Send JSON with Content-Type: application/json. Uploads also take text/csv and application/x-ndjson."},
		{CodeInvalid, http.StatusUnprocessableEntity, "Something is wrong with the request", "Nothing was done. The field errors says what to correct, and where."},
		{CodeInvalidLines, http.StatusUnprocessableEntity, "Something is wrong with the upload", "Nothing was accepted. The field errors lists the lines to correct, up to 100 of them."},
		{CodeDestination, http.StatusUnprocessableEntity, "No such destination", "No account has this email and this operator id together. Which of the two is wrong is not told."},
		{CodeOwnAccount, http.StatusUnprocessableEntity, "The destination is the source", "A transfer leads to another account."},
		{CodeAccountClosed, http.StatusUnprocessableEntity, "A closed account", "A closed account neither sends nor receives SIMs."},
		{CodeUnknownSIMs, http.StatusUnprocessableEntity, "SIMs that are not open in the request", "Nothing was decided. Leave the SIMs out that the field errors lists."},
		{CodeNoFee, http.StatusUnprocessableEntity, "No fee was quoted", "The fee schedule had no amount in the source's currency. Approve with fee_minor and fee_reason."},
		{CodeNothingToRetry, http.StatusUnprocessableEntity, "Nothing is left to retry", "No line of the request ended in a way that was asked for, or they have all been retried."},
		{CodeKeyReused, http.StatusUnprocessableEntity, "The Idempotency-Key belongs to another call", "A key stands for one call with one body. Use a new one."},
		{CodeRateLimited, http.StatusTooManyRequests, "Too many calls", "The key has made more calls than it may in this time, or has as much under way as may be at once. The header Retry-After says when to ask again."},
		{CodeInternal, http.StatusInternalServerError, "Something went wrong on our side", "The call may or may not have taken effect; with an Idempotency-Key it is safe to repeat it."},
		{CodeBusy, http.StatusServiceUnavailable, "Busy", "The database does not answer or is too busy. The header Retry-After says when to ask again; with an Idempotency-Key it is safe."},
	}
}

func kindOf(code Code) kind {
	for _, k := range kinds() {
		if k.code == code {
			return k
		}
	}
	return kind{code: CodeInternal, status: http.StatusInternalServerError}
}

// Problem is the body of every answer that is not a success, as RFC 9457 has
// it.
type Problem struct {
	Type     string  `json:"type" format:"uri-reference" example:"/problems/request_state" doc:"Where to read about this kind of problem."`
	Title    string  `json:"title" doc:"What kind of problem it is, for people."`
	Status   int     `json:"status" example:"409" doc:"The HTTP status."`
	Detail   string  `json:"detail,omitempty" doc:"What is wrong this time, and what to do."`
	Instance string  `json:"instance,omitempty" format:"uri-reference" doc:"The path and the request id of this answer."`
	Code     Code    `json:"code" example:"request_state" doc:"What kind of problem it is, for programs."`
	State    string  `json:"state,omitempty" doc:"The state that the transfer request was in."`
	Errors   []Fault `json:"errors,omitempty" nullable:"false" doc:"What to correct, up to 100 entries."`
	More     int     `json:"more_errors,omitempty" doc:"How many errors there are beyond those listed."`

	retryAfter int // seconds; zero leaves the header out
}

// Fault is one thing to correct.
type Fault struct {
	Location string `json:"location,omitempty" example:"body.sims[3]" doc:"The field or parameter."`
	Line     int    `json:"line,omitempty" doc:"The line of the upload, from 1, the header included."`
	Row      int    `json:"row,omitempty" doc:"The row of a JSON upload, from 1."`
	Column   string `json:"column,omitempty" doc:"The column of the upload."`
	Code     string `json:"code,omitempty" doc:"What is wrong, for programs."`
	Message  string `json:"message" doc:"What is wrong, for people."`
	Value    string `json:"value,omitempty" doc:"What was there, possibly cut off."`
}

// maxFaults is how many faults a problem lists; the others are counted.
const maxFaults = 100

// add adds a fault, or counts it if there are enough.
func (p *Problem) add(f Fault) {
	if len(p.Errors) >= maxFaults {
		p.More++
		return
	}
	p.Errors = append(p.Errors, f)
}

// Error returns the detail, or else the title.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// GetStatus tells Huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders tells Huma the headers.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="simtransfer"`)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

// ContentType tells Huma the media type.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// fail makes a problem.
func fail(code Code, detail string, faults ...Fault) *Problem {
	k := kindOf(code)
	p := &Problem{Type: "/problems/" + string(k.code), Title: k.title, Status: k.status, Detail: detail, Code: k.code}
	for _, f := range faults {
		p.add(f)
	}
	return p
}

// mapping says which error becomes which problem. fill, if there is one, adds
// what the error knows; it is called for an error that matches alone.
type mapping struct {
	code  Code
	match func(err error, p *Problem) bool
}

// mappings is the one table from errors to problems.
func mappings() []mapping {
	return []mapping{
		{CodeNotFound, is(storage.ErrNotFound, "")},
		{CodeExists, is(storage.ErrExists, "")},
		{CodeStillRunning, is(storage.ErrStillRunning, "the first call with this Idempotency-Key is still running")},
		{CodeKeyReused, is(storage.ErrKeyReused, "this Idempotency-Key was used for another call, or for the same with another body")},
		{CodeKeyReused, is(storage.ErrSealed, "the answer can be read only with the token that made the call: use a new Idempotency-Key")},
		{CodeNothingToRetry, is(storage.ErrNothingToRetry, "no line of this request is left to retry: its retries are listed in retried_by")},
		{CodeInvalid, is(storage.ErrPast, "a fee cannot be valid from the past: it would change what was quoted")},
		{CodeRequestState, as(func(e *transfer.StateError, p *Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{CodeRequestState, as(func(e *storage.NotFinishedError, p *Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{CodeRequestExpired, as(func(e *transfer.ExpiredError, p *Problem) { p.Detail = e.Error() })},
		{CodeWrongParty, as(func(e *transfer.PartyError, p *Problem) { p.Detail = e.Error() })},
		{CodeNoFee, as(func(e *storage.NoFeeError, p *Problem) { p.Detail = e.Error() })},
		{CodeUnknownSIMs, as(fillUnknownSIMs)},
		{CodeInvalidLines, as(fillInvalid)},
		{CodeTooLarge, as(fillTooLarge)},
		{CodeTooLarge, as(func(e *http.MaxBytesError, p *Problem) {
			p.Detail = fmt.Sprintf("the body has more than %d bytes", e.Limit)
		})},
	}
}

func is(target error, detail string) func(error, *Problem) bool {
	return func(err error, p *Problem) bool {
		p.Detail = detail
		return errors.Is(err, target)
	}
}

func as[E error](fill func(E, *Problem)) func(error, *Problem) bool {
	return func(err error, p *Problem) bool {
		var e E
		if !errors.As(err, &e) {
			return false
		}
		fill(e, p)
		return true
	}
}

func fillUnknownSIMs(e *storage.UnknownSIMsError, p *Problem) {
	p.Detail = "some SIMs are not open in this request: leave them out, or read the request's transfers for what became of them"
	for _, id := range e.Identifiers {
		p.add(Fault{Location: "body.sims", Message: "not open in this request", Value: id})
	}
}

func fillInvalid(e *upload.Invalid, p *Problem) {
	p.Detail = fmt.Sprintf("nothing was accepted: %d to correct", len(e.Lines)+e.More)
	for _, l := range e.Lines {
		p.add(Fault{Line: l.Line, Row: l.Row, Column: l.Column, Code: string(l.Code), Message: l.Problem})
	}
	p.More += e.More
}

func fillTooLarge(e *upload.TooLarge, p *Problem) {
	p.Detail = e.Error()
}

// problem turns any error into what is sent, and logs what is our fault, once.
func (s *server) problem(ctx context.Context, err error) *Problem {
	p := toProblem(ctx, err)
	c := callOf(ctx)
	p.Instance = c.path + "#" + c.id
	switch p.Code {
	case CodeInternal:
		s.Log.LogAttrs(ctx, slog.LevelError, "answered 500", slog.String("error", err.Error()), slog.String("request_id", c.id))
	case CodeBusy:
		p.retryAfter = 2
		if !errors.Is(ctx.Err(), context.Canceled) { // else the client has gone
			s.Log.LogAttrs(ctx, slog.LevelWarn, "answered 503", slog.String("error", err.Error()), slog.String("request_id", c.id))
		}
	case CodeStillRunning:
		p.retryAfter = 1
	default:
	}
	return p
}

func toProblem(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, m := range mappings() {
		p := fail(m.code, "")
		if m.match(err, p) {
			return p
		}
	}
	if ctx.Err() != nil || storage.IsBusy(err) {
		return fail(CodeBusy, "the service is busy: ask again a little later")
	}
	return fail(CodeInternal, "")
}

// writeProblem is for what does not go through Huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// ownProblems makes problems of the errors that Huma makes itself, before a
// handler runs: it leaves out what would flood the answer, and adds the code.
func ownProblems(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	c := callOf(ctx.Context())
	code := CodeInvalid
	for _, k := range kinds() {
		if k.status == e.Status {
			code = k.code
			break
		}
	}
	if e.Status == http.StatusUnprocessableEntity {
		code = CodeInvalid
	}
	p := fail(code, humaDetail(e, code))
	p.Status = e.Status
	p.Instance = c.path + "#" + c.id
	for _, f := range e.Errors {
		p.add(Fault{Location: f.Location, Message: f.Message, Value: shown(f)})
	}
	return p, nil
}

func humaDetail(e *huma.ErrorModel, code Code) string {
	switch code {
	case CodeMediaType:
		return "send JSON, with Content-Type: application/json"
	case CodeInternal:
		return "the body could not be read"
	case CodeInvalid:
		return "nothing was done: correct what the errors list"
	default:
		return e.Detail
	}
}

// shown returns the value at fault, unless it is a whole object or long.
func shown(f *huma.ErrorDetail) string {
	if f.Location == "body" {
		return ""
	}
	switch v := f.Value.(type) {
	case string:
		return clip(v)
	case float64, bool, int, int64, json.Number:
		return fmt.Sprint(v)
	default:
		return ""
	}
}

// clip keeps a hostile value from flooding the answer that quotes it.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
