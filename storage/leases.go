package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// LeaseTime is how long a lease lasts. A worker that takes longer to talk to
// gateways renews it.
const LeaseTime = 10 * time.Second

var takeLease = newStatement(statement{
	name:     "take_lease",
	does:     "Leases work that is due or dead, unless another worker has a valid lease on it.",
	given:    "@id of the work, the new @lease, and how many @seconds it lasts.",
	returns:  "The work row; none if the work is done, not due or leased.",
	locks:    "Takes the work row, until the end of the statement.",
	prepared: true,
	text: `
UPDATE work w
SET lease = @lease, lease_until = clock_timestamp() + make_interval(secs => @seconds)
WHERE w.id = @id
  AND (w.not_before <= clock_timestamp() OR w.dead_at IS NOT NULL)
  AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp())
RETURNING` + workColumns,
})

// TakeLease leases drop work for LeaseTime, so that the worker need not hold a
// transaction while it talks to gateways. It returns ErrNotFound if the work is
// done, not due, or leased by another worker.
func (db *DB) TakeLease(ctx context.Context, id int64) (Work, error) {
	var w Work
	if err := db.get(ctx, &w, takeLease, args{"id": id, "lease": uuid.New(), "seconds": LeaseTime.Seconds()}); err != nil {
		return w, fmt.Errorf("leasing work %d: %w", id, err)
	}
	return w, nil
}

var renewLease = newStatement(statement{
	name:  "renew_lease",
	does:  "Extends a lease from now.",
	given: "@id of the work, its @lease, and how many @seconds it lasts.",
	locks: "Takes the work row, until the end of the statement.",
	text: `
UPDATE work
SET lease_until = clock_timestamp() + make_interval(secs => @seconds)
WHERE id = @id AND lease = @lease`,
})

// RenewLease extends a lease by LeaseTime from now. It returns ErrNotFound if
// another worker has taken the lease, or if the work is done.
func (db *DB) RenewLease(ctx context.Context, w Work) error {
	n, err := db.exec(ctx, renewLease, args{"id": w.ID, "lease": w.Lease, "seconds": LeaseTime.Seconds()})
	if err != nil {
		return fmt.Errorf("renewing the lease of work %d: %w", w.ID, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

var lockLeasedWork = newStatement(statement{
	name:     "lock_leased_work",
	does:     "Locks a work row if a lease on it is still in place.",
	given:    "@id of the work, and the @lease.",
	returns:  "The work row; none if the work is done or the lease was lost.",
	locks:    "Takes the work row: the first lock of a transaction that works on it.",
	prepared: true,
	text: `
SELECT` + workColumns + `
FROM work w
WHERE w.id = @id AND w.lease = @lease
FOR UPDATE`,
})

// LockLeased locks a work row and reads it again. It returns ErrNotFound if the
// caller has lost its lease.
func (t *Tx) LockLeased(ctx context.Context, w Work) (Work, error) {
	var now Work
	err := t.get(ctx, &now, lockLeasedWork, args{"id": w.ID, "lease": w.Lease})
	return now, err
}
