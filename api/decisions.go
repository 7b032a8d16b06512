package api

import (
	"context"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type acceptInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body *struct {
		SIMs []string `json:"sims,omitempty" nullable:"false" minItems:"1" maxItems:"100000" doc:"Accept only these SIMs, by any of their identifiers, by EID, or by ranges of ICCIDs such as 8988211000000000011-8988211000000000099, each for the open SIMs of the request in it, and decline the others: with a window at once, otherwise as the transfer is executed. Default: all SIMs."`

		Landing *Landing `json:"landing,omitempty" doc:"What to set on the SIMs when they arrive. What it leaves out comes from the landing profile of the destination's account."`

		WithoutProfile bool `json:"without_profile,omitempty" doc:"Ignores the landing profile of the destination's account: the SIMs get only what landing says."`

		OnBehalf *OnBehalf `json:"on_behalf,omitempty" doc:"Accepts on behalf of the destination. Required for support, which can do so if the service is set up to allow it, and not allowed for others."`

		NotBefore *time.Time `json:"not_before,omitempty" doc:"When to start the transfer, up to 30 days from now. Until then the request is scheduled: its SIMs stay reserved and are transferred only then, and both sides can still withdraw. Default, with not_after: as soon as possible."`
		NotAfter  *time.Time `json:"not_after,omitempty" doc:"When it is too late to start the transfer, at least a minute after not_before and up to 90 days from now: the request then expires. Default: never."`
	}
}

// OnBehalf says why support accepts on behalf of the destination.
type OnBehalf struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, in words. The source and the destination see it."`
	Ticket string `json:"ticket" minLength:"1" maxLength:"100" doc:"The reference of the support case. The source sees it, as that of an approval."`
}

func (s *server) acceptRequest(ctx context.Context, in *acceptInput) (*reply[Request], error) {
	d := storage.Decision{Event: transfer.Accept}
	var sims []string
	if in.Body != nil {
		sims = in.Body.SIMs
		p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
		d.Landing, d.WithoutProfile = in.Body.Landing.parse(p, "body.landing"), in.Body.WithoutProfile
		d.Window = parseWindow(p, in.Body.NotBefore, in.Body.NotAfter)
		if b := in.Body.OnBehalf; b != nil {
			d.OnBehalf = &storage.OnBehalf{
				Reason: parsed(p, "body.on_behalf.reason", b.Reason, filled(transfer.ParseText)),
				Ticket: parsed(p, "body.on_behalf.ticket", b.Ticket, filled(transfer.ParseLine)),
			}
		}
		if len(p.Errors) > 0 {
			return nil, p
		}
	}
	if err := s.mayAcceptFor(callerOf(ctx), d.OnBehalf != nil); err != nil {
		return nil, err
	}
	d.OwnRequest = s.AllowSelfApproval
	return s.decide(ctx, in.RequestPath, d, sims)
}

// mayAcceptFor returns why a caller may not accept requests as it does: on behalf of
// the destination or not. Nil if it may.
func (s *server) mayAcceptFor(c storage.Caller, onBehalf bool) error {
	field := problem.FieldError{Location: "body.on_behalf"}
	switch {
	case onBehalf == isStaff(c) && (!onBehalf || s.AllowAcceptOnBehalf):
		return nil
	case !isStaff(c):
		field.Message = "leave it out"
		return problem.New(problem.Forbidden, "only support accepts on behalf of a destination: an account accepts the requests that it receives itself", field)
	case onBehalf:
		return problem.New(problem.OnBehalfOff, "the operator of this service has not allowed support to accept on behalf of destinations: let the destination accept, or set SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF")
	case !s.AllowAcceptOnBehalf: // as for every other party
		return &transfer.PartyError{Party: transfer.PartySupport, Event: transfer.Accept}
	}
	field.Message = "required: say why, and name the ticket"
	return problem.New(problem.WrongParty, "support can accept a request only on behalf of the destination", field)
}

// parseWindow returns the window of an acceptance; nil if it has none.
func parseWindow(p *problem.Problem, notBefore, notAfter *time.Time) *transfer.Window {
	if notBefore == nil && notAfter == nil {
		return nil
	}
	w := transfer.Window{}
	if at := instant(p, "body.not_before", notBefore); at != nil {
		w.NotBefore = *at
	}
	if at := instant(p, "body.not_after", notAfter); at != nil {
		w.NotAfter = *at
	}
	return &w
}

type extendInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body struct {
		Until   *time.Time `json:"until,omitempty" doc:"When the time to decide shall end: later than now planned, and up to 30 days after it began."`
		Seconds int64      `json:"seconds,omitempty" minimum:"1" maximum:"2592000" doc:"By how many seconds to extend the time to decide. Give this or until."`
	}
}

func (s *server) extendRequest(ctx context.Context, in *extendInput) (*reply[Request], error) {
	p := problem.New(problem.Invalid, "nothing was changed: fix the listed errors")
	d := storage.Decision{Event: transfer.Extend, Longer: time.Duration(in.Body.Seconds) * time.Second}
	if at := instant(p, "body.until", in.Body.Until); at != nil {
		d.Until = *at
	}
	if (in.Body.Until == nil) == (in.Body.Seconds == 0) {
		p.Add(problem.FieldError{Location: "body", Message: "give either until or seconds"})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return s.decide(ctx, in.RequestPath, d, nil)
}

type takeBackInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body *struct{}
}

