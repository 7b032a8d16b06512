package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Cursor is a place in the order of all events, behind the last one read. A
// serial id would not do: a lower one may be committed later.
type Cursor struct {
	Tx int64 `db:"tx"` // the transaction that wrote the event
	ID int64 `db:"id"`
}

// FedEvent is an event as a reader across requests gets it.
type FedEvent struct {
	Cursor
	Request     uuid.UUID           `db:"request"`
	Batch       *uuid.UUID          `db:"batch"`
	Source      transfer.OperatorID `db:"source"`
	Destination transfer.OperatorID `db:"destination"`
	Event
}

// What of an event is read, of those that page has selected.
const fedColumns = `
SELECT
	e.tx::text::bigint AS tx,
	e.id,
	e.request,
	r.batch,
	src.operator_id AS source,
	dst.operator_id AS destination,
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
FROM page e
JOIN requests r ON r.id = e.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN accounts a ON a.id = k.account
ORDER BY e.tx, e.id`

// Nothing is read of transactions that others, still running, may be ahead of.
const settledSQL = `(tx, id) > ($1::text::xid8, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())`

const feedSQL = `
WITH page AS MATERIALIZED (
	(SELECT * FROM events WHERE source = $3 AND ` + settledSQL + ` ORDER BY tx, id LIMIT $4)
	UNION ALL
	(SELECT * FROM events WHERE destination = $3 AND ` + settledSQL + ` ORDER BY tx, id LIMIT $4)
	ORDER BY tx, id
	LIMIT $4
)` + fedColumns

const feedOfAllSQL = `
WITH page AS MATERIALIZED (
	SELECT * FROM events WHERE ` + settledSQL + ` ORDER BY tx, id LIMIT $3
)` + fedColumns

// Feed lists up to limit events of an account's requests behind a cursor;
// account zero reads everybody's. No event can come to stand before one that
// was read; one whose transaction has only just ended may take a moment to
// show.
func (db *DB) Feed(ctx context.Context, account int64, after Cursor, limit int) ([]FedEvent, error) {
	list := []FedEvent{}
	tx := fmt.Sprint(after.Tx)
	var err error
	if account == 0 {
		err = db.pool.SelectContext(ctx, &list, feedOfAllSQL, tx, after.ID, limit)
	} else {
		err = db.pool.SelectContext(ctx, &list, feedSQL, tx, after.ID, account, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the feed of account %d: %w", account, err)
	}
	return list, nil
}

const batchFeedSQL = `
WITH page AS MATERIALIZED (
	SELECT e.*
	FROM events e
	JOIN requests q ON q.id = e.request AND q.batch = $4
	WHERE e.source = $3 AND (e.tx, e.id) > ($1::text::xid8, $2) AND e.tx < pg_snapshot_xmin(pg_current_snapshot())
	ORDER BY e.tx, e.id
	LIMIT $5
)` + fedColumns

// BatchFeed is Feed for the requests of one batch of an account.
func (db *DB) BatchFeed(ctx context.Context, b Batch, after Cursor, limit int) ([]FedEvent, error) {
	list := []FedEvent{}
	if err := db.pool.SelectContext(ctx, &list, batchFeedSQL, fmt.Sprint(after.Tx), after.ID, b.Account, b.ID, limit); err != nil {
		return nil, fmt.Errorf("reading the events of batch %s: %w", b.ID, err)
	}
	return list, nil
}

// BatchStart returns the cursor before the first event of a batch. One
// transaction made all of its requests.
func (db *DB) BatchStart(ctx context.Context, batch uuid.UUID) (Cursor, error) {
	var c Cursor
	if err := db.pool.GetContext(ctx, &c, `
		SELECT e.tx::text::bigint AS tx, 0 AS id
		FROM (SELECT id FROM requests WHERE batch = $1 ORDER BY id LIMIT 1) r
		JOIN events e ON e.request = r.id
		ORDER BY e.seq
		LIMIT 1`, batch); err != nil {
		return c, fmt.Errorf("looking for the start of batch %s: %w", batch, notFound(err))
	}
	return c, nil
}

// BatchOver reports whether every request of a batch is finished and every
// event until then is before a cursor.
func (db *DB) BatchOver(ctx context.Context, b Batch, after Cursor) (bool, error) {
	var over bool
	if err := db.pool.GetContext(ctx, &over, `
		SELECT NOT EXISTS (SELECT 1 FROM requests WHERE batch = $4 AND finished_at IS NULL)
		   AND NOT EXISTS (
			SELECT 1
			FROM events e
			JOIN requests q ON q.id = e.request AND q.batch = $4
			WHERE e.source = $3 AND (e.tx, e.id) > ($1::text::xid8, $2)
		)`, fmt.Sprint(after.Tx), after.ID, b.Account, b.ID); err != nil {
		return false, fmt.Errorf("looking whether batch %s is over: %w", b.ID, err)
	}
	return over, nil
}
