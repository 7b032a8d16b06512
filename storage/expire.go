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
	does:    "Finds undecided requests that have expired, and scheduled ones whose window is over, oldest first.",
	given:   "The maximum number of rows: @limit.",
	returns: "The ids of the requests.",
	locks:   "Takes the requests, and skips those that another transaction holds.",
	text: `
SELECT id
FROM requests
WHERE state IN ('in_review', 'awaiting_acceptance', 'scheduled') AND expires_at <= clock_timestamp()
ORDER BY expires_at
LIMIT @limit
FOR NO KEY UPDATE SKIP LOCKED`,
})

// ExpireDue ends up to limit undecided requests that have expired, and scheduled ones
// that were not started in their window, oldest first, and returns how many it has
// tried. It skips requests that another transaction is deciding on. If a request
// cannot be expired, the others still are; the error names each that failed.
func (db *DB) ExpireDue(ctx context.Context, limit int) (int, error) {
	return db.decideDue(ctx, transfer.Expire, func(t *Tx) (due []uuid.UUID, err error) {
		return due, t.list(ctx, &due, lockExpired, args{"limit": limit})
	})
}

// decideDue causes an event of every request that lock returns, each within a
// savepoint, and returns how many there were.
func (db *DB) decideDue(ctx context.Context, what transfer.Event, lock func(t *Tx) ([]uuid.UUID, error)) (int, error) {
	var due []uuid.UUID
	var failed []error
	err := db.InTx(ctx, func(t *Tx) (err error) {
		if due, err = lock(t); err != nil {
			return fmt.Errorf("looking for requests to %s: %w", what, err)
		}
		for _, id := range due {
			err := t.attempt(ctx, func() error {
				_, err := t.Decide(ctx, id, Decision{Event: what, By: System()})
				return err
			})
			var late *transfer.ExpiredError
			if errors.As(err, &late) {
				continue // the window of a scheduled request has just ended: it is due to expire
			}
			if IsTransient(err) {
				return fmt.Errorf("request %s is due to %s: %w", id, what, err)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("request %s is due to %s: %w", id, what, err))
			}
		}
		return nil
	})
	return len(due), errors.Join(append(failed, err)...)
}
