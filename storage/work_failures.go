package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// How often work may fail because of its data, or crash.
const (
	failuresBeforeSplit = 3  // errors or crashes; a single transfer fails after as many errors
	crashesBeforeDead   = 10 // of work for a single transfer
)

// How long work waits after an error that its data has not caused.
const (
	transientWait = 2 * time.Second
	maxSystemWait = 15 * time.Second // of the wait that doubles with each dispatch
)

// Failure is what happens to work whose handler failed.
type Failure string

// What Fail decides.
const (
	WorkGone  Failure = "gone"  // it is done, or another worker has it
	WorkLater Failure = "later" // it will be tried again
	WorkSplit Failure = "split" // its two halves will be tried
	WorkEnded Failure = "ended" // its only transfer failed with internal_error
	WorkDead  Failure = "dead"  // it waits for an operator
)

// Fail records that a handler failed on work, and decides what happens next.
//
// After an error that the data of the work has caused (DataError), the work is
// tried three times and then split in two, until the transfer that causes the
// error is the only one left and fails with internal_error. Time-outs and
// crashes never fail a SIM: work for a single transfer that keeps crashing is
// marked dead, and waits for an operator. After any other error the work is
// tried again, without limit, until the cause is fixed.
//
// The lease is the handler's. If it has none, Fail does not change work that is
// leased.
func (db *DB) Fail(ctx context.Context, id int64, lease uuid.NullUUID, cause error) (Failure, error) {
	var what Failure
	err := db.InTx(ctx, func(t *Tx) (err error) {
		what, err = t.fail(ctx, id, lease, cause)
		return err
	})
	if KindOf(err) != DataError {
		return what, err
	}
	// The failure itself could not be recorded: mark the work dead.
	cause = errors.Join(cause, err)
	what = WorkDead
	err = db.InTx(ctx, func(t *Tx) error {
		w, err := t.LockWork(ctx, id)
		if err != nil {
			return err
		}
		if w.heldByOther(lease) {
			what = WorkGone
			return nil
		}
		return t.markDead(ctx, w, cause)
	})
	return what, err
}

func (t *Tx) fail(ctx context.Context, id int64, lease uuid.NullUUID, cause error) (Failure, error) {
	w, err := t.lockFreeWork(ctx, id)
	if errors.Is(err, ErrNotFound) || (err == nil && w.heldByOther(lease)) {
		return WorkGone, nil // a commit of unknown outcome succeeded, or another transaction holds the row
	}
	if err != nil {
		return "", err
	}
	switch KindOf(cause) {
	case DataError:
		w.Errors++
	case TimeoutError:
		w.Crashes++
	case ConflictError, StoppedError, UnavailableError:
		return t.tryLater(ctx, w, cause, transientWait)
	case SystemError, NotOfDatabase:
		return t.tryLater(ctx, w, cause, min(transientWait<<min(w.Gen, 10)/2, maxSystemWait))
	}
	return t.applyFailure(ctx, w, cause)
}

// tryLater postpones work after an error that does not count. Dead work stays
// dead.
func (t *Tx) tryLater(ctx context.Context, w Work, cause error, wait time.Duration) (Failure, error) {
	if w.Dead {
		return WorkDead, t.markDead(ctx, w, cause)
	}
	return WorkLater, t.postpone(ctx, w, cause, 0, 0, wait)
}

// KeepsCrashing reports whether work has crashed too many workers to be tried
// again as it is.
func (w Work) KeepsCrashing() bool {
	return !w.Dead && w.Crashes >= failuresBeforeSplit && (w.N > 1 || w.Crashes >= crashesBeforeDead)
}

// FailCrashed splits work that keeps crashing its workers, or marks it dead. It
// returns WorkSplit or WorkDead, or WorkLater if the work may be tried again.
func (t *Tx) FailCrashed(ctx context.Context, w Work) (Failure, error) {
	if !w.KeepsCrashing() {
		return WorkLater, nil
	}
	return t.applyFailure(ctx, w, fmt.Errorf("the worker crashed %d times", w.Crashes))
}

// applyFailure decides what happens to work from its errors and crashes, which
// include the latest.
func (t *Tx) applyFailure(ctx context.Context, w Work, cause error) (Failure, error) {
	exhausted := w.Errors >= failuresBeforeSplit || w.Crashes >= failuresBeforeSplit
	switch {
	case w.Dead:
		return WorkDead, t.markDead(ctx, w, cause)
	case exhausted && w.N > 1:
		return WorkSplit, t.split(ctx, w, cause)
	case w.Errors >= failuresBeforeSplit && !w.Kind.MayFailSIM():
		return WorkDead, t.markDead(ctx, w, cause)
	case w.Errors >= failuresBeforeSplit:
		return WorkEnded, t.failAlone(ctx, w)
	case w.Crashes >= crashesBeforeDead:
		return WorkDead, t.markDead(ctx, w, cause)
	}
	return WorkLater, t.postpone(ctx, w, cause, w.Errors, w.Crashes, 100*time.Millisecond)
}

var postponeWork = newStatement(statement{
	name: "postpone_work",
	does: "Makes work due again later, ends its lease and records its failures.",
	given: `@id of the work. How many @errors and @crashes it has, which never lowers them.
		After how many @seconds it is due, and the @error that stays on it.`,
	locks: "The caller holds the work row.",
	text: `
UPDATE work
SET errors = greatest(errors, @errors),
	crashes = greatest(crashes, @crashes),
	not_before = clock_timestamp() + make_interval(secs => @seconds),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL,
	error = @error
WHERE id = @id`,
})

