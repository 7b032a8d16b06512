package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Event is one entry of a request's audit trail.
type Event struct {
	Seq      int                    `db:"seq"` // from 1, without gaps, per request
	At       time.Time              `db:"at"`
	Kind     transfer.EventKind     `db:"kind"`
	Party    transfer.Party         `db:"party"`
	Operator *transfer.OperatorID   `db:"operator_id"` // of the account whose key was used
	KeyID    *int64                 `db:"api_key"`     // or the membership of the person
	Key      *string                `db:"key_name"`
	KeyHint  *string                `db:"key_hint"`
	Address  *string                `db:"address"` // where the call came from
	From     *transfer.RequestState `db:"from_state"`
	To       *transfer.RequestState `db:"to_state"`
	Detail   json.RawMessage        `db:"detail"`

	ActingPerson
}

// ActingPerson is the person who acted, with nil fields for an API key and for the
// system.
type ActingPerson struct {
	Person      *int64  `db:"person"`
	PersonName  *string `db:"person_name"`
	PersonEmail *string `db:"person_email"`
}

const eventColumns = `
	e.seq,
	e.at,
	e.kind,
	e.party,
	a.operator_id,
	e.api_key,
	CASE WHEN p.id IS NULL THEN k.name END AS key_name,
	nullif(k.hint, '') AS key_hint,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	e.address,
	e.from_state,
	e.to_state,
	e.detail
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account`

var selectEvents = newStatement(statement{
	name: "select_events",
	does: "Lists events of a request, oldest first.",
	given: `@request, the sequence number @after which to start, and the maximum number of rows: @limit.
		The @viewer: source or destination, if only events that this party sees are wanted.`,
	returns: "The events.",
	text: `
SELECT` + eventColumns + `
WHERE e.request = @request AND e.seq > @after 
  AND (@viewer <> 'source' OR e.source IS NOT NULL)
  AND (@viewer <> 'destination' OR e.destination IS NOT NULL)
ORDER BY e.seq
LIMIT @limit`,
})

// Events lists up to limit events of a request whose sequence numbers are
// greater than after, oldest first. It leaves out those that the viewer does not
// see: the destination, what happened before the request was offered to it, and
// retries; both sides, comments for others.
func (db *DB) Events(ctx context.Context, request uuid.UUID, viewer transfer.Party, after, limit int) ([]Event, error) {
	list := []Event{}
	if err := db.list(ctx, &list, selectEvents, args{"request": request, "viewer": viewer, "after": after, "limit": limit}); err != nil {
		return nil, fmt.Errorf("listing the events of request %s: %w", request, err)
	}
	return list, nil
}

type event struct {
	kind     transfer.EventKind
	by       Actor
	from, to transfer.RequestState // empty: no change of state
	detail   map[string]any
	hidden   []transfer.Party // the source or the destination, if it does not see the event
}

var insertEvent = newStatement(statement{
	name: "insert_event",
	does: "Writes an event of a request, with the request's next sequence number.",
	given: `@request. The event's @kind, and the @party who caused it, with the API @key and the
		@address of the call (null and empty for the system).
		The states @from and @to; empty if the state did not change. A JSON object with @detail.
		Whether the event is hidden from the source (@from_source) and from the destination (@from_destination).`,
	locks:    "Takes the request, as the last lock of the transaction.",
	prepared: true,
	text: `
WITH r AS (
	UPDATE requests
	SET last_event = last_event + 1, last_tx = greatest(last_tx, pg_current_xact_id())
	WHERE id = @request
	RETURNING
		id,
		CASE WHEN NOT @from_source THEN source END AS source,
		CASE WHEN offered_at IS NOT NULL AND NOT @from_destination THEN destination END AS destination,
		last_event,
		last_tx
)
INSERT INTO events (request, source, destination, seq, tx, kind, party, api_key, address, from_state, to_state, detail)
SELECT
	id,
	source,
	destination,
	last_event,
	last_tx,
	@kind,
	@party,
	@key,
	nullif(@address, ''),
	nullif(@from, ''),
	nullif(@to, ''),
	@detail
FROM r`,
})

// addEvent writes an event with the request's next sequence number.
func (t *Tx) addEvent(ctx context.Context, request uuid.UUID, e event) error {
	detail, err := json.Marshal(e.detail)
	if err != nil {
		return fmt.Errorf("writing the detail of event %s: %w", e.kind, err)
	}
	if e.detail == nil {
		detail = []byte("{}")
	}
	if _, err := t.exec(ctx, insertEvent, args{
		"request": request, "kind": e.kind, "party": e.by.Party, "key": e.by.key(), "address": e.by.Address,
		"from": e.from, "to": e.to, "detail": string(detail),
		"from_source": slices.Contains(e.hidden, transfer.PartySource), "from_destination": slices.Contains(e.hidden, transfer.PartyDestination),
	}); err != nil {
		return fmt.Errorf("writing event %s of request %s: %w", e.kind, request, err)
	}
	return nil
}

var selectNewestEvent = newStatement(statement{
	name:    "select_newest_event",
	does:    "Reads how far a request has come.",
	given:   "@request.",
	returns: "The number of its newest event, and whether it is finished; no row if there is no such request.",
	text: `
SELECT last_event, finished_at IS NOT NULL AS finished
FROM requests
WHERE id = @request`,
})

// Newest returns the sequence number of a request's newest event, and whether
// the request is finished. It returns ErrNotFound if there is no such request.
func (db *DB) Newest(ctx context.Context, request uuid.UUID) (seq int, finished bool, err error) {
	var row struct {
		Seq      int  `db:"last_event"`
		Finished bool `db:"finished"`
	}
	if err := db.get(ctx, &row, selectNewestEvent, args{"request": request}); err != nil {
		return 0, false, fmt.Errorf("reading the newest event of request %s: %w", request, err)
	}
	return row.Seq, row.Finished, nil
}
