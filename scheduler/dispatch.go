package scheduler

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// dispatchPage is how many work rows are dispatched at a time, per queue.
const dispatchPage = 500

// enqueueConcurrency is how many tasks are sent to Redis at a time. One after
// the other, the round trips would limit the rate.
const enqueueConcurrency = 8

// Dispatch enqueues due work, interactive work first. It marks the work as
// dispatched and commits before it talks to Redis. If Redis is down, the mark is
// reverted; if the process dies in between, Reconcile finds the work.
func (s *Scheduler) Dispatch(ctx context.Context) (more bool, err error) {
	for _, queue := range transfer.Queues() {
		list, err := s.db.Dispatch(ctx, queue, dispatchPage)
		if err != nil {
			return false, err
		}
		if err := s.enqueueAll(ctx, list); err != nil {
			return false, err
		}
		more = more || len(list) == dispatchPage
	}
	return more, nil
}

func (s *Scheduler) enqueueAll(ctx context.Context, list []storage.Task) error {
	failed := make([]bool, len(list))
	var g errgroup.Group
	g.SetLimit(enqueueConcurrency)
	for i, t := range list {
		g.Go(func() error {
			_, err := s.queue.enqueue(ctx, t)
			failed[i] = err != nil
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		return nil
	}
	var notEnqueued []storage.Task
	for i, t := range list {
		if failed[i] {
			notEnqueued = append(notEnqueued, t)
		}
	}
	return errors.Join(err, s.db.RevertDispatch(context.WithoutCancel(ctx), notEnqueued))
}