// takeBackRequest undoes a cancel, decline or denial.
func (s *server) takeBackRequest(ctx context.Context, in *takeBackInput) (*reply[Request], error) {
	_, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if c := callerOf(ctx); party == transfer.PartyDestination && !c.Permission.Includes(approvers.permission()) {
		return nil, lacksPermission(c, approvers.permission(), "taking back a decline")
	}
	return s.decide(ctx, in.RequestPath, storage.Decision{Event: transfer.TakeBack, Limits: s.limits()}, nil)
}

type declineInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body *struct {
		SIMs   []string `json:"sims,omitempty" nullable:"false" minItems:"1" maxItems:"10000" doc:"Decline only these SIMs, by any of their identifiers, by EID, or by ranges of ICCIDs such as 8988211000000000011-8988211000000000099, each for the open SIMs of the request in it; the others stay open. Default: all SIMs."`
		Reason string   `json:"reason,omitempty" maxLength:"500" doc:"Why, in words. Shown to the source. Required with the code other."`

		Code transfer.DecisionCode `json:"code,omitempty" doc:"Why. Shown to the source."`
	}
}

func (s *server) declineRequest(ctx context.Context, in *declineInput) (*reply[Request], error) {
	d := storage.Decision{Event: transfer.Decline}
	var sims []string
	if in.Body != nil {
		sims = in.Body.SIMs
		p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
		if parseDecisionWords(p, &d, in.Body.Code, in.Body.Reason); len(p.Errors) > 0 {
			return nil, p
		}
	}
	return s.decide(ctx, in.RequestPath, d, sims)
}

type cancelInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body *struct {
		SIMs []string `json:"sims,omitempty" nullable:"false" minItems:"1" maxItems:"10000" doc:"Cancel only these SIMs, by any of their identifiers, by EID, or by ranges of ICCIDs such as 8988211000000000011-8988211000000000099, each for the open SIMs of the request in it; the others continue. Default: all SIMs."`

		Code   transfer.DecisionCode `json:"code,omitempty" doc:"Why. Shown to the destination, if it could decide already."`
		Reason string                `json:"reason,omitempty" maxLength:"500" doc:"Why, in words. Shown like code. Required with the code other."`
	}
}

func (s *server) cancelRequest(ctx context.Context, in *cancelInput) (*reply[Request], error) {
	d := storage.Decision{Event: transfer.Cancel}
	var sims []string
	if in.Body != nil {
		sims = in.Body.SIMs
		p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
		if parseDecisionWords(p, &d, in.Body.Code, in.Body.Reason); len(p.Errors) > 0 {
			return nil, p
		}
	}
	return s.decide(ctx, in.RequestPath, d, sims)
}

type approveInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body struct {
		Ticket    string      `json:"ticket" minLength:"1" maxLength:"100" doc:"The reference of the support case."`
		Fee       *MoneyInput `json:"fee,omitempty" doc:"Replaces the quoted fee of each SIM that needs support, in the currency of the source; 0 waives it."`
		FeeReason string      `json:"fee_reason,omitempty" maxLength:"500" doc:"Why the fee is changed. Required with fee."`
	}
}

func (s *server) approveRequest(ctx context.Context, in *approveInput) (*reply[Request], error) {
	p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
	d := storage.Decision{
		Event:      transfer.Approve,
		Ticket:     parsed(p, "body.ticket", in.Body.Ticket, filled(transfer.ParseLine)),
		OwnRequest: s.AllowSelfApproval,
		Reason:     parsed(p, "body.fee_reason", in.Body.FeeReason, transfer.ParseText),
	}
	if in.Body.Fee != nil {
		r, _, err := s.visible(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		fee := parseFee(p, "body.fee", *in.Body.Fee, r.Currency)
		d.FeeOverride = &fee.Minor
	}
	checkFeeReason(p, in.Body.Fee, d.Reason)
	if len(p.Errors) > 0 {
		return nil, p
	}
	return s.decide(ctx, in.RequestPath, d, nil)
}

type denyInput struct {
	Idempotent
	IfMatch
	RequestPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, in words. Shown to the source."`

		Code transfer.DecisionCode `json:"code,omitempty" doc:"Why. Shown to the source."`
	}
}

func (s *server) denyRequest(ctx context.Context, in *denyInput) (*reply[Request], error) {
	p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
	d := storage.Decision{Event: transfer.Deny, Reason: parsed(p, "body.reason", in.Body.Reason, filled(transfer.ParseText)), Code: in.Body.Code}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return s.decide(ctx, in.RequestPath, d, nil)
}

// decide makes a decision as the caller, for the given SIMs or, if there are
// none, for the whole request.
func (s *server) decide(ctx context.Context, in RequestPath, d storage.Decision, sims []string) (*reply[Request], error) {
	p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
	for _, ref := range parseSIMRefs(p, "body.sims", sims) {
		if ref.One() {
			d.SIMs = append(d.SIMs, ref.ID)
		} else {
			d.Ranges = append(d.Ranges, ref)
		}
	}
	if err := refusal(p); err != nil {
		return nil, err
	}
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	d.By = actor(ctx, party)
	out, err := once(ctx, s, func(t *storage.Tx, out *reply[Request]) error {
		if len(d.Ranges) > 0 {
			if err := t.AllowLong(ctx, selectionTimeout); err != nil {
				return err
			}
		}
		if conditional(ctx) {
			d.If = func(is storage.Request) error {
				v, err := s.viewWhole(ctx, t, is)
				if err != nil {
					return err
				}
				return matches(ctx, v)
			}
		}
		after, err := t.Decide(ctx, r.ID, d)
		if err != nil {
			return err
		}
		out.Status, out.Location = 202, requestPath(r.ID)
		out.Body, err = s.viewWhole(ctx, t, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ETag, err = entityTag(out.Body)
	return out, err
}
