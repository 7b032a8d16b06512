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
