package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

// partSize is how many SIMs of a piece of drop work are committed together: a
// crash loses the news of so many sessions at most, and asks for them again.
const partSize = 256

// dropSessions ends the sessions of its SIMs at their gateways and hands over
// those that are offline then, part by part. What the gateway refuses stays in
// the work for another attempt; after the last those SIMs fail.
func (w *Worker) dropSessions(ctx context.Context, work storage.Work) error {
	sessions, err := w.db.SessionsOf(ctx, work)
	if err != nil {
		return err
	}
	bySIM := map[int64][]storage.OpenSession{}
	for _, s := range sessions {
		bySIM[s.N] = append(bySIM[s.N], s)
	}
	why, left := "the SIM came online again", len(work.Items)
	for items := []int64(work.Items); len(items) > 0; {
		part := items[:min(partSize, len(items))]
		items = items[len(part):]
		gone, said, err := w.drop(ctx, part, bySIM)
		if err != nil {
			return err
		}
		if said != "" {
			why = said
		}
		over, err := w.handOverDropped(ctx, work, part, gone, bySIM)
		if err != nil {
			return err
		}
		left -= over
	}
	if left == 0 {
		return nil
	}
	return w.giveBack(ctx, work, why)
}

// drop asks the gateways about every session of some SIMs, many at once. It
// returns the sessions that are gone, and what a gateway said about one that
// is not.
func (w *Worker) drop(ctx context.Context, numbers []int64, bySIM map[int64][]storage.OpenSession) (gone map[int64]bool, why string, err error) {
	gone = map[int64]bool{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.config.DropSessions)
	for _, n := range numbers {
		for _, s := range bySIM[n] {
			g.Go(func() error {
				answer, err := w.ask(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				if answer.Gone {
					gone[s.ID] = true
				} else if err == nil {
					why = answer.Why
				}
				return err
			})
		}
	}
	return gone, why, g.Wait()
}

// ask sends one Disconnect-Request, unless the gateway has just been silent and
// nothing else was heard of it: then its silence stands for this session too, so
// that a gateway that is down does not keep others waiting.
func (w *Worker) ask(ctx context.Context, s storage.OpenSession) (Answer, error) {
	if s.Server == nil || s.Secret == nil || *s.Secret == "" {
		return Answer{Why: fmt.Sprintf("gateway %s is not in radius.nas", s.NASIPAddress)}, nil
	}
	if w.silent.lately(s.NASIPAddress) {
		return Answer{Silent: true, Why: fmt.Sprintf("gateway %s was silent a moment ago", s.NASIPAddress)}, nil
	}
	asked := time.Now()
	answer, err := w.gateways.Drop(ctx, s)
	if err != nil {
		return answer, fmt.Errorf("dropping session %q at gateway %s: %w", s.AcctSessionID, s.NASIPAddress, err)
	}
	w.silent.heard(s.NASIPAddress, asked, answer.Silent)
	return answer, nil
}

// handOverDropped hands over the SIMs of a part that have no session left, and
// returns how many SIMs the work is over for.
func (w *Worker) handOverDropped(
	ctx context.Context, work storage.Work, part []int64, gone map[int64]bool, bySIM map[int64][]storage.OpenSession,
) (over int, err error) {
	var offline, dropped, ended []int64
	for _, n := range part {
		up := len(bySIM[n])
		for _, s := range bySIM[n] {
			if gone[s.ID] {
				ended = append(ended, s.ID)
				up--
			}
		}
		if up == 0 {
			offline = append(offline, n)
		}
		if up < len(bySIM[n]) {
			dropped = append(dropped, n)
		}
	}
	if len(offline) == 0 && len(ended) == 0 {
		return 0, nil
	}
	err = w.db.InTx(ctx, func(tx *storage.Tx) error {
		now, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err
		}
		if err := tx.LockSIMs(ctx, now, offline); err != nil {
			return err
		}
		if err := tx.CloseSessions(ctx, ended); err != nil {
			return err
		}
		over, err = tx.HandOverDropped(ctx, now, offline, dropped)
		return err
	})
	return over, err
}

// giveBack ends the lease on what could not be dropped, if anything.
func (w *Worker) giveBack(ctx context.Context, work storage.Work, why string) error {
	dead := false
	err := w.db.InTx(ctx, func(tx *storage.Tx) error {
		now, err := tx.LockLeased(ctx, work)
		if err != nil {
			return err // nothing is left of it
		}
		dead, err = tx.Requeue(ctx, now, why, w.config.DropAttempts, w.backoff(now.Attempts))
		return err
	})
	if err == nil && dead {
		return fmt.Errorf("%w: %s", errDead, why)
	}
	return err
}

// backoff is the wait after an attempt, counted from 0: it doubles up to five
// minutes.
func (w *Worker) backoff(attempt int) time.Duration {
	return min(w.config.DropBackoff<<min(attempt, 16), 5*time.Minute)
}

// keepLease renews a lease every third of its time and ends the context when
// it is lost.
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
