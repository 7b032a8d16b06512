package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// LeaseTime is how long a worker may talk to gateways about a work row before
// it has to renew its lease.
const LeaseTime = 10 * time.Second

// TakeLease takes drop work for a while, without holding a transaction.
// ErrNotFound means that the work is done, not due, or another worker's.
func (db *DB) TakeLease(ctx context.Context, id int64) (Work, error) {
	var w Work
	if err := db.hotGet(ctx, &w, `
		UPDATE work w
		SET lease = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
		WHERE w.id = $1
		  AND (w.not_before <= clock_timestamp() OR w.dead_at IS NOT NULL)
		  AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
		RETURNING`+workColumns, id, uuid.New(), LeaseTime.Seconds()); err != nil {
		return w, fmt.Errorf("leasing work %d: %w", id, err)
	}
	return w, nil
}

// RenewLease prolongs a lease; ErrNotFound means that it was lost.
func (db *DB) RenewLease(ctx context.Context, w Work) error {
	r, err := db.pool.ExecContext(ctx, `
		UPDATE work SET lease_until = clock_timestamp() + make_interval(secs => $3) WHERE id = $1 AND lease = $2`,
		w.ID, w.Lease, LeaseTime.Seconds())
	if err != nil {
		return fmt.Errorf("renewing the lease of work %d: %w", w.ID, err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// LockLeased locks a work row whose lease is still the caller's and reads it
// anew. ErrNotFound means that the lease was lost.
func (t *Tx) LockLeased(ctx context.Context, w Work) (Work, error) {
	var now Work
	err := t.hotGet(ctx, &now, `SELECT`+workColumns+` FROM work w WHERE w.id = $1 AND w.lease = $2 FOR UPDATE`, w.ID, w.Lease)
	return now, err
}

// Requeue ends a lease when not every session of drop work could be dropped:
// the work is due again after a while, and the reason is kept on it. After the
// last attempt the SIMs that are left fail with session_not_dropped; a stray
// session becomes dead work instead, which it reports.
func (t *Tx) Requeue(ctx context.Context, w Work, why string, maxAttempts int, after time.Duration) (dead bool, err error) {
	last := w.Attempts+1 >= maxAttempts
	if last && w.Kind == transfer.WorkDropSessions {
		return false, t.failItems(ctx, w, transfer.SessionNotDropped)
	}
	if _, err := t.rawExec(ctx, `
		UPDATE work
		SET attempts = attempts + 1,
			not_before = clock_timestamp() + make_interval(secs => $3),
			dispatched_at = NULL,
			lease = NULL,
			lease_until = NULL,
			dead_at = CASE WHEN $4 THEN coalesce(dead_at, clock_timestamp()) END,
			error = $2
		WHERE id = $1`, w.ID, why, after.Seconds(), last); err != nil {
		return last, fmt.Errorf("giving back work %d: %w", w.ID, err)
	}
	return last, nil
}
