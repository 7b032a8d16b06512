package api

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type cancelBatchInput struct {
	Idempotent
	BatchPath
	Body *struct {
		Code   transfer.DecisionCode `json:"code,omitempty" doc:"Why. Shown to the destinations that could decide already."`
		Reason string                `json:"reason,omitempty" maxLength:"500" doc:"Why, in words. Shown like code. Required with the code other."`
	}
}

// BatchCancel is the outcome of canceling a batch.
type BatchCancel struct {
	Batch    uuid.UUID       `json:"batch" format:"uuid"`
	Canceled int             `json:"canceled" doc:"How many requests this call canceled."`
	Requests []RequestCancel `json:"requests" nullable:"false"`
}

// RequestCancel is the outcome for one request of the batch.
type RequestCancel struct {
	Request  uuid.UUID             `json:"request" format:"uuid"`
	Canceled bool                  `json:"canceled" doc:"Whether this call canceled the request."`
	State    transfer.RequestState `json:"state" doc:"The current state of the request."`
	Code     problem.Code          `json:"code,omitempty" doc:"Why the request was not canceled."`
	Detail   string                `json:"detail,omitempty"`
}

// cancelBatch cancels each request in a transaction of its own. With an
// Idempotency-Key the response is stored at the end. A second call in the
// meantime finds less to cancel, and returns the response that is stored first.
func (s *server) cancelBatch(ctx context.Context, in *cancelBatchInput) (*reply[BatchCancel], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	d := storage.Decision{Event: transfer.Cancel, By: sender(ctx)}
	if in.Body != nil {
		p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
		if parseDecisionWords(p, &d, in.Body.Code, in.Body.Reason); len(p.Errors) > 0 {
			return nil, p
		}
	}
	out := &reply[BatchCancel]{}
	if found, err := s.db.Recall(ctx, idem, out); err != nil || found {
		out.Replayed = "true"
		return out, err
	}
	b, err := s.visibleBatch(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ids, err := s.db.BatchRequestIDs(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	done := BatchCancel{Batch: b.ID, Requests: make([]RequestCancel, 0, len(ids))}
	for _, id := range ids {
		r, err := s.cancelOne(ctx, id, d)
		if err != nil {
			return nil, err
		}
		if r.Canceled {
			done.Canceled++
		}
		done.Requests = append(done.Requests, r)
	}
	return onceAs(ctx, s, idem, func(_ *storage.Tx, out *reply[BatchCancel]) error {
		out.Status, out.Location, out.Body = 202, "/v1/batches/"+b.ID.String(), done
		return nil
	})
}

// cancelOne cancels a request, or returns why it cannot be canceled.
func (s *server) cancelOne(ctx context.Context, id uuid.UUID, d storage.Decision) (RequestCancel, error) {
	var after storage.Request
	err := s.db.InRetriedTx(ctx, func(t *storage.Tx) (err error) {
		after, err = t.Decide(ctx, id, d)
		return err
	})
	var state *transfer.StateError
	if errors.As(err, &state) {
		return RequestCancel{Request: id, State: state.State, Code: problem.RequestState, Detail: state.Error()}, nil
	}
	var expired *transfer.ExpiredError
	if errors.As(err, &expired) {
		return RequestCancel{Request: id, State: after.State, Code: problem.RequestExpired, Detail: expired.Error()}, nil
	}
	return RequestCancel{Request: id, Canceled: true, State: after.State}, err
}
