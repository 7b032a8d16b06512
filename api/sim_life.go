package api

import (
	"context"
	"fmt"
	"slices"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type swapSIMInput struct {
	Idempotent
	IfMatch
	SIMPath
	Body struct {
		ICCID  string   `json:"iccid" maxLength:"64" doc:"The ICCID of the new card: a ready SIM of the same account, or a card that is not in the inventory yet."`
		IMSIs  []string `json:"imsis,omitempty" nullable:"false" maxItems:"16" doc:"The IMSIs of the new card. Required if it is not in the inventory yet."`
		EID    *string  `json:"eid,omitempty" maxLength:"64" doc:"The EID of the eUICC that holds the new profile: 32 digits."`
		Reason string   `json:"reason" minLength:"1" maxLength:"500" doc:"Why the card is replaced. Recorded in the audit trail."`
	}
}

// SwappedSIMs are both cards after a swap.
type SwappedSIMs struct {
	Old SIM `json:"old" doc:"The card that was replaced. It is terminated."`
	New SIM `json:"new" doc:"The card that took over."`
}

func (s *server) swapSIM(ctx context.Context, in *swapSIMInput) (*reply[SwappedSIMs], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	swap := storage.Swap{
		ICCID: parsed(p, "body.iccid", in.Body.ICCID, transfer.ParseICCID),
		EID:   parsedIfGiven(p, "body.eid", in.Body.EID, transfer.ParseEID),
		Why:   parsed(p, "body.reason", in.Body.Reason, filled(transfer.ParseText)),
		If:    simCondition(ctx),
	}
	for i, text := range in.Body.IMSIs {
		imsi := parsed(p, fmt.Sprintf("body.imsis[%d]", i), text, transfer.ParseIMSI)
		if slices.Contains(swap.IMSIs, imsi) {
			p.Add(problem.FieldError{Location: fmt.Sprintf("body.imsis[%d]", i), Message: "the IMSI is listed twice: list it once", Value: text})
		}
		swap.IMSIs = append(swap.IMSIs, imsi)
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[SwappedSIMs]) error {
		both, err := t.SwapSIM(ctx, actingCaller(ctx), id, swap)
		if err != nil {
			return err
		}
		out.Status = 200
		if out.Body.Old, err = viewSIM(both.Old, callerOf(ctx)); err != nil {
			return err
		}
		out.Body.New, err = viewSIM(both.New, callerOf(ctx))
		return err
	})
}

type retireSIMInput struct {
	Idempotent
	IfMatch
	SIMPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why the import was wrong. Recorded in the audit trail."`
	}
}

func (s *server) retireSIM(ctx context.Context, in *retireSIMInput) (*reply[SIM], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	why, err := filled(transfer.ParseText)(in.Body.Reason)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "body.reason", Message: err.Error()})
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[SIM]) error {
		row, err := t.RetireSIM(ctx, actingCaller(ctx), id, why, simCondition(ctx))
		return simReply(ctx, out, row, err)
	})
}

type correctOwnerInput struct {
	Idempotent
	IfMatch
	SIMPath
	Body struct {
		Account string `json:"account" maxLength:"132" example:"OP0087654321" doc:"The operator id or external id of the account that the SIM should be registered to."`
		Reason  string `json:"reason" minLength:"1" maxLength:"500" doc:"Why the owner has to be corrected. Recorded in the audit trail."`
		Ticket  string `json:"ticket,omitempty" maxLength:"100" doc:"The reference of the support case. Shown in the history of the SIM."`
	}
}

func (s *server) correctOwner(ctx context.Context, in *correctOwnerInput) (*reply[SIM], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "")
	c := storage.OwnerCorrection{
		Ticket: parsed(p, "body.ticket", in.Body.Ticket, transfer.ParseLine),
		Why:    parsed(p, "body.reason", in.Body.Reason, filled(transfer.ParseText)),
		If:     simCondition(ctx),
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	if c.To, err = s.namedAccount(ctx, "body.account", in.Body.Account); err != nil {
		return nil, err
	}
	if c.To.Standing != storage.StandingOpen {
		return nil, problem.New(problem.AccountClosed, fmt.Sprintf("the account %s is closed: give an open one, or open it again first", c.To.OperatorID))
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[SIM]) error {
		row, err := t.CorrectOwner(ctx, actingCaller(ctx), id, c)
		return simReply(ctx, out, row, err)
	})
}

// simReply makes a SIM, or an error, the response.
func simReply(ctx context.Context, out *reply[SIM], row storage.SIM, err error) error {
	if err != nil {
		return err
	}
	out.Status = 200
	if out.Body, err = viewSIM(row, callerOf(ctx)); err != nil {
		return err
	}
	out.ETag, err = entityTag(out.Body)
	return err
}
