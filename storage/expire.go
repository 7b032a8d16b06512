package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

var lockExpired = newStatement(statement{
	name:    "lock_expired",
	does:    "Finds undecided requests that have expired, oldest first.",
	given:   "The maximum number of rows: @limit.",
	returns: "The ids of the requests.",
	locks:   "Takes the requests, and skips those that another transaction holds.",
	text: `
SELECT id
FROM requests
WHERE state IN ('in_review', 'awaiting_acceptance') AND expires_at <= clock_timestamp()
ORDER BY expires_at
LIMIT @limit
FOR NO KEY UPDATE SKIP LOCKED`,
})

// ExpireDue ends up to limit undecided requests that have expired, oldest first, and
// returns how many it has tried. It skips requests that another transaction is
// deciding on. If a request cannot be expired, the others still are; the error
// names each that failed.
func (db *DB) ExpireDue(ctx context.Context, limit int) (int, error) {
	var due []uuid.UUID
	var failed []error
	err := db.InTx(ctx, func(t *Tx) error {
		if err := t.list(ctx, &due, lockExpired, args{"limit": limit}); err != nil {
			return fmt.Errorf("looking for expired requests: %w", err)
		}
		for _, id := range due {
			err := t.attempt(ctx, func() error {
				_, err := t.Decide(ctx, id, Decision{Event: transfer.Expire, By: System()})
				return err
			})
			if IsTransient(err) {
				return fmt.Errorf("expiring request %s: %w", id, err)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("expiring request %s: %w", id, err))
			}
		}
		return nil
	})
	return len(due), errors.Join(append(failed, err)...)
}

// attempt runs a part of a transaction. If it fails, only that part is undone.
func (t *Tx) attempt(ctx context.Context, part func() error) error {
	if err := t.command(ctx, `SAVEPOINT attempt`); err != nil {
		return fmt.Errorf("beginning an attempt: %w", err)
	}
	end, err := `RELEASE SAVEPOINT attempt`, part()
	if err != nil {
		end = `ROLLBACK TO SAVEPOINT attempt`
	}
	if undone := t.command(ctx, end); undone != nil {
		return errors.Join(err, fmt.Errorf("ending an attempt: %w", undone))
	}
	return err
}

var purgeNotes = newStatement(statement{
	name:    "purge_notes",
	does:    "Deletes the records of partial decisions on finished requests.",
	given:   "The maximum number of rows of each kind: @limit.",
	returns: "How many rows were deleted.",
	text: `
WITH c AS (
	DELETE FROM chosen
	WHERE ctid IN (SELECT c.ctid FROM chosen c JOIN requests r ON r.id = c.request WHERE r.finished_at IS NOT NULL LIMIT @limit)
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
