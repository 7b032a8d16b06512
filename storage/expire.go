package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// ExpireDue expires up to limit requests whose time is over, oldest first, and
// returns how many it has looked at. Requests that somebody is deciding on are
// left to them. One that cannot be expired keeps no other from it; the error
// names each.
func (db *DB) ExpireDue(ctx context.Context, limit int) (int, error) {
	var due []uuid.UUID
	var failed []error
	err := db.InTx(ctx, func(t *Tx) error {
		if err := t.tx.SelectContext(ctx, &due, `
			SELECT id
			FROM requests
			WHERE state IN ('in_review', 'awaiting_acceptance') AND expires_at <= clock_timestamp()
			ORDER BY expires_at
			LIMIT $1
			FOR NO KEY UPDATE SKIP LOCKED`, limit); err != nil {
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

// attempt runs a part of a transaction; if it fails, it alone is undone.
func (t *Tx) attempt(ctx context.Context, part func() error) error {
	if _, err := t.rawExec(ctx, `SAVEPOINT attempt`); err != nil {
		return fmt.Errorf("beginning an attempt: %w", err)
	}
	end, err := `RELEASE SAVEPOINT attempt`, part()
	if err != nil {
		end = `ROLLBACK TO SAVEPOINT attempt`
	}
	if _, undone := t.rawExec(ctx, end); undone != nil {
		return errors.Join(err, fmt.Errorf("ending an attempt: %w", undone))
	}
	return err
}

// PurgeNotes deletes up to limit notes of partial decisions whose requests are
// finished, and returns how many.
func (db *DB) PurgeNotes(ctx context.Context, limit int) (int, error) {
	var n int
	err := db.pool.GetContext(ctx, &n, `
		WITH c AS (
			DELETE FROM chosen
			WHERE ctid IN (SELECT c.ctid FROM chosen c JOIN requests r ON r.id = c.request WHERE r.finished_at IS NOT NULL LIMIT $1)
			RETURNING 1
		), w AS (
			DELETE FROM withdrawn
			WHERE ctid IN (SELECT w.ctid FROM withdrawn w JOIN requests r ON r.id = w.request WHERE r.finished_at IS NOT NULL LIMIT $1)
			RETURNING 1
		)
		SELECT (SELECT count(*) FROM c) + (SELECT count(*) FROM w)`, limit)
	if err != nil {
		return 0, fmt.Errorf("purging notes: %w", err)
	}
	return n, nil
}
