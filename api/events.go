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

// Event is one entry of the history of a request.
type Event struct {
	Seq     int                    `json:"seq" doc:"The number of the event in its request, from 1 without gaps. The destination does not see the events before it could decide, nor those of retries."`
	At      time.Time              `json:"at"`
	Kind    transfer.EventKind     `json:"kind" example:"accept" doc:"What happened. New kinds can be added."`
	Party   transfer.Party         `json:"party" doc:"Which party caused the event; system is the service itself."`
	Person  *PersonRef             `json:"person,omitempty" doc:"The person who had signed in. For the account that the person acted for, and for support."`
	Key     *string                `json:"key,omitempty" doc:"The name of the API key. For the account that has the key, and for support."`
	KeyID   *int64                 `json:"key_id,omitempty" doc:"The id of the API key, or of the person's membership. For the account that has the key, and for support."`
	KeyHint *string                `json:"key_hint,omitempty" doc:"The beginning and the end of the API key as it is now. For the account that has the key, and for support."`
	Address *string                `json:"address,omitempty" doc:"The IP address of the call. Only for support."`
	From    *transfer.RequestState `json:"from,omitempty" doc:"The state before the event, if it changed the state."`
	To      *transfer.RequestState `json:"to,omitempty" doc:"The state after the event, if it changed the state."`
	Detail  map[string]any         `json:"detail" doc:"What the event says, by its kind. A party does not see all details of what others did."`
}

func viewEvent(e storage.Event, caller storage.Caller, party transfer.Party) (Event, error) {
	sight := sightOf(party)
	v := Event{Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Party: e.Party, From: e.From, To: e.To, Detail: map[string]any{}}
	if sight.keys || e.Operator != nil && *e.Operator == caller.Account.OperatorID {
		v.KeyID, v.Key, v.KeyHint, v.Person = e.KeyID, e.Key, e.KeyHint, viewActor(e.ActingPerson)
	}
	if sight.keys {
		v.Address = e.Address
	}
	if err := json.Unmarshal(e.Detail, &v.Detail); err != nil {
		return v, fmt.Errorf("reading event %d: %w", e.Seq, err)
	}
	if answer, ok := v.Detail["gateway_answer"].(string); ok {
		v.Detail["gateway_answer"] = viewGatewayAnswer(answer, sight)
	}
	if !sight.details && e.Party != party {
		for name := range v.Detail {
			if !slices.Contains(sharedDetails(e.Kind), name) {
				delete(v.Detail, name)
			}
		}
	}
	if e.Kind == transfer.EventFinish {
		addOutcome(v.Detail)
	}
	return v, nil
}

// viewActor names the person who acted, nil for an API key and for the system.
func viewActor(p storage.ActingPerson) *PersonRef {
	if p.Person == nil {
		return nil
	}
	return &PersonRef{*p.Person, valueOrZero(p.PersonName), valueOrZero(p.PersonEmail)}
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
	rows, err := s.db.Events(ctx, r.ID, party, int(after), in.Limit+1)
	if err == nil && len(rows) == 0 && after > 0 {
		var newest int
		if newest, _, err = s.db.Newest(ctx, r.ID); err == nil && int(after) > newest {
			err = badCursor(in.Cursor)
		}
	}
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(e storage.Event) string { return itoa(int64(e.Seq)) }, func(e storage.Event) (Event, error) {
		return viewEvent(e, callerOf(ctx), party)
	})
}
