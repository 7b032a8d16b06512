package storage

import (
	"context"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// This file deletes what is no longer needed. The scheduler calls each of these
// methods from time to time, with a maximum number of rows.

var deleteOldAnswers = newStatement(statement{
	name:  "delete_old_answers",
	does:  "Deletes stored answers that are older than 24 hours, oldest first.",
	given: "@limit: maximum number of answers.",
	locks: "Takes the answers, passing over those that another transaction holds.",
	text: `
		DELETE FROM idempotency
		WHERE (scope, key) IN (
			SELECT scope, key
			FROM idempotency
			WHERE created_at <= clock_timestamp() - ` + answerPeriod + `
			ORDER BY created_at
			LIMIT @limit
			FOR UPDATE SKIP LOCKED
		)`,
})

// PurgeIdempotency deletes up to limit stored answers that are older than 24
// hours, and returns how many it has deleted.
func (db *DB) PurgeIdempotency(ctx context.Context, limit int) (int, error) {
	n, err := db.exec(ctx, deleteOldAnswers, args{"limit": limit})
	if err != nil {
		return 0, fmt.Errorf("deleting stored answers: %w", err)
	}
	return int(n), nil
}

var purgeNotes = newStatement(statement{
	name: "purge_notes",
	does: `Deletes the records of partial decisions on finished requests. Those of partial acceptances are kept while
		the end of the request can be taken back.`,
	given:   "The maximum number of rows of each kind: @limit.",
	returns: "How many rows were deleted.",
	text: `
WITH c AS (
	DELETE FROM chosen
	WHERE ctid IN (SELECT c.ctid FROM chosen c JOIN requests r ON r.id = c.request WHERE ` + endedForGoodSQL() + ` LIMIT @limit)
	RETURNING 1
), w AS (
	DELETE FROM withdrawn
	WHERE ctid IN (SELECT w.ctid FROM withdrawn w JOIN requests r ON r.id = w.request WHERE r.finished_at IS NOT NULL LIMIT @limit)
	RETURNING 1
)
SELECT (SELECT count(*) FROM c) + (SELECT count(*) FROM w)`,
})

// PurgeNotes deletes the records of partial acceptances and withdrawals of
// finished requests, up to limit of each, and returns how many it has deleted.
func (db *DB) PurgeNotes(ctx context.Context, limit int) (int, error) {
	var n int
	if err := db.get(ctx, &n, purgeNotes, args{"limit": limit}); err != nil {
		return 0, fmt.Errorf("purging notes: %w", err)
	}
	return n, nil
}

var purgeUnknown = newStatement(statement{
	name: "purge_unknown",
	does: `Deletes transfers that named no SIM of their source, after their request has been finished for a period. The
		request counts them.`,
	given:   "The @period in seconds, and the maximum number of rows: @limit.",
	returns: "For each source, how many of its transfers were deleted, and of how many requests.",
	locks:   "Takes the requests, and skips those that another transaction holds.",
	text: `
WITH due AS MATERIALIZED (
	SELECT id, source
	FROM requests
	WHERE n_unknown > 0 AND finished_at < clock_timestamp() - make_interval(secs => @period)
	ORDER BY finished_at
	LIMIT @limit
	FOR NO KEY UPDATE SKIP LOCKED
), page AS MATERIALIZED (
	SELECT t.ctid AS transfer_at
	FROM due
	JOIN transfers t ON t.request = due.id
	WHERE t.sim IS NULL
	LIMIT @limit
), deleted AS (
	DELETE FROM transfers
	WHERE ctid IN (SELECT transfer_at FROM page)
	RETURNING request
), counted AS (
	SELECT request, count(*) AS sims
	FROM deleted
	GROUP BY request
), marked AS (
	UPDATE requests r
	SET n_unknown = n_unknown - c.sims, n_purged = n_purged + c.sims
	FROM counted c
	WHERE r.id = c.request
	RETURNING r.source, c.sims
)
SELECT m.source AS account, a.operator_id, sum(m.sims) AS sims, count(*) AS requests
FROM marked m
JOIN accounts a ON a.id = m.source
GROUP BY m.source, a.operator_id
ORDER BY m.source`,
})

// PurgeUnknown deletes up to limit transfers that named no SIM of their source,
// because it was not found or because the request was canceled before it was
// looked up, of requests that have been finished for at least a period. The
// requests count them in Purged, and the audit trail has an entry for each source.
// It returns how many transfers it has deleted.
func (db *DB) PurgeUnknown(ctx context.Context, period time.Duration, limit int) (total int, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		total = 0
		var purged []struct {
			Account    int64               `db:"account"`
			OperatorID transfer.OperatorID `db:"operator_id"`
			SIMs       int                 `db:"sims"`
			Requests   int                 `db:"requests"`
		}
		if err := t.list(ctx, &purged, purgeUnknown, args{"period": period.Seconds(), "limit": limit}); err != nil {
			return fmt.Errorf("purging transfers of unknown SIMs: %w", err)
		}
		for _, p := range purged {
			total += p.SIMs
			if err := t.Audit(ctx, AuditEntry{
				By: System(), Action: transfer.AuditTransferPurge, Account: p.Account, Object: "account", ObjectID: string(p.OperatorID),
				After: map[string]any{"sims": p.SIMs, "requests": p.Requests},
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return total, err
}

var eraseOldEventAddresses = newStatement(statement{
	name: "erase_old_event_addresses",
	does: "Erases the IP addresses of callers from events that are older than a period, oldest first.",
	given: `@period in seconds; @limit: maximum number of events to look at. It continues after the one that
		erased_addresses names.`,
	returns: "The number of events that were old enough.",
	locks:   "Takes the row of the table in erased_addresses, and the events that change.",
	text:    oldAddressesSQL("events"),
})

var eraseOldAuditAddresses = newStatement(statement{
	name: "erase_old_audit_addresses",
	does: "Erases the IP addresses of callers from entries of the audit trail that are older than a period, oldest first.",
	given: `@period in seconds; @limit: maximum number of entries to look at. It continues after the one that
		erased_addresses names.`,
	returns: "The number of entries that were old enough.",
	locks:   "Takes the row of the table in erased_addresses, and the entries that change.",
	text:    oldAddressesSQL("audit"),
})

// oldAddressesSQL erases old addresses from a table whose ids grow with time, so
// that it needs no index.
func oldAddressesSQL(table string) string {
	return `
		WITH page AS (
			SELECT id, at < clock_timestamp() - make_interval(secs => @period) AS old
			FROM ` + table + `
			WHERE id > (SELECT upto FROM erased_addresses WHERE table_name = '` + table + `')
			ORDER BY id
			LIMIT @limit
		),
		reached AS (
			SELECT coalesce(min(id) FILTER (WHERE NOT old) - 1, max(id)) AS upto
			FROM page
		),
		erased AS (
			UPDATE ` + table + ` t
			SET address = NULL
			FROM page p, reached r
			WHERE t.id = p.id AND p.id <= r.upto AND t.address IS NOT NULL
		),
		moved AS (
			UPDATE erased_addresses e
			SET upto = greatest(e.upto, r.upto)
			FROM reached r
			WHERE e.table_name = '` + table + `' AND r.upto IS NOT NULL
		)
		SELECT count(*)
		FROM page p, reached r
		WHERE p.id <= r.upto`
}

// EraseOldAddresses erases the IP addresses of callers from events and from the
// audit trail once they are older than a period, in up to limit rows of each. It
// returns the larger number of rows.
func (db *DB) EraseOldAddresses(ctx context.Context, period time.Duration, limit int) (int, error) {
	var events, audit int
	if err := db.get(ctx, &events, eraseOldEventAddresses, args{"period": period.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("erasing old addresses of events: %w", err)
	}
	if err := db.get(ctx, &audit, eraseOldAuditAddresses, args{"period": period.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("erasing old addresses of the audit trail: %w", err)
	}
	return max(events, audit), nil
}

// MinAuditPeriod is the minimum age of an entry of the audit trail that may be
// deleted: the database refuses to delete younger ones.
const MinAuditPeriod = 90 * 24 * time.Hour

var deleteOldAudit = newStatement(statement{
	name:  "delete_old_audit",
	does:  "Deletes entries of the audit trail that are older than a period, oldest first.",
	given: "@period in seconds, at least 90 days; @limit: maximum number of entries.",
	locks: "Takes the entries.",
	text: `
		DELETE FROM audit
		WHERE id IN (
			SELECT id
			FROM audit
			WHERE at < clock_timestamp() - make_interval(secs => @period)
			ORDER BY at
			LIMIT @limit
		)`,
})

// PurgeAudit deletes up to limit entries of the audit trail that are older than a
// period, which is at least MinAuditPeriod, and returns how many it has deleted.
func (db *DB) PurgeAudit(ctx context.Context, period time.Duration, limit int) (int, error) {
	n, err := db.exec(ctx, deleteOldAudit, args{"period": max(period, MinAuditPeriod).Seconds(), "limit": limit})
	if err != nil {
		return 0, fmt.Errorf("deleting old entries of the audit trail: %w", err)
	}
	return int(n), nil
}
