package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/tasks"
)

// leased returns the handler for work that talks to gateways. It holds a lease
// on the work row, not a transaction, while do runs.
func (w *Worker) leased(do func(context.Context, storage.Work) error) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		p, err := tasks.Parse(task)
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		work, err := w.db.TakeLease(ctx, p.Work)
		if err != nil {
			return w.conclude(ctx, task, p.Work, uuid.NullUUID{}, err)
		}
		ctx, release := w.keepLease(ctx, work)
		defer release()
		if work.KeepsCrashing() {
			err = w.failCrashed(ctx, work)
		} else {
			err = do(ctx, work)
		}
		return w.conclude(ctx, task, work.ID, work.Lease, err)
	})
}

// keepLease renews a lease three times per LeaseTime, and cancels the returned
// context if the lease is lost. The caller must call the returned function.
func (w *Worker) keepLease(ctx context.Context, work storage.Work) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(storage.LeaseTime / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := w.db.RenewLease(ctx, work); errors.Is(err, storage.ErrNotFound) {
				cancel(fmt.Errorf("the lease of work %d was lost: %w", work.ID, err))
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// failCrashed splits leased work whose workers keep crashing, or marks it dead.
func (w *Worker) failCrashed(ctx context.Context, work storage.Work) error {
	var result storage.Failure
	err := w.db.InTx(ctx, func(tx *storage.Tx) error {
		work, err := tx.LockLeased(ctx, work)
		if err == nil {
			result, err = tx.FailCrashed(ctx, work)
		}
		return err
	})
	if err == nil && result == storage.WorkDead {
		err = errDead
	}
	return err
}

// requeue ends the lease on the sessions that could not be dropped, if any are
// left, and schedules the next attempt.
func (w *Worker) requeue(ctx context.Context, work storage.Work, refused storage.Refusals) error {
	dead := false
	err := w.db.InTx(ctx, func(tx *storage.Tx) error {
		current, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err // ErrNotFound: nothing is left
		}
		dead, err = tx.Requeue(ctx, current, refused, w.config.DropAttempts, w.pauseOf(work))
		return err
	})
	if err == nil && dead {
		return fmt.Errorf("%w: %s", errDead, refused.Last)
	}
	return err
}

// pauseOf is the delay after an attempt of drop work: the back-off, or longer if its
// gateway wants to be left alone.
func (w *Worker) pauseOf(work storage.Work) time.Duration {
	pause := w.backoff(work.Attempts)
	if work.Gateway != nil {
		pause = max(pause, w.breaker.paused(*work.Gateway))
	}
	return pause
}

// backoff is the delay after an attempt, counted from 0. It doubles with each
// attempt, up to five minutes.
func (w *Worker) backoff(attempt int) time.Duration {
	return min(w.config.DropBackoff<<min(attempt, 16), 5*time.Minute)
}
