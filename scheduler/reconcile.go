package scheduler

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

// Reconcile brings back lost work. Each piece that was dispatched but is not
// being worked on is enqueued again under the same id:
//
//	accepted             Redis had lost it; it is back
//	conflict, waiting    it is part of a backlog; leave it
//	conflict, otherwise  its worker may be gone: a suspect, and if it is so
//	                     again in the next round, it is dispatched anew
//
// After a full page the next follows at once, so that a long backlog hides no
// loss for long.
func (s *Scheduler) Reconcile(ctx context.Context) (more bool, err error) {
	list, err := s.db.Unconfirmed(ctx, page)
	if err != nil {
		return false, err
	}
	queue := s.queue.afresh()
	var lost atomic.Int64
	var g errgroup.Group
	g.SetLimit(enqueuers)
	for _, t := range list {
		g.Go(func() error {
			back, err := s.reconcile(ctx, queue, t)
			if back {
				lost.Add(1)
			}
			return err
		})
	}
	err = g.Wait()
	if n := lost.Load(); n > 0 {
		s.log.WarnContext(ctx, "tasks that Redis had lost are back", "tasks", n)
	}
	return err == nil && len(list) == page, err
}

func (s *Scheduler) reconcile(ctx context.Context, queue queue, t storage.Task) (lost bool, err error) {
	accepted, err := queue.enqueue(ctx, t)
	if err != nil {
		return false, err
	}
	if accepted {
		return true, s.db.MarkSuspect(ctx, t, false)
	}
	waiting, err := queue.waiting(t)
	if err != nil {
		return false, err
	}
	if waiting || !t.Suspect {
		return false, s.db.MarkSuspect(ctx, t, !waiting)
	}
	again, ok, err := s.db.Redispatch(ctx, t)
	if err != nil || !ok {
		return false, err
	}
	s.log.WarnContext(ctx, "a worker is gone; its work is dispatched anew", "work", t.Work, "kind", t.Kind)
	_, err = queue.enqueue(ctx, again)
	return false, err
}
