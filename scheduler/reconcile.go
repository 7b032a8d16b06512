package scheduler

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"simtransfer/storage"
)

// Reconcile recovers lost work. It enqueues every piece of work that was
// dispatched but has no running handler again, under the same task id:
//
//	accepted             Redis had lost the task; now it has it again
//	conflict, waiting    the task waits in its queue; nothing to do
//	conflict, otherwise  its worker may be gone: the work is marked as suspect,
//	                     and dispatched again if the next round finds the same
//
// After a full page the next one follows immediately, so that a long backlog
// does not delay the recovery.
func (s *Scheduler) Reconcile(ctx context.Context) (more bool, err error) {
	list, err := s.db.Unconfirmed(ctx, dispatchPage)
	if err != nil {
		return false, err
	}
	queue := s.queue.withNewClient()
	var lost atomic.Int64
	var g errgroup.Group
	g.SetLimit(enqueueConcurrency)
	for _, t := range list {
		g.Go(func() error {
			wasLost, err := s.reconcile(ctx, queue, t)
			if wasLost {
				lost.Add(1)
			}
			return err
		})
	}
	err = g.Wait()
	if n := lost.Load(); n > 0 {
		s.log.WarnContext(ctx, "tasks that Redis had lost were enqueued again", "tasks", n)
	}
	return err == nil && len(list) == dispatchPage, err
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
	s.log.WarnContext(ctx, "a worker disappeared; its work was dispatched again", "work", t.Work, "kind", t.Kind)
	_, err = queue.enqueue(ctx, again)
	return false, err
}
