package storage

import (
	"context"
	"encoding/json"
	"fmt"
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
	Key      *string                `db:"key_name"`
	Address  *string                `db:"address"` // where the call came from
	From     *transfer.RequestState `db:"from_state"`
	To       *transfer.RequestState `db:"to_state"`
	Detail   json.RawMessage        `db:"detail"`
}

const eventColumns = `
	e.seq,
	e.at,
	e.kind,
	e.party,
	a.operator_id,
	k.name AS key_name,
	e.address,
	e.from_state,
	e.to_state,
	e.detail
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN accounts a ON a.id = k.account`

// Events lists the events of a request behind a sequence number, oldest first.
func (db *DB) Events(ctx context.Context, request uuid.UUID, after, limit int) ([]Event, error) {
	list := []Event{}
	err := db.pool.SelectContext(ctx, &list, `
		SELECT`+eventColumns+`
		WHERE e.request = $1 AND e.seq > $2
		ORDER BY e.seq
		LIMIT $3`, request, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing the events of request %s: %w", request, err)
	}
	return list, nil
}

type event struct {
	kind     transfer.EventKind
	by       Actor
	from, to transfer.RequestState // empty: no change of state
	detail   map[string]any
}

// addEvent numbers an event under the request's lock and writes it.
func (t *Tx) addEvent(ctx context.Context, request uuid.UUID, e event) error {
	detail, err := json.Marshal(e.detail)
	if err != nil {
		return fmt.Errorf("writing the detail of event %s: %w", e.kind, err)
	}
	if e.detail == nil {
		detail = []byte("{}")
	}
	if err := t.hotExec(ctx, `
		WITH r AS (UPDATE requests SET last_event = last_event + 1 WHERE id = $1 RETURNING id, source, destination, last_event)
		INSERT INTO events (request, source, destination, seq, kind, party, api_key, address, from_state, to_state, detail)
		SELECT id, source, destination, last_event, $2, $3, $4, nullif($5, ''), nullif($6, ''), nullif($7, ''), $8 FROM r`,
		request, e.kind, e.by.Party, e.by.key(), e.by.Address, e.from, e.to, string(detail),
	); err != nil {
		return fmt.Errorf("writing event %s of request %s: %w", e.kind, request, err)
	}
	return nil
}

// Newest returns the number of a request's newest event, and whether the
// request is finished, or ErrNotFound.
func (db *DB) Newest(ctx context.Context, request uuid.UUID) (seq int, finished bool, err error) {
	var row struct {
		Seq      int  `db:"last_event"`
		Finished bool `db:"finished"`
	}
	if err := db.pool.GetContext(ctx, &row, `
		SELECT last_event, finished_at IS NOT NULL AS finished FROM requests WHERE id = $1`, request); err != nil {
		return 0, false, fmt.Errorf("looking for events of request %s: %w", request, notFound(err))
	}
	return row.Seq, row.Finished, nil
}
