package api

import (
	"context"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type retryInput struct {
	Idempotent
	RequestPath
	Body *struct {
		Reasons           []transfer.Reason `json:"reasons,omitempty" nullable:"false" maxItems:"20" doc:"Retry only SIMs that were not transferred for one of these reasons. Default: all SIMs that failed, were ineligible or expired, and those that were denied because of other SIMs."`
		SelfServiceOnly   bool              `json:"self_service_only,omitempty" doc:"Makes SIMs ineligible that would need approval by support."`
		AcceptanceSeconds int64             `json:"acceptance_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long the destination has to accept. Default: as long as in the retried request."`
	}
}

func (s *server) retryRequest(ctx context.Context, in *retryInput) (*reply[Request], error) {
	old, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !mayRetry(party) {
		return nil, problem.New(problem.WrongParty, "only the source of a request, or support, can retry it")
	}
	r := storage.Retry{Review: s.ReviewPeriod, By: sender(ctx)}
	if in.Body != nil {
		r.Reasons = in.Body.Reasons
		r.SelfServiceOnly = in.Body.SelfServiceOnly
		r.Acceptance = time.Duration(in.Body.AcceptanceSeconds) * time.Second
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Request]) error {
		source, err := t.Account(ctx, old.SourceOperator.Ref())
		if err != nil {
			return err
		}
		to, err := t.Account(ctx, old.DestinationOperator.Ref())
		if err != nil {
			return err
		}
		if wrong := wrongDestination(source, to); wrong != nil {
			return problem.New(wrong.code, wrong.message)
		}
		if err := t.AllowLong(ctx, batchStatementTimeout); err != nil {
			return err
		}
		id, err := t.RetryRequest(ctx, old.ID, r)
		if err != nil {
			return err
		}
		made, err := t.Request(ctx, id)
		if err != nil {
			return err
		}
		renderRequest(ctx, made, out)
		return t.EnforceLimits(ctx, source, s.limits(), 1, made.Size)
	})
}
