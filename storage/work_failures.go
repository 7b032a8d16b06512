package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// Limits of patience with work that fails for other than passing reasons.
const (
	failuresBeforeSplit = 3
	crashesBeforeDead = 10
)

// Failure says what became of work whose handler failed.
type Failure string

// What Fail may decide.
const (
	WorkGone  Failure = "gone"  // it was done after all, or is another worker's
	WorkLater Failure = "later" // it will be tried again
	WorkSplit Failure = "split" // its halves will be tried
	WorkEnded Failure = "ended" // its one transfer has failed with internal_error
	WorkDead  Failure = "dead"  // it waits for an operator
)

// Fail records that a handler failed on work and decides what comes next. What
// is transient is tried again later, without limit. Anything else is tried
// three times; then the work is halved, until the one transfer that makes it
// fail stands alone and fails with internal_error. A time-out or a crash never
// fails a SIM. Work that cannot be ended so is dead: an operator looks at it.
// The lease is the handler's; to one that has none, leased work is another's.
func (db *DB) Fail(ctx context.Context, id int64, lease uuid.NullUUID, cause error) (Failure, error) {
	var what Failure
	err := db.InTx(ctx, func(t *Tx) (err error) {
		what, err = t.fail(ctx, id, lease, cause)
		return err
	})
	if err == nil || IsTransient(err) {
		return what, err
	}
	// Not even the failure could be written: the work is taken out of circulation.
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
		return WorkGone, nil // an unknown commit had gone through, or somebody else holds it now
	}
	if err != nil {
		return "", err
	}
	switch {
	case IsTransient(cause):
		return WorkLater, t.postpone(ctx, w, cause, 0, 0, 2*time.Second)
	case isTimeout(cause):
		w.Crashes++
	default:
		w.Errors++
	}
	return t.applyFailure(ctx, w, cause)
}

// KeepsCrashing reports whether work has lost so many workers that it is not to
// be tried again as it is.
func (w Work) KeepsCrashing() bool {
	return !w.Dead && w.Crashes >= failuresBeforeSplit && (w.N > 1 || w.Crashes >= crashesBeforeDead)
}

// FailCrashed looks at work whose workers keep dying before it is tried again.
// WorkSplit and WorkDead say that it was halved or declared dead instead;
// WorkLater, that it may be tried.
func (t *Tx) FailCrashed(ctx context.Context, w Work) (Failure, error) {
	if !w.KeepsCrashing() {
		return WorkLater, nil
	}
	return t.applyFailure(ctx, w, fmt.Errorf("the worker was gone %d times", w.Crashes))
}

func (t *Tx) applyFailure(ctx context.Context, w Work, cause error) (Failure, error) {
	exhausted := w.Errors >= failuresBeforeSplit || w.Crashes >= failuresBeforeSplit
	switch {
	case w.Dead:
		return WorkDead, t.markDead(ctx, w, cause)
	case exhausted && w.N > 1:
		return WorkSplit, t.split(ctx, w, cause)
	case w.Errors >= failuresBeforeSplit && (w.Kind == transfer.WorkRelease || w.Kind == transfer.WorkDropStray):
		return WorkDead, t.markDead(ctx, w, cause)
	case w.Errors >= failuresBeforeSplit:
		return WorkEnded, t.failAlone(ctx, w)
	case w.Crashes >= crashesBeforeDead:
		return WorkDead, t.markDead(ctx, w, cause)
	}
	return WorkLater, t.postpone(ctx, w, cause, w.Errors, w.Crashes, 100*time.Millisecond)
}

func (t *Tx) postpone(ctx context.Context, w Work, cause error, tried, crashes int, after time.Duration) error {
	if _, err := t.rawExec(ctx, `
		UPDATE work
		SET errors = greatest(errors, $2),
			crashes = greatest(crashes, $3),
			not_before = clock_timestamp() + make_interval(secs => $4),
			dispatched_at = NULL,
			lease = NULL,
			lease_until = NULL,
			error = $5
		WHERE id = $1`, w.ID, tried, crashes, after.Seconds(), cause.Error()); err != nil {
		return fmt.Errorf("postponing work %d: %w", w.ID, err)
	}
	return nil
}

// split replaces work by its two halves; n_left is unchanged. A half of more
// than one transfer is halved again at its first error: that the trouble stays
// has been seen.
func (t *Tx) split(ctx context.Context, w Work, cause error) error {
	if _, err := t.rawExec(ctx, `
		WITH whole AS (
			DELETE FROM work WHERE id = $1
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
			CASE WHEN half.n > 1 AND $3 THEN $4 - 1 ELSE 0 END,
			$2
		FROM whole
		CROSS JOIN LATERAL (VALUES (0, whole.n / 2), (whole.n / 2, whole.n - whole.n / 2)) AS half (skip, n)`,
		w.ID, cause.Error(), w.Errors >= failuresBeforeSplit, failuresBeforeSplit); err != nil {
		return fmt.Errorf("halving work %d: %w", w.ID, err)
	}
	return nil
}

// failAlone fails the one transfer that makes its work fail, by the smallest
// transaction there is.
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

func (t *Tx) markDead(ctx context.Context, w Work, cause error) error {
	if _, err := t.rawExec(ctx, `
		UPDATE work
		SET dead_at = coalesce(dead_at, clock_timestamp()), lease = NULL, lease_until = NULL, error = $2
		WHERE id = $1`, w.ID, cause.Error()); err != nil {
		return fmt.Errorf("declaring work %d dead: %w", w.ID, err)
	}
	return nil
}
