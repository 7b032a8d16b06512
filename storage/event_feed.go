package storage

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Cursor is a position in the order of all events: that of the last event read.
// The id is not enough, because a transaction with lower ids may commit later.
type Cursor struct {
	Tx int64 `db:"tx"` // the id of the transaction that wrote the event, or of an earlier event of the same request if that is higher
	ID int64 `db:"id"`
}

// String returns the cursor as the API shows it.
func (c Cursor) String() string { return fmt.Sprintf("%d-%d", c.Tx, c.ID) }

func (c Cursor) tx() string { return strconv.FormatInt(c.Tx, 10) }

// FeedEvent is an event with its request and its position in the feed.
type FeedEvent struct {
	Cursor
	Request     uuid.UUID           `db:"request"`
	Batch       *uuid.UUID          `db:"batch"`
	Source      transfer.OperatorID `db:"source"`
	Destination transfer.OperatorID `db:"destination"`
	Reference   *string             `db:"reference"` // of the request

	SourceExternalID      *string `db:"source_external_id"`
	DestinationExternalID *string `db:"destination_external_id"`
	Event
}

const (
	afterCursor = `(e.tx, e.id) > (@tx::text::xid8, @id)`

	// feedWindow leaves out events whose transactions may be followed by the
	// commit of an earlier one that is still running: those from the oldest
	// running one on, or from @horizon on if that is later.
	feedWindow = afterCursor + ` AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), @horizon::text::xid8)`
)

// byKeySQL selects the events that an API key has caused.
const byKeySQL = `(@key::bigint = 0 OR e.api_key = @key) AND `

// feedPageSQL selects a page of the events that from and where select.
func feedPageSQL(from, where string) string {
	return `
	SELECT e.tx, e.id, e.request, e.seq, e.at, e.kind, e.party, e.api_key, e.address, e.from_state, e.to_state, e.detail
	FROM events e` + from + `
	WHERE ` + where + feedWindow + `
	ORDER BY e.tx, e.id
	LIMIT @limit`
}

// feedSQL reads the events of a page with the names that belong to them.
func feedSQL(page string) string {
	return `
WITH page AS MATERIALIZED (` + page + `
)
SELECT
	e.tx::text::bigint AS tx,
	e.id,
	e.request,
	r.batch,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.reference,
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
FROM page e
JOIN requests r ON r.id = e.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account
ORDER BY e.tx, e.id`
}

var selectAccountFeed = newStatement(statement{
	name:    "select_account_feed",
	does:    "Reads events of an account's requests after a cursor, in the order of the feed.",
	given:   "@account, the API @key of the actor (0: any), the cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.",
	returns: "The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.",
	text: feedSQL(`
	(` + feedPageSQL("", "e.source = @account AND "+byKeySQL) + `)
	UNION ALL
	(` + feedPageSQL("", "e.destination = @account AND "+byKeySQL) + `)
	ORDER BY tx, id
	LIMIT @limit`),
})

var selectFeed = newStatement(statement{
	name:    "select_feed",
	does:    "Reads events of all requests after a cursor, in the order of the feed.",
	given:   "The API @key of the actor (0: any), the cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.",
	returns: "The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.",
	text:    feedSQL(feedPageSQL("", byKeySQL)),
})

// Feed lists up to limit events of an account's requests after a cursor, or only
// those that an API key has caused; zero stands for all accounts and for all
// keys. Events come in an order in which no later event can precede one that was
// read. An event may therefore appear shortly after its
// transaction has committed.
func (db *DB) Feed(ctx context.Context, account, key int64, after Cursor, limit int) ([]FeedEvent, error) {
	list := []FeedEvent{}
	horizon, err := db.horizon(ctx)
	if err != nil {
		return nil, err
	}
	if account == 0 {
		err = db.list(ctx, &list, selectFeed, args{"key": key, "tx": after.tx(), "id": after.ID, "horizon": horizon, "limit": limit})
	} else {
		err = db.list(ctx, &list, selectAccountFeed, args{
			"account": account, "key": key, "tx": after.tx(), "id": after.ID, "horizon": horizon, "limit": limit,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading the feed of account %d: %w", account, err)
	}
	return list, nil
}

var selectBatchFeed = newStatement(statement{
	name:    "select_batch_feed",
	does:    "Reads events of a batch's requests after a cursor, in the order of the feed.",
	given:   "@batch and its @account, the cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.",
	returns: "The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.",
	text: feedSQL(feedPageSQL(`
	JOIN requests q ON q.id = e.request AND q.batch = @batch`, "e.source = @account AND ")),
})

// BatchFeed is Feed for the requests of one batch of an account.
func (db *DB) BatchFeed(ctx context.Context, b Batch, after Cursor, limit int) ([]FeedEvent, error) {
	list := []FeedEvent{}
	horizon, err := db.horizon(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.list(ctx, &list, selectBatchFeed, args{
		"batch": b.ID, "account": b.Account, "tx": after.tx(), "id": after.ID, "horizon": horizon, "limit": limit,
	}); err != nil {
		return nil, fmt.Errorf("reading the events of batch %s: %w", b.ID, err)
	}
	return list, nil
}

// One transaction has created all requests of a batch, so the first event of any
// of them will do.
var selectBatchStart = newStatement(statement{
	name:    "select_batch_start",
	does:    "Reads the position before the first event of a batch.",
	given:   "@batch.",
	returns: "A cursor; no row if the batch has no request.",
	text: `
SELECT e.tx::text::bigint AS tx, 0 AS id
FROM (
	SELECT id
	FROM requests
	WHERE batch = @batch
	ORDER BY id
	LIMIT 1
) r
JOIN events e ON e.request = r.id
ORDER BY e.seq
LIMIT 1`,
})

// BatchStart returns the cursor before the first event of a batch, or
// ErrNotFound.
func (db *DB) BatchStart(ctx context.Context, batch uuid.UUID) (Cursor, error) {
	var c Cursor
	if err := db.get(ctx, &c, selectBatchStart, args{"batch": batch}); err != nil {
		return c, fmt.Errorf("looking for the start of batch %s: %w", batch, err)
	}
	return c, nil
}

var selectBatchOver = newStatement(statement{
	name:    "select_batch_over",
	does:    "Finds out whether a batch is finished and has no event after a cursor.",
	given:   "@batch and its @account, and the cursor @tx and @id.",
	returns: "True or false.",
	text: `
SELECT
	NOT EXISTS (
		SELECT 1
		FROM requests
		WHERE batch = @batch AND finished_at IS NULL
	)
	AND NOT EXISTS (
		SELECT 1
		FROM events e
		JOIN requests q ON q.id = e.request AND q.batch = @batch
		WHERE e.source = @account AND ` + afterCursor + `
	)`,
})

// BatchOver reports whether every request of a batch is finished and none of
// their events comes after a cursor.
func (db *DB) BatchOver(ctx context.Context, b Batch, after Cursor) (bool, error) {
	var over bool
	if err := db.get(ctx, &over, selectBatchOver, args{
		"batch": b.ID, "account": b.Account, "tx": after.tx(), "id": after.ID,
	}); err != nil {
		return false, fmt.Errorf("reading whether batch %s is finished: %w", b.ID, err)
	}
	return over, nil
}
