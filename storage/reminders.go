package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// remindAtSQL is when the next reminder of a request is due: null if none is. sent is
// the number of those that were sent in the time to decide, which began at since and
// ends at until.
func remindAtSQL(sent, since, until string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CASE WHEN %s - %s >= make_interval(secs => %d) THEN CASE %s", until, since, int(transfer.MinReminded.Seconds()), sent)
	for i := range transfer.Reminders() {
		fmt.Fprintf(&b, " WHEN %d THEN %s", i, passedSQL(i, since, until))
	}
	return b.String() + " END END"
}

// passedSQL is when the share of the time to decide has passed that the nth reminder
// is about. It adds seconds, because a day of an interval may have another length.
func passedSQL(nth int, since, until string) string {
	return fmt.Sprintf("%s + make_interval(secs => extract(epoch FROM %s - %s) * %d / 100)", since, until, since, transfer.Reminders()[nth])
}

// remindersDueSQL is the number of reminders whose time has come, of a request.
func remindersDueSQL() string {
	var list []string
	for i := range transfer.Reminders() {
		list = append(list, "(clock_timestamp() >= "+passedSQL(i, "coalesce(waiting_since, offered_at, created_at)", "expires_at")+")::int")
	}
	return strings.Join(list, " + ")
}

// reminderSharesSQL is the share, in percent, that the last reminder sent is about.
func reminderSharesSQL() string {
	var b strings.Builder
	b.WriteString("CASE reminded")
	for i, share := range transfer.Reminders() {
		fmt.Fprintf(&b, " WHEN %d THEN %d", i+1, share)
	}
	return b.String() + " END"
}

var lockRemindable = newStatement(statement{
	name:    "lock_remindable",
	does:    "Finds requests that wait for a decision and of which a reminder is due, oldest first.",
	given:   "The maximum number of rows: @limit.",
	returns: "The ids of the requests.",
	locks:   "Takes the requests, and skips those that another transaction holds.",
	text: `
SELECT id
FROM requests
WHERE state IN ('in_review', 'awaiting_acceptance') AND remind_at <= clock_timestamp() AND expires_at > clock_timestamp()
ORDER BY remind_at
LIMIT @limit
FOR NO KEY UPDATE SKIP LOCKED`,
})

var remind = newStatement(statement{
	name: "remind",
	does: `Writes the reminders that are due of some requests that wait for a decision, and sets when their next ones
		are due. If several are due of a request, it writes the last one.`,
	given: "@requests: their ids.",
	locks: "The caller holds the requests.",
	text: `
WITH due AS MATERIALIZED (
	SELECT
		id,
		` + remindersDueSQL() + ` AS sent,
		reminded AS was,
		coalesce(waiting_since, offered_at, created_at) AS since
	FROM requests
	WHERE id = ANY (@requests::uuid[])
), marked AS (
	UPDATE requests r
	SET reminded = due.sent,
		remind_at = ` + remindAtSQL("due.sent", "due.since", "r.expires_at") + `,
		last_event = last_event + 1,
		last_tx = greatest(last_tx, pg_current_xact_id())
	FROM due
	WHERE r.id = due.id AND due.sent > due.was
	RETURNING r.*
)
INSERT INTO events (request, source, destination, seq, tx, kind, party, detail)
SELECT
	id,
	source,
	CASE WHEN offered_at IS NOT NULL THEN destination END,
	last_event,
	last_tx,
	'remind',
	'system',
	jsonb_build_object(
		'percent', ` + reminderSharesSQL() + `,
		'waiting_for', CASE state WHEN 'in_review' THEN 'support' ELSE 'destination' END,
		'expires_at', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
	)
FROM marked`,
})

// RemindDue records, as events of the requests, up to limit reminders of requests that
// wait for a decision, and returns how many requests it has looked at. It skips
// requests that another transaction is deciding on.
func (db *DB) RemindDue(ctx context.Context, limit int) (int, error) {
	var due []uuid.UUID
	err := db.InTx(ctx, func(t *Tx) error {
		if err := t.list(ctx, &due, lockRemindable, args{"limit": limit}); err != nil {
			return fmt.Errorf("looking for requests of which a reminder is due: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		if _, err := t.exec(ctx, remind, args{"requests": pq.Array(due)}); err != nil {
			return fmt.Errorf("writing reminders of %d requests: %w", len(due), err)
		}
		return nil
	})
	return len(due), err
}
