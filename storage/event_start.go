package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lastReadableSQL selects the position of the last event of the feed that can be
// read, of an account or of all, among those that a condition selects.
func lastReadableSQL(condition string) string {
	last := func(party string) string {
		return `(
				SELECT e.tx, e.id
				FROM events e
				WHERE ` + party + ` AND ` + condition + ` AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), @horizon::text::xid8)
				ORDER BY e.tx DESC, e.id DESC
				LIMIT 1
			)`
	}
	return `
		SELECT tx::text::bigint AS tx, id
		FROM (
			` + last("@account = 0") + `
			UNION ALL
			` + last("e.source = @account") + `
			UNION ALL
			` + last("e.destination = @account") + `
		) last
		ORDER BY last.tx DESC, id DESC
		LIMIT 1`
}

var selectFeedEnd = newStatement(statement{
	name:    "select_feed_end",
	does:    "Finds the position of the last event of the feed that can be read now.",
	given:   "@account: only events that it sees (0: all), and the @horizon.",
	returns: "A cursor; no row if there is no event.",
	text:    lastReadableSQL("true"),
})

var selectFeedBefore = newStatement(statement{
	name:    "select_feed_before",
	does:    "Finds the last event of the feed before a position.",
	given:   "@account: only events that it sees (0: all), the @horizon, and the position @tx and @id.",
	returns: "A cursor; no row if there is no event.",
	text:    lastReadableSQL("(e.tx, e.id) < (@tx::text::xid8, @id)"),
})

// The feed is not in the order of at: an event whose transaction ran for long can
// come before others that were written earlier. No transaction that writes events
// runs for an hour.
var selectFirstSince = newStatement(statement{
	name:    "select_first_since",
	does:    "Finds the first event in the order of the feed that was written at an instant or later.",
	given:   "@since.",
	returns: "Its position, null if there is none; and whether the instant is in the future.",
	text: `
		WITH soonest AS MATERIALIZED (
			SELECT at
			FROM events
			WHERE at >= @since
			ORDER BY at
			LIMIT 1
		), candidates AS MATERIALIZED (
			SELECT e.tx, e.id
			FROM soonest s
			JOIN events e ON e.at >= s.at AND e.at < s.at + interval '1 hour'
		), earliest AS (
			SELECT tx, id
			FROM candidates
			ORDER BY tx, id
			LIMIT 1
		)
		SELECT
			(SELECT tx::text::bigint FROM earliest) AS tx,
			(SELECT id FROM earliest) AS id,
			@since::timestamptz > clock_timestamp() AS future`,
})

// FeedEnd returns the position after the events of an account's requests that
// can be read now; account 0 stands for all.
func (db *DB) FeedEnd(ctx context.Context, account int64) (Cursor, error) {
	horizon, err := db.horizon(ctx)
	if err != nil {
		return Cursor{}, err
	}
	return db.feedPosition(ctx, selectFeedEnd, args{"account": account, "horizon": horizon})
}

// FeedSince returns a position before every event that was written at an instant
// or later, of an account's requests; account 0 stands for all. A few earlier
// events can follow it too. It returns ErrFuture for an instant in the future.
func (db *DB) FeedSince(ctx context.Context, account int64, since time.Time) (Cursor, error) {
	var first struct {
		Tx     *int64 `db:"tx"`
		ID     *int64 `db:"id"`
		Future bool   `db:"future"`
	}
	switch err := db.get(ctx, &first, selectFirstSince, args{"since": since}); {
	case err != nil:
		return Cursor{}, fmt.Errorf("looking for the first event since %s: %w", since.Format(time.RFC3339Nano), err)
	case first.Future:
		return Cursor{}, ErrFuture
	case first.Tx == nil:
		return db.FeedEnd(ctx, account)
	}
	horizon, err := db.horizon(ctx)
	if err != nil {
		return Cursor{}, err
	}
	at := Cursor{*first.Tx, *first.ID}
	return db.feedPosition(ctx, selectFeedBefore, args{"account": account, "horizon": horizon, "tx": at.tx(), "id": at.ID})
}

// feedPosition reads a position. It is the beginning if the statement finds none.
func (db *DB) feedPosition(ctx context.Context, s *statement, a args) (c Cursor, err error) {
	if err := db.get(ctx, &c, s, a); err != nil && !errors.Is(err, ErrNotFound) {
		return c, fmt.Errorf("looking for a position in the feed: %w", err)
	}
	return c, nil
}
