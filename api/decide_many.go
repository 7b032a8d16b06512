package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// RequestChoice is embedded in the bodies of decisions on many requests: it lists
// requests, or selects them by a filter.
type RequestChoice struct {
	Requests    []string     `json:"requests,omitempty" nullable:"false" minItems:"1" maxItems:"1000" doc:"The ids of the requests. Give these or a filter."`
	Filter      *ReviewQueue `json:"filter,omitempty" doc:"Selects requests that are in review, up to 1,000. An empty object selects all of them."`
	ExpectCount *int         `json:"expect_count,omitempty" minimum:"0" doc:"The number of requests that you expect to be chosen. If it is another number, nothing is decided, and the response is 409 with the code request_count. Required with a filter, except in a dry run."`
	DryRun      bool         `json:"dry_run,omitempty" doc:"Says what would happen, and decides nothing."`
}

// ReviewQueue selects requests in review. A request has to match every field that
// is given.
type ReviewQueue struct {
	Account       string     `json:"account,omitempty" maxLength:"132" doc:"The operator id or the external id of the account that sends the SIMs."`
	Reference     string     `json:"reference,omitempty" maxLength:"64" doc:"The reference of the request, or of one of its SIMs."`
	Batch         *uuid.UUID `json:"batch,omitempty" format:"uuid" doc:"The batch that the requests are part of."`
	CreatedAfter  *time.Time `json:"created_after,omitempty" doc:"Requests created at or after this time."`
	CreatedBefore *time.Time `json:"created_before,omitempty" doc:"Requests created before this time."`
}

// RequestDecisions is the outcome of a decision on many requests.
type RequestDecisions struct {
	Chosen   int               `json:"chosen" doc:"How many requests the call was about."`
	Decided  int               `json:"decided" doc:"How many were decided, or would be in a dry run."`
	DryRun   bool              `json:"dry_run" doc:"Whether nothing was decided because the call was a dry run."`
	Requests []RequestDecision `json:"requests" nullable:"false" doc:"What happened to each: in the order of the list, or those whose time for review ends first."`
}

// RequestDecision is the outcome for one of many requests.
type RequestDecision struct {
	Request uuid.UUID             `json:"request" format:"uuid"`
	Decided bool                  `json:"decided" doc:"Whether the call decided the request, or would in a dry run."`
	State   transfer.RequestState `json:"state,omitempty" doc:"The state of the request after the call. Left out if there is no such request."`
	Code    problem.Code          `json:"code,omitempty" doc:"Why the request was not decided."`
	Detail  string                `json:"detail,omitempty" doc:"Why, in a sentence."`
}

type approveManyInput struct {
	Idempotent
	Body struct {
		RequestChoice
		Ticket    string      `json:"ticket" minLength:"1" maxLength:"100" doc:"The reference of the support case."`
		Fee       *MoneyInput `json:"fee,omitempty" doc:"Replaces the quoted fee of each SIM that needs support; 0 waives it. Its currency is required unless it is 0, and requests in another currency are not approved."`
		FeeReason string      `json:"fee_reason,omitempty" maxLength:"500" doc:"Why the fee is changed. Required with fee."`
	}
}

func (s *server) approveRequests(ctx context.Context, in *approveManyInput) (*reply[RequestDecisions], error) {
	p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
	ticket := parsed(p, "body.ticket", in.Body.Ticket, filled(transfer.ParseLine))
	reason := parsed(p, "body.fee_reason", in.Body.FeeReason, transfer.ParseText)
	checkFeeReason(p, in.Body.Fee, reason)
	if fee := in.Body.Fee; fee != nil && !isZero(*fee) && transfer.Trim(fee.Currency) == "" {
		p.Add(problem.FieldError{Location: "body.fee.currency", Message: "required, because the accounts can have different currencies"})
	}
	return s.decideMany(ctx, p, in.Body.RequestChoice, func(r storage.Request) (storage.Decision, error) {
		d := storage.Decision{Event: transfer.Approve, Ticket: ticket, OwnRequest: s.AllowSelfApproval, Reason: reason}
		if in.Body.Fee != nil {
			p := problem.New(problem.Invalid, "")
			fee := parseFee(p, "body.fee", *in.Body.Fee, r.Currency)
			if len(p.Errors) > 0 {
				p.Detail = p.Errors[0].Message
				return d, p
			}
			d.FeeOverride = &fee.Minor
		}
		return d, nil
	})
}

// checkFeeReason adds an error to the problem unless a changed fee has a reason,
// and a reason a changed fee.
func checkFeeReason(p *problem.Problem, fee *MoneyInput, reason string) {
	switch {
	case len(p.Errors) > 0:
	case fee != nil && reason == "":
		p.Add(problem.FieldError{Location: "body.fee_reason", Message: "required with fee: say why the fee is changed or waived"})
	case fee == nil && reason != "":
		p.Add(problem.FieldError{Location: "body.fee", Message: "required with fee_reason: give the fee, or leave fee_reason out"})
	}
}

// isZero reports whether an amount is zero in every currency.
func isZero(m MoneyInput) bool {
	return (m.Amount == nil || strings.Trim(transfer.Trim(*m.Amount), "0.") == "") && (m.Minor == nil || *m.Minor == 0)
}

type denyManyInput struct {
	Idempotent
	Body struct {
		RequestChoice
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, in words. Shown to the sources."`

		Code transfer.DecisionCode `json:"code,omitempty" doc:"Why. Shown to the sources."`
	}
}

