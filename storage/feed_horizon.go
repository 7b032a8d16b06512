package storage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// FeedWait describes a transaction that withholds events from the feeds: it was
// running before they were written, and may write events itself.
type FeedWait struct {
	Tx          int64      `db:"tx"`          // its id
	PID         *int       `db:"pid"`         // of its process; nil for a prepared transaction
	GID         *string    `db:"gid"`         // the name of a prepared transaction
	Database    *string    `db:"database"`    // nil if it has just ended
	User        *string    `db:"usename"`     //
	Application *string    `db:"application"` // as the session calls itself
	Since       *time.Time `db:"since"`       // its start, if this connection's user may see it
	Seen        time.Time  `db:"-"`           // when this process first found it
}

// String returns who runs the transaction, and since when.
func (w FeedWait) String() string {
	var b strings.Builder
	switch {
	case w.GID != nil:
		fmt.Fprintf(&b, "prepared transaction '%s'", *w.GID)
	case w.PID != nil:
		fmt.Fprintf(&b, "process %d", *w.PID)
	default:
		fmt.Fprintf(&b, "transaction %d", w.Tx)
	}
	if w.Application != nil && *w.Application != "" {
		fmt.Fprintf(&b, " (%s)", *w.Application)
	}
	if w.User != nil {
		fmt.Fprintf(&b, " of user %s", *w.User)
	}
	if w.Database != nil {
		fmt.Fprintf(&b, " in database %s", *w.Database)
	}
	if w.Since != nil {
		fmt.Fprintf(&b, ", since %s", w.Since.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// The intervals of the search for transactions that withhold events.
const (
	horizonInterval = 200 * time.Millisecond // between looks at the running transactions
	horizonPatience = time.Second            // how long the oldest one may run before its locks are looked at
)

// feedHorizon knows up to which transaction events can be read. Without it a
// reader would wait for every transaction of the server that has an id, in any
// database. The zero value knows nothing yet.
type feedHorizon struct {
	passed atomic.Int64 // no running transaction with a lower id writes events

	mu     sync.Mutex // held by the one that looks
	looked time.Time
	oldest int64     // the oldest running transaction
	since  time.Time // when it was first seen to be the oldest

	waits atomic.Pointer[[]FeedWait]
}

var selectOldestTx = newStatement(statement{
	name:    "select_oldest_tx",
	does:    "Reads which transaction with an id is the oldest that is running, in any database of the server.",
	returns: "Its id, and the id of the next transaction to start. They are equal if none is running.",
	text: `
SELECT pg_snapshot_xmin(s)::text::bigint AS oldest, pg_snapshot_xmax(s)::text::bigint AS next
FROM pg_current_snapshot() AS s`,
})

// noEventsSQL is the key of the advisory lock that a transaction holds if it has
// declared that it writes no events; see the function writes_no_events.
const noEventsSQL = `classid = 1936289140 AND objid = 1 AND objsubid = 2`

var declareNoEvents = newStatement(statement{
	name:    "declare_no_events",
	does:    "Declares that the transaction writes no events, so that the feeds do not wait for it.",
	returns: "A row.",
	locks:   "Takes an advisory lock, shared with other such transactions.",
	text: `
SELECT writes_no_events()`,
})

// DeclareNoEvents tells the feeds not to wait for the transaction. A long
// transaction that writes no events should begin with it. Statements that write
// events then return an error.
func (t *Tx) DeclareNoEvents(ctx context.Context) error {
	if _, err := t.exec(ctx, declareNoEvents, args{}); err != nil {
		return fmt.Errorf("declaring that a transaction writes no events: %w", err)
	}
	t.noEvents = true
	return nil
}

// runningSQL selects the transactions that are running, with what is known of
// them, and whether they may write events. The snapshot is older than the locks:
// the statement has it before it begins. See docs/protocol.md for why the other
// transactions cannot write events.
const runningSQL = `
	WITH locks AS MATERIALIZED (
		SELECT locktype, database, relation, transactionid, classid, objid, objsubid, virtualtransaction, pid, mode
		FROM pg_locks
		WHERE granted
		  AND (locktype = 'transactionid'
			OR database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND (locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock')
					OR locktype = 'advisory' AND ` + noEventsSQL + `))
	)
	SELECT
		x::text::bigint AS tx,
		h.pid,
		p.gid,
		coalesce(a.datname, p.database) AS database,
		coalesce(a.usename, p.owner) AS usename,
		a.application_name AS application,
		coalesce(a.xact_start, p.prepared) AS since,
		h.virtualtransaction IS NULL OR EXISTS (
			SELECT 1
			FROM locks l
			JOIN pg_class c ON c.oid = l.relation
			WHERE l.virtualtransaction = h.virtualtransaction
			  AND l.locktype = 'relation'
			  AND c.relnamespace IN (to_regnamespace('radius'), (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('events')))
		) AND NOT EXISTS (
			SELECT 1
			FROM locks l
			WHERE l.virtualtransaction = h.virtualtransaction AND l.locktype = 'advisory'
		) AS writes
	FROM pg_current_snapshot() AS s
	CROSS JOIN pg_snapshot_xip(s) AS x
	LEFT JOIN locks h ON h.locktype = 'transactionid' AND h.mode = 'ExclusiveLock' AND h.transactionid = x::xid
	LEFT JOIN pg_stat_activity a ON a.pid = h.pid
	LEFT JOIN pg_prepared_xacts p ON h.pid IS NULL AND p.transaction = h.transactionid`

var selectFeedWaits = newStatement(statement{
	name: "select_feed_waits",
	does: `Finds the running transactions that may write events. A transaction that has ended since the
		statement began counts as one of them.`,
	returns: "The transactions, oldest first, and then the id of the next one to start.",
	text: `
WITH running AS MATERIALIZED (` + runningSQL + `
)
SELECT tx, pid, gid, database, usename, application, since
FROM running
WHERE writes
UNION ALL
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, NULL, NULL, NULL, NULL, NULL, NULL
ORDER BY tx`,
})

// horizon returns a transaction id below which no more events will be written.
// It is the oldest running transaction, or a later one if the older ones cannot
// write events. It queries the server at most a few times a second.
func (db *DB) horizon(ctx context.Context) (string, error) {
	h := &db.feeds
	if h.mu.TryLock() { // otherwise another reader is looking
		defer h.mu.Unlock()
		if err := db.look(ctx, h); err != nil {
			return "", err
		}
	}
	return strconv.FormatInt(h.passed.Load(), 10), nil
}

func (db *DB) look(ctx context.Context, h *feedHorizon) error {
	if time.Since(h.looked) < horizonInterval {
		return nil
	}
	var now struct {
		Oldest int64 `db:"oldest"`
		Next   int64 `db:"next"`
	}
	if err := db.get(ctx, &now, selectOldestTx, args{}); err != nil {
		return fmt.Errorf("looking for the oldest transaction: %w", err)
	}
	h.looked = time.Now()
	if h.passed.Load() > now.Next {
		h.passed.Store(0) // the database was restored from a backup
	}
	if now.Oldest != h.oldest {
		h.oldest, h.since = now.Oldest, h.looked
	}
	if now.Oldest == now.Next || time.Since(h.since) < horizonPatience {
		h.waits.Store(nil)
		return nil
	}
	var list []FeedWait
	if err := db.list(ctx, &list, selectFeedWaits, args{}); err != nil {
		return fmt.Errorf("looking for transactions that withhold events: %w", err)
	}
	h.passed.Store(max(h.passed.Load(), list[0].Tx))
	waits := slices.DeleteFunc(list, func(w FeedWait) bool { return w.Database == nil }) // the next one, and those that have just ended
	for i := range waits {
		waits[i].Seen = h.looked
		for _, before := range db.FeedWaits() {
			if before.Tx == waits[i].Tx {
				waits[i].Seen = before.Seen
			}
		}
	}
	h.waits.Store(&waits)
	return nil
}

// FeedWaits returns the transactions for which the last read of a feed had to
// wait, if it has waited for more than a second. Their events, and those of
// later transactions, are withheld until they end.
func (db *DB) FeedWaits() []FeedWait {
	if list := db.feeds.waits.Load(); list != nil {
		return *list
	}
	return nil
}
