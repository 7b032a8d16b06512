package scheduler

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// page is how many work rows are taken in one go.
const page = 500

// enqueuers is how many tasks are given to Redis at once: one goroutine is
// bounded by its round trips.
const enqueuers = 8

// Dispatch enqueues due work, interactive work first. It holds no lock while
// it talks to Redis; when Redis is away the work is due again, and when the
// process dies in between, reconciliation finds it.
func (s *Scheduler) Dispatch(ctx context.Context) (more bool, err error) {
	for _, queue := range transfer.Queues() {
		list, err := s.db.Dispatch(ctx, queue, page)
		if err != nil {
			return false, err
		}
		if err := s.enqueueAll(ctx, list); err != nil {
			return false, err
		}
		more = more || len(list) == page
	}
	return more, nil
}

func (s *Scheduler) enqueueAll(ctx context.Context, list []storage.Task) error {
	failed := make([]bool, len(list))
	var g errgroup.Group
	g.SetLimit(enqueuers)
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
	var back []storage.Task
	for i, t := range list {
		if failed[i] {
			back = append(back, t)
		}
	}
	return errors.Join(err, s.db.RevertDispatch(context.WithoutCancel(ctx), back))
}
