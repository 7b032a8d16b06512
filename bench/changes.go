package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// changesRead is the number of entries that one reading of the changes feed is for.
const changesRead = 100000

// measureChanges transfers a batch while a client follows the changes feed, and
// measures how long after its change an entry arrives. While the SIMs are
// transferred back, a client reads the first transfers: up to 100,000 entries.
func measureChanges(ctx context.Context, h *harness) error {
	template, err := h.approvedTemplate(ctx, h.SIMs)
	if err != nil {
		return err
	}
	return h.onService(ctx, template, func(db *storage.DB, s *service) error {
		start, err := s.support.ListChanges(ctx, client.ChangesFilter{}, client.ChangesFrom{Now: true}, 1)
		if err != nil {
			return err
		}
		first, err := approvedRequest(ctx, db)
		if err != nil {
			return err
		}
		var took, lag time.Duration
		following, followed := errgroup.WithContext(ctx)
		following.Go(func() error {
			_, err := s.execute(followed, first, forth(), batchPoll)
			return err
		})
		following.Go(func() (err error) {
			lag, err = s.followChanges(followed, start.NextCursor, h.SIMs)
			return err
		})
		if err := following.Wait(); err != nil {
			return err
		}
		second, err := s.createAndApprove(ctx, upTo(h.SIMs), back())
		if err != nil {
			return err
		}
		if err := h.vacuumAndCheckpoint(ctx, db); err != nil {
			return err
		}
		before, begin := h.usage(s), time.Now()
		g, running := errgroup.WithContext(ctx)
		g.Go(func() error {
			_, err := s.execute(running, second, back(), batchPoll)
			return err
		})
		g.Go(func() (err error) {
			took, err = s.readChanges(running, start.NextCursor, min(h.SIMs, changesRead))
			return err
		})
		if err := g.Wait(); err != nil {
			return err
		}
		h.recordRun(ctx, db, "changes_batch", time.Since(begin), h.usage(s).since(before))
		h.logf("  read %d changes in %v; the latest one arrived %v after its change", min(h.SIMs, changesRead), took, lag)
		h.record("changes_read_s", took.Seconds())
		h.record("changes_lag_s", lag.Seconds())
		return check(ctx, db)
	})
}

// readChanges reads n entries that are transfers, and decodes them.
func (s *service) readChanges(ctx context.Context, cursor string, n int) (time.Duration, error) {
	start := time.Now()
	rows, err := s.support.ReadChanges(ctx, client.ChangesFilter{Kinds: []transfer.ChangeKind{transfer.SIMTransferred}}, client.ChangesFrom{Cursor: cursor}, n)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	read := 0
	for _, err := range rows.All() {
		if err != nil {
			return 0, err
		}
		read++
	}
	if read != n {
		return 0, fmt.Errorf("read %d changes, want %d", read, n)
	}
	return time.Since(start), nil
}

// followChanges follows the feed until n entries have arrived, and returns the
// longest time between a change and its arrival.
func (s *service) followChanges(ctx context.Context, cursor string, n int) (lag time.Duration, err error) {
	for read := 0; read < n; {
		for c, err := range s.support.StreamChanges(ctx, client.ChangesFilter{}, client.ChangesFrom{Cursor: cursor}) {
			if err != nil {
				return 0, err
			}
			lag = max(lag, time.Since(c.At))
			if cursor, read = c.Cursor, read+1; read == n {
				break
			}
		}
	}
	return lag, nil
}
