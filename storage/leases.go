package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
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

var requeueWork = newStatement(statement{
	name: "requeue_work",
	does: "Counts an attempt, ends the lease and makes work due again later, or dead.",
	given: `@id of the work, the @error that stays on it, after how many @seconds it is due,
		and whether it is now @dead.`,
	locks: "The caller holds the work row.",
	text: `
UPDATE work
SET attempts = attempts + 1,
	not_before = clock_timestamp() + make_interval(secs => @seconds),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL,
	dead_at = CASE WHEN @dead THEN coalesce(dead_at, clock_timestamp()) END,
	error = @error
WHERE id = @id`,
})

// Refusals are what gateways answered about sessions that they did not end, for
// people. Each starts with the gateway, such as "gateway 10.0.0.1: ". The zero
// value is ready to use.
type Refusals struct {
	Last  string
	bySIM map[int64]string // by the number of the transfer
}

// Add adds the answer about a session of the SIM of a transfer.
func (r *Refusals) Add(n int64, answer string) {
	if r.bySIM == nil {
		r.bySIM = map[int64]string{}
	}
	r.Last, r.bySIM[n] = answer, answer
}

var noteAnswers = newStatement(statement{
	name:  "note_answers",
	does:  "Records on eligible transfers what the gateway answered last about a session of their SIM.",
	given: "@request, the @numbers of its transfers and the @answers about them.",
	locks: "The caller holds the work row. Takes the transfers.",
	text: `
UPDATE transfers t
SET gateway_answer = left(u.answer, 500)
FROM unnest(@numbers::int[], @answers::text[]) AS u (n, answer)
WHERE t.request = @request AND t.n = u.n AND t.state = 'eligible' AND t.gateway_answer IS DISTINCT FROM left(u.answer, 500)`,
})

func (t *Tx) noteAnswers(ctx context.Context, w Work, r Refusals) error {
	if len(r.bySIM) == 0 || w.Kind != transfer.WorkDropSessions {
		return nil
	}
	numbers, answers := make([]int64, 0, len(r.bySIM)), make([]string, 0, len(r.bySIM))
	for n, answer := range r.bySIM {
		numbers, answers = append(numbers, n), append(answers, answer)
	}
	if _, err := t.exec(ctx, noteAnswers, args{"request": w.Request, "numbers": pq.Array(numbers), "answers": pq.Array(answers)}); err != nil {
		return fmt.Errorf("recording the answers of the gateways of work %d: %w", w.ID, err)
	}
	return nil
}

// Requeue ends a lease when not every session of drop work could be
// disconnected: the work is due again after a delay, and the gateways' answers
// are stored on it and on the transfers. At the last attempt, the transfers that
// are left fail with session_not_dropped; the work of a stray session is marked
// dead instead, and dead is then true.
func (t *Tx) Requeue(ctx context.Context, w Work, refused Refusals, maxAttempts int, after time.Duration) (dead bool, err error) {
	last := w.Attempts+1 >= maxAttempts
	if err := t.noteAnswers(ctx, w, refused); err != nil {
		return false, err
	}
	if last && w.Kind == transfer.WorkDropSessions {
		return false, t.failItems(ctx, w, transfer.SessionNotDropped, refused.Last)
	}
	if _, err := t.exec(ctx, requeueWork, args{"id": w.ID, "error": refused.Last, "seconds": after.Seconds(), "dead": last}); err != nil {
		return last, fmt.Errorf("requeuing work %d: %w", w.ID, err)
	}
	return last, nil
}
