package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/api/upload"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// mapping turns errors of one kind into problems with a code. match reports
// whether an error is of this kind, and if so adds what the error says.
type mapping struct {
	code  problem.Code
	match func(err error, p *problem.Problem) bool
}

// mappings is the one table from errors to problems. The first match counts.
func mappings() []mapping {
	return []mapping{
		{problem.NotFound, is(storage.ErrNotFound, "")},
		{problem.Exists, exists},
		{problem.Exists, as(func(e *storage.ExternalIDTakenError, p *problem.Problem) {
			p.Detail = e.Error()
			p.Add(problem.FieldError{Location: "body.external_id", Message: e.Error(), Value: e.ExternalID})
		})},
		{problem.Invalid, as(func(e *storage.UnknownPlansError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.plans", Message: e.Error(), Value: e.Plans[0]})
		})},
		{problem.LastAdministrator, is(storage.ErrLastAdministrator, "this is the last administrator's key that never expires: create another one first")},
		{problem.LastOwner, is(storage.ErrLastOwner, "the account would be left without an owner: give someone else the permission owner first, or create an API key with it; a stolen key can be rotated")},
		{problem.StillRunning, is(storage.ErrStillRunning, "the first call with this Idempotency-Key is still running: repeat this call later")},
		{problem.SyncRunning, is(storage.ErrSyncRunning, "another sync is running: repeat this call later")},
		{problem.RetireShare, as(func(e *storage.RetireShareError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.IdempotencyKeyReused, is(storage.ErrKeyReused, "this Idempotency-Key was used for a different call or with a different body: use a new key")},
		{problem.IdempotencyKeyReused, is(storage.ErrSealed, "the stored response can only be read with the API key that made the first call: use a new Idempotency-Key")},
		{problem.ReferenceTaken, as(func(e *storage.ReferenceTakenError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.CommentLimit, as(func(e *storage.CommentLimitError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.NothingToRetry, is(storage.ErrNothingToRetry, "no SIM of this request is left to retry: the field retried_by of the request lists its retries, and counts.purged says how many rows are no longer stored")},
		{problem.Invalid, is(storage.ErrPast, "valid_from is in the past, which would change fees that were already quoted: use a later time, or leave it out")},
		{problem.RequestState, as(func(e *transfer.StateError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.RequestState, as(func(e *storage.NotFinishedError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.RequestExpired, as(func(e *transfer.ExpiredError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.WindowNotPossible, as(func(e *transfer.WindowError, p *problem.Problem) {
			p.Detail = e.Error()
			p.Add(problem.FieldError{Location: "body." + e.Field, Message: e.Why, Value: e.Value.UTC().Format(time.RFC3339)})
		})},
		{problem.ExtensionNotPossible, as(func(e *transfer.ExtensionError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.StillReleasing, as(func(e *storage.ReleasingError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.SIMsNotFree, as(func(e *storage.SIMsNotFreeError, p *problem.Problem) {
			p.Detail, p.More = e.Error(), e.Count-len(e.Identifiers)
			for _, id := range e.Identifiers {
				p.Add(problem.FieldError{Message: "not free any more", Value: id})
			}
		})},
		{problem.WrongParty, takeBackError(transfer.OtherParty)},
		{problem.TakeBackLate, takeBackError(transfer.TakeBackLate)},
		{problem.NoTakeBack, takeBackError(transfer.NoTakeBack)},
		{problem.PullState, as(func(e *transfer.PullStateError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.TransferCodeState, as(func(e *transfer.CodeStateError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.RateLimited, as(func(e *storage.TooManyCodesError, p *problem.Problem) {
			p.RetryAfter, p.Detail = e.RetryAfter, e.Error()
		})},
		{problem.Invalid, as(fillOwnSIMs)},
		{problem.SIMStatus, as(func(e *transfer.StatusError, p *problem.Problem) { p.State, p.Detail = string(e.From), e.Error() })},
		{problem.SIMInTransfer, as(func(e *storage.InTransferError, p *problem.Problem) { p.State, p.Detail = string(e.State), e.Error() })},
		{problem.SIMHasHistory, as(func(e *storage.SIMHasHistoryError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.SIMCount, as(func(e *storage.SIMCountError, p *problem.Problem) {
			p.Detail = e.Error()
			p.Add(problem.FieldError{Location: "body.expect_count", Message: e.Found(), Value: strconv.Itoa(e.Expected), Count: e.Selected})
		})},
		{problem.NothingSelected, as(func(e *storage.NothingSelectedError, p *problem.Problem) {
			p.Detail = e.Error()
			if e.Range != "" {
				p.Add(problem.FieldError{Location: fmt.Sprintf("body.sims[%d]", e.Line-1), Message: e.Error(), Value: e.Range})
			}
			for _, c := range e.Unmatched {
				p.Add(problem.FieldError{Location: "body.filter." + c.Field, Message: c.String(), Value: c.Value})
			}
		})},
		{problem.UnknownLot, as(func(e *storage.UnknownLotError, p *problem.Problem) {
			p.Detail = e.Error()
			for _, lot := range e.Lots {
				p.Add(problem.FieldError{Location: "body.filter.lot", Message: "the account has no SIM of this lot", Value: lot})
			}
		})},
		{problem.TooManySIMs, as(func(e *storage.SelectionTooLargeError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.SIMsRefused, as(fillRefused)},
		{problem.IdentifierTaken, as(func(e *storage.IdentifierTakenError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.IdentifierTaken, as(func(e *storage.SIMExternalIDTakenError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.IdentifierRequired, as(func(e *storage.IdentifierRequiredError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.Invalid, as(func(e *storage.IdentifierNotHeldError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.from", Message: e.Error(), Value: e.From})
		})},
		{problem.Invalid, as(func(e *storage.ReasonRequiredError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.reason", Message: e.Error()})
		})},
		{problem.Invalid, as(func(e *storage.CardError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body." + e.Field, Message: e.Error()})
		})},
		{problem.Invalid, as(func(e *storage.SameOwnerError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.account", Message: e.Error(), Value: string(e.OperatorID)})
		})},
		{problem.Invalid, as(func(e *storage.UnknownPlanError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.plan", Message: e.Error() + ": give the name of an existing plan", Value: e.Plan})
		})},
		{problem.Invalid, as(func(e *storage.PlanNotAvailableError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body", Message: e.Error() + ": give another plan, or allow it for the account", Value: e.Plan})
		})},
		{problem.TooLarge, as(func(e *storage.TooManySIMsError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.WebhookDisabled, as(func(e *storage.WebhookDisabledError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.AccountInUse, as(fillInUse)},
		{problem.AccountLimit, as(fillLimit)},
		{problem.SelfApproval, as(func(e *storage.SelfApprovalError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.AccountClosed, as(func(e *storage.AccountClosedError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.WrongParty, as(func(e *transfer.PartyError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.NoFee, as(func(e *storage.NoFeeError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.PlanNotAvailable, as(func(e *storage.LandingPlanError, p *problem.Problem) {
			p.Detail = e.Error()
			p.Add(problem.FieldError{Location: "body.landing.plan", Message: e.Error(), Value: e.Plan})
		})},
		{problem.PlanNotAvailable, as(func(e *storage.MappedPlanError, p *problem.Problem) {
			at, value := "body.default", e.Plan
			if e.From != "" {
				at = "body.plans." + problem.Clip(e.From)
			}
			if e.IsFrom {
				value = e.From
			}
			p.Detail = e.Error()
			p.Add(problem.FieldError{Location: at, Message: e.Error(), Value: value})
		})},
		{problem.AccountLimit, is(storage.ErrTooManyMappings, storage.ErrTooManyMappings.Error())},
		{problem.Invalid, as(func(e *storage.TagsError, p *problem.Problem) {
			p.Add(problem.FieldError{Location: "body.tags", Message: e.Error()})
		})},
		{problem.UnknownSIMs, as(fillUnknownSIMs)},
		{problem.UnknownSIMs, as(fillNotAskedFor)},
		{problem.InvalidLines, as(fillInvalid)},
		{problem.TooLarge, as(fillTooLarge)},
		{problem.Busy, as(func(e *storage.MissingRightsError, p *problem.Problem) { p.Detail = e.Error() })},
		{problem.TooLarge, as(func(e *http.MaxBytesError, p *problem.Problem) {
			p.Detail = fmt.Sprintf("the body is larger than the limit of %d bytes: split it into several calls", e.Limit)
		})},
	}
}

// refusal returns a problem that lists what to fix, nil if it lists nothing. If all
// errors are of one kind that is a problem of its own, it is that problem.
func refusal(p *problem.Problem) error {
	if len(p.Errors) == 0 {
		return nil
	}
	for _, e := range p.Errors {
		if e.Code != string(problem.InvalidRange) {
			return p
		}
	}
	ranges := problem.New(problem.InvalidRange, p.Detail, p.Errors...)
	ranges.More = p.More
	return ranges
}

func is(target error, detail string) func(error, *problem.Problem) bool {
	return func(err error, p *problem.Problem) bool {
		p.Detail = detail
		return errors.Is(err, target)
	}
}

// exists matches an error of a row that exists already, which says which one.
func exists(err error, p *problem.Problem) bool {
	p.Detail = err.Error()
	return errors.Is(err, storage.ErrExists)
}

func as[E error](fill func(E, *problem.Problem)) func(error, *problem.Problem) bool {
	return func(err error, p *problem.Problem) bool {
		var e E
		if !errors.As(err, &e) {
			return false
		}
		fill(e, p)
		return true
	}
}

// takeBackError matches a *transfer.TakeBackError with a cause.
func takeBackError(why string) func(error, *problem.Problem) bool {
	return func(err error, p *problem.Problem) bool {
		var e *transfer.TakeBackError
		if !errors.As(err, &e) || e.Why != why {
			return false
		}
		p.Detail = e.Error()
		return true
	}
}

func fillNotAskedFor(e *storage.NotAskedForError, p *problem.Problem) {
	p.Detail = "the pull request does not ask your account for some of the SIMs: remove them, or get the pull request to see which it asks for"
	for _, id := range e.Identifiers {
		p.Add(problem.FieldError{Location: "body.sims", Message: "the pull request does not ask your account for it", Value: id})
	}
}

func fillUnknownSIMs(e *storage.UnknownSIMsError, p *problem.Problem) {
	p.Detail = "some SIMs are not open in this request: remove them, or list the transfers of the request to see their states"
	for _, id := range e.Identifiers {
		p.Add(problem.FieldError{Location: "body.sims", Message: "not open in this request", Value: id})
	}
}

func fillInUse(e *storage.AccountInUseError, p *problem.Problem) {
	p.Detail = e.Error()
	for _, c := range []struct {
		code, what string
		n          int
	}{
		{"requests_sent", "open requests that the account sends", e.Sent},
		{"requests_received", "open requests that the account receives", e.Received},
		{"requests_accepted", "of these are accepted and can no longer be canceled", e.Accepted},
		{"batches", "batches with open requests", e.Batches},
		{"sims", "SIMs registered to the account", e.SIMs},
		{"keys", "API keys that are not revoked", e.Keys},
	} {
		p.Add(problem.FieldError{Location: "body.standing", Code: c.code, Message: fmt.Sprintf("%d %s", c.n, c.what), Value: strconv.Itoa(c.n)})
	}
}

func fillInvalid(e *upload.Invalid, p *problem.Problem) {
	n := e.Total()
	if n == 1 {
		p.Detail = "nothing was accepted: 1 error to fix"
	} else {
		p.Detail = fmt.Sprintf("nothing was accepted: %d errors to fix", n)
	}
	for _, l := range e.Lines {
		p.Add(fieldErrorOf(l))
	}
	p.More += e.More
}

func fieldErrorOf(e upload.RowError) problem.FieldError {
	f := problem.FieldError{Line: e.Line, Row: e.Row, Column: e.Column, Code: string(e.Code), Message: e.Problem}
	if e.Again > 0 {
		f.Count, f.Example = 1+e.Again, e.Example
		for _, place := range append([]upload.Place{e.Place}, e.Others...) {
			if place != (upload.Place{}) { // a SIM that is missing from a file has none
				f.Lines = append(f.Lines, cmp.Or(place.Row, place.Line))
			}
		}
	}
	return f
}

func fillTooLarge(e *upload.TooLarge, p *problem.Problem) {
	p.Detail = e.Error()
}

// problem turns any error into the problem to respond with. It logs errors
// that are not the client's; no other place logs them.
func (s *server) problem(ctx context.Context, err error) *problem.Problem {
	p := toProblem(ctx, err)
	c := callOf(ctx)
	p.Instance = c.path + "#" + c.id
	nameResource(c, p)
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		s.denied(ctx, p)
	}
	switch p.Code {
	case problem.Malformed:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "responded 400", slog.String("error", err.Error()), slog.String("request_id", c.id))
	case problem.Internal:
		s.Log.LogAttrs(ctx, slog.LevelError, "responded 500", slog.String("error", err.Error()), slog.String("request_id", c.id))
	case problem.Busy:
		p.RetryAfter = 2 * time.Second
		if !errors.Is(ctx.Err(), context.Canceled) { // otherwise the client is gone
			s.Log.LogAttrs(ctx, s.levelOf(err), "responded 503", slog.String("error", err.Error()), slog.String("request_id", c.id))
		}
	case problem.StillRunning, problem.StillReleasing:
		p.RetryAfter = time.Second
	case problem.SyncRunning:
		p.RetryAfter = 30 * time.Second
	default:
	}
	return p
}

// levelOf returns the level at which a response 503 is logged. A cause that
// concerns every call is an error, once, until it has not occurred for a minute.
// Package storage logs once that it cannot connect to the database.
func (s *server) levelOf(err error) slog.Level {
	var connect *storage.ConnectError
	if errors.As(err, &connect) {
		return slog.LevelDebug
	}
	switch storage.KindOf(err) {
	case storage.SystemError, storage.UnavailableError:
		if s.alarm.IsNews(err) {
			return slog.LevelError
		}
		return slog.LevelDebug
	default:
		return slog.LevelWarn
	}
}

func toProblem(ctx context.Context, err error) *problem.Problem {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p
	}
	for _, m := range mappings() {
		p := problem.New(m.code, "")
		if m.match(err, p) {
			return p
		}
	}
	if p := endedBy(ctx); p != nil {
		return p
	}
	if callOf(ctx).body.cut() {
		return problem.New(problem.Malformed, "the body is incomplete: the connection ended before the whole body arrived. Send it again")
	}
	if callOf(ctx).reads && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Busy, fmt.Sprintf("reading took longer than %d seconds: ask for fewer rows with limit, or add filters that leave fewer rows to look at", int(readTimeout.Seconds())))
	}
	if ctx.Err() != nil || storage.IsBusy(err) {
		return problem.New(problem.Busy, "the service is busy: repeat the call later")
	}
	return problem.New(problem.Internal, "")
}

// humaProblems turns the errors that Huma finds before it calls a handler into
// problems: it adds the code and bounds the length.
func humaProblems(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	c := callOf(ctx.Context())
	code := problem.CodeOfStatus(e.Status)
	p := problem.New(code, humaDetail(e, code))
	p.Status = e.Status
	p.Instance = c.path + "#" + c.id
	for _, f := range e.Errors {
		p.Add(problem.FieldError{Location: f.Location, Message: humaMessage(f.Message), Value: valueOf(f)})
	}
	return p, nil
}

// exponents are numbers as Go prints large limits, such as 2.592e+06.
var exponents = regexp.MustCompile(`\b[0-9.]+e\+[0-9]+\b`)

// humaMessage says in plain words what Huma found.
func humaMessage(text string) string {
	switch {
	case text == "invalid integer":
		return "must be a whole number in digits, such as 50, and not too large"
	case text == "invalid float":
		return "must be a number, such as 0.01"
	case strings.Contains(text, "invalid UUID"):
		return "not an id: it looks like 0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"
	}
	return exponents.ReplaceAllStringFunc(text, func(number string) string {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return number
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	})
}

func humaDetail(e *huma.ErrorModel, code problem.Code) string {
	switch code {
	case problem.UnsupportedMediaType:
		return "send JSON with Content-Type: application/json"
	case problem.Internal:
		return "the body could not be read"
	case problem.Invalid:
		return "nothing was changed: fix the listed errors"
	default:
		return e.Detail
	}
}

// valueOf returns the invalid value, or nothing if it is an object or a list.
func valueOf(f *huma.ErrorDetail) string {
	if f.Location == "body" {
		return ""
	}
	switch v := f.Value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool, int, int64, json.Number:
		return fmt.Sprint(v)
	default:
		return ""
	}
}
