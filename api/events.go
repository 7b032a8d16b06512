package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Event is one entry of a request's history.
type Event struct {
	Seq     int                    `json:"seq" doc:"From 1, without gaps."`
	At      time.Time              `json:"at"`
	Kind    transfer.EventKind     `json:"kind" example:"accept"`
	Party   transfer.Party         `json:"party" doc:"Who caused it."`
	Key     *string                `json:"key,omitempty" doc:"The name of the API key, for those whose key it is, and for support."`
	Address *string                `json:"address,omitempty" doc:"Where the call came from. For support alone."`
	From    *transfer.RequestState `json:"from,omitempty" doc:"The state before, if the state has changed."`
	To      *transfer.RequestState `json:"to,omitempty" doc:"The state since, if the state has changed."`
	Detail  map[string]any         `json:"detail"`
}

func viewEvent(e storage.Event, caller storage.Caller, party transfer.Party) (Event, error) {
	sight := sightOf(party)
	v := Event{Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Party: e.Party, From: e.From, To: e.To, Detail: map[string]any{}}
	if sight.keys || e.Operator != nil && *e.Operator == caller.Account.OperatorID {
		v.Key = e.Key
	}
	if sight.keys {
		v.Address = e.Address
	}
	if err := json.Unmarshal(e.Detail, &v.Detail); err != nil {
		return v, fmt.Errorf("reading event %d: %w", e.Seq, err)
	}
	if !sight.details && e.Party != party {
		for name := range v.Detail {
			if !slices.Contains(sharedDetails(), name) {
				delete(v.Detail, name)
			}
		}
	}
	return v, nil
}

type listEventsInput struct {
	RequestPath
	Paging
}

func (s *server) listEvents(ctx context.Context, in *listEventsInput) (*listOf[Event], error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	after, err := numberCursor(in.Cursor, 0, 32)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Events(ctx, r.ID, int(after), in.Limit+1)
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(e storage.Event) string { return itoa(int64(e.Seq)) }, func(e storage.Event) (Event, error) {
		return viewEvent(e, callerOf(ctx), party)
	})
}