func (s *server) denyRequests(ctx context.Context, in *denyManyInput) (*reply[RequestDecisions], error) {
	p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
	d := storage.Decision{Event: transfer.Deny, Reason: parsed(p, "body.reason", in.Body.Reason, filled(transfer.ParseText)), Code: in.Body.Code}
	return s.decideMany(ctx, p, in.Body.RequestChoice, func(storage.Request) (storage.Decision, error) { return d, nil })
}

// decideMany makes a decision on each of some requests as support, each in a
// transaction of its own. p has what is wrong with the decision itself. With an
// Idempotency-Key the response is stored at the end; a call that is repeated
// after it was interrupted finds the requests that were decided in another state.
func (s *server) decideMany(ctx context.Context, p *problem.Problem, choice RequestChoice, decision func(storage.Request) (storage.Decision, error)) (*reply[RequestDecisions], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	out := &reply[RequestDecisions]{}
	if found, err := s.db.Recall(ctx, idem, out); err != nil || found {
		out.Replayed = "true"
		return out, err
	}
	ids, err := s.choose(ctx, p, choice)
	if err != nil {
		return nil, err
	}
	done := RequestDecisions{Chosen: len(ids), DryRun: choice.DryRun, Requests: make([]RequestDecision, 0, len(ids))}
	for _, id := range ids {
		r, err := s.decideOne(ctx, id, decision, choice.DryRun)
		if err != nil {
			return nil, err
		}
		if r.Decided {
			done.Decided++
		}
		done.Requests = append(done.Requests, r)
	}
	return onceAs(ctx, s, idem, func(_ *storage.Tx, out *reply[RequestDecisions]) error {
		out.Status, out.Body = http.StatusOK, done
		return nil
	})
}

// choose returns the ids of the chosen requests, each once.
func (s *server) choose(ctx context.Context, p *problem.Problem, c RequestChoice) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for i, text := range c.Requests {
		id := parsed(p, fmt.Sprintf("body.requests[%d]", i), text, parseRequestID)
		if !seen[id] {
			seen[id], ids = true, append(ids, id)
		}
	}
	switch {
	case (len(c.Requests) > 0) == (c.Filter != nil):
		p.Add(problem.FieldError{Location: "body", Message: "give either requests or a filter"})
	case c.Filter != nil && c.ExpectCount == nil && !c.DryRun:
		p.Add(problem.FieldError{Location: "body.expect_count", Message: "required with a filter: a dry run says how many requests it selects"})
	}
	var err error
	if c.Filter != nil {
		ids, err = s.inReview(ctx, p, *c.Filter)
	}
	switch {
	case len(p.Errors) > 0:
		return nil, p
	case err != nil:
		return nil, err
	case len(ids) > transfer.MaxDecisions:
		return nil, problem.New(problem.TooLarge, fmt.Sprintf("the filter selects more than %d requests: narrow it, for example with created_before, and decide the others in further calls", transfer.MaxDecisions))
	case c.ExpectCount != nil && *c.ExpectCount != len(ids):
		return nil, problem.New(problem.RequestCount, fmt.Sprintf("%s, not %d", chosen(len(ids)), *c.ExpectCount),
			problem.FieldError{Location: "body.expect_count", Message: chosen(len(ids)), Value: strconv.Itoa(*c.ExpectCount), Count: len(ids)})
	}
	return ids, nil
}

func parseRequestID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(transfer.Trim(text))
	if err != nil {
		err = errors.New("not the id of a request, which is a UUID")
	}
	return id, err
}

// inReview returns the ids of the requests in review that a filter selects, up to
// one more than may be decided in a call.
func (s *server) inReview(ctx context.Context, p *problem.Problem, f ReviewQueue) ([]uuid.UUID, error) {
	filter := storage.RequestFilter{
		States:        []transfer.RequestState{transfer.InReview},
		Reference:     parsed(p, "body.filter.reference", f.Reference, transfer.ParseLine),
		Batch:         f.Batch,
		CreatedAfter:  instant(p, "body.filter.created_after", f.CreatedAfter),
		CreatedBefore: instant(p, "body.filter.created_before", f.CreatedBefore),
		ByDeadline:    true,
		Limit:         transfer.MaxDecisions + 1,
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	var err error
	if filter.Source, err = s.reachedAccount(ctx, "body.filter.account", f.Account); err != nil {
		return nil, err
	}
	rows, err := s.db.Requests(ctx, filter)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids, nil
}

// decideOne makes a decision on one of many requests, or returns why it cannot be
// made. An error that is not about the request ends the whole call.
func (s *server) decideOne(ctx context.Context, id uuid.UUID, decision func(storage.Request) (storage.Decision, error), dryRun bool) (RequestDecision, error) {
	v := RequestDecision{Request: id}
	r, party, err := s.visible(ctx, id)
	if err == nil {
		v.State = r.State
		var d storage.Decision
		if d, err = decision(r); err == nil {
			d.By = actor(ctx, party)
			err = s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
				after, err := t.Decide(ctx, id, d)
				v.State = after.State
				if err == nil && dryRun {
					v.State, err = r.State, errDryRun
				}
				return err
			})
		}
	}
	if err == nil || errors.Is(err, errDryRun) {
		v.Decided = true
		return v, nil
	}
	p := toProblem(ctx, err)
	if p.Status >= http.StatusInternalServerError {
		return v, err
	}
	v.Code, v.Detail = p.Code, p.Detail
	if v.Detail == "" {
		v.Detail = problem.KindOf(p.Code).Title
	}
	return v, nil
}

// chosen says how many requests are chosen.
func chosen(n int) string {
	if n == 1 {
		return "1 request is chosen"
	}
	return fmt.Sprintf("%d requests are chosen", n)
}