func (t *Tx) postpone(ctx context.Context, w Work, cause error, failed, crashes int, after time.Duration) error {
	if _, err := t.exec(ctx, postponeWork, args{
		"id": w.ID, "errors": failed, "crashes": crashes, "seconds": after.Seconds(), "error": cause.Error(),
	}); err != nil {
		return fmt.Errorf("postponing work %d: %w", w.ID, err)
	}
	return nil
}

// A half of more than one transfer is split again at its first error, because
// the error is known to persist.
var splitWork = newStatement(statement{
	name: "split_work",
	does: "Replaces work by its two halves. The request's n_left stays the same.",
	given: `@id of the work, and the @error that stays on the halves.
		@failed: it had too many errors; halves of more than one transfer then start with @errors.`,
	locks: "The caller holds the work row.",
	text: `
WITH whole AS (
	DELETE FROM work WHERE id = @id
	RETURNING kind, request, lo, hi, items, n, gateway, queue, attempts
)
INSERT INTO work (kind, request, lo, hi, items, n, gateway, queue, attempts, errors, error)
SELECT
	kind,
	request,
	lo + half.skip,
	lo + half.skip + half.n,
	items[half.skip + 1 : half.skip + half.n],
	half.n,
	gateway,
	queue,
	attempts,
	CASE WHEN half.n > 1 AND @failed THEN @errors::int ELSE 0 END,
	@error
FROM whole
CROSS JOIN LATERAL (VALUES (0, whole.n / 2), (whole.n / 2, whole.n - whole.n / 2)) AS half (skip, n)`,
})

// split replaces work by its two halves.
func (t *Tx) split(ctx context.Context, w Work, cause error) error {
	if _, err := t.exec(ctx, splitWork, args{
		"id": w.ID, "error": cause.Error(), "failed": w.Errors >= failuresBeforeSplit, "errors": failuresBeforeSplit - 1,
	}); err != nil {
		return fmt.Errorf("splitting work %d: %w", w.ID, err)
	}
	return nil
}

// failAlone fails the only transfer of work, in as small a transaction as
// possible.
func (t *Tx) failAlone(ctx context.Context, w Work) error {
	c, err := t.failOpen(ctx, w, transfer.InternalError)
	if err != nil {
		return err
	}
	if w.Kind == transfer.WorkValidate {
		return t.CloseValidation(ctx, w, c)
	}
	return t.CloseChunk(ctx, w, c)
}

var markDead = newStatement(statement{
	name:  "mark_dead",
	does:  "Marks work as dead, so that it is not tried again until an operator retries it.",
	given: "@id of the work, and the @error that stays on it.",
	locks: "The caller holds the work row.",
	text: `
UPDATE work
SET dead_at = coalesce(dead_at, clock_timestamp()), lease = NULL, lease_until = NULL, error = @error
WHERE id = @id`,
})

func (t *Tx) markDead(ctx context.Context, w Work, cause error) error {
	if _, err := t.exec(ctx, markDead, args{"id": w.ID, "error": cause.Error()}); err != nil {
		return fmt.Errorf("marking work %d dead: %w", w.ID, err)
	}
	return nil
}

// failItems fails the transfers that are left in drop work, and ends it. answer
// is the last answer of a gateway, for the event.
func (t *Tx) failItems(ctx context.Context, w Work, reason transfer.Reason, answer string) error {
	c, err := t.failOpen(ctx, w, reason)
	if err != nil {
		return err
	}
	c.GatewayAnswer = answer
	_, err = t.closeWork(ctx, w, w.N, c, true)
	return err
}

const failedState = `CASE open.state WHEN 'pending' THEN 'ineligible' ELSE 'failed' END`

var failChunk = newStatement(statement{
	name:    "fail_chunk",
	does:    "Closes the open transfers of a chunk: pending ones as ineligible, eligible ones as failed. Deletes their claims.",
	given:   "@request, the numbers of the chunk's transfers: from @lo to below @hi, and the @reason.",
	returns: "How many transfers were closed, by what they were, and how many claims were deleted.",
	locks:   "The caller holds the work row. Takes transfers and claims.",
	text:    closeOpenSQL(inChunk, failedState, "@reason", "NULL") + closedColumns,
})

var failNumbered = newStatement(statement{
	name:    "fail_numbered",
	does:    "Closes some open transfers: pending ones as ineligible, eligible ones as failed. Deletes their claims.",
	given:   "@request, the @numbers of its transfers, and the @reason.",
	returns: "How many transfers were closed, by what they were, and how many claims were deleted.",
	locks:   "The caller holds the work row. Takes transfers and claims.",
	text:    closeOpenSQL(inNumbers, failedState, "@reason", "NULL") + closedColumns,
})

// failOpen closes every open transfer of work: eligible ones as failed, pending
// ones as ineligible.
func (t *Tx) failOpen(ctx context.Context, w Work, reason transfer.Reason) (Counts, error) {
	var c closed
	var err error
	if len(w.Items) > 0 {
		err = t.get(ctx, &c, failNumbered, args{"request": w.Request, "numbers": w.Items, "reason": reason})
	} else {
		err = t.get(ctx, &c, failChunk, args{"request": w.Request, "lo": w.Lo, "hi": w.Hi, "reason": reason})
	}
	if err != nil {
		return Counts{}, fmt.Errorf("failing the SIMs of work %d: %w", w.ID, err)
	}
	counts := c.counts()
	counts.add(transfer.Ineligible, c.Pending)
	counts.add(transfer.Failed, c.Eligible)
	return counts, nil
}
