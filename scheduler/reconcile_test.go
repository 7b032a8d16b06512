package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// Tasks that Redis has lost are enqueued again under the same id.
func TestLostTasks(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 3)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	want := tasksOf(1, work...)

	svc.flushRedis()
	svc.once(s.Reconcile)
	if got := svc.pending(transfer.QueueBulk); len(got) > 0 {
		t.Errorf("back too early, while it may be on its way: %v", got)
	}
	svc.age(7)
	if more := svc.once(s.Reconcile); more {
		t.Error("there is more to do")
	}
	if diff := cmp.Diff(want, svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("after Redis has lost everything (-want +got):\n%s", diff)
	}
	if err := svc.inspector.DeleteTask(string(transfer.QueueBulk), want[1]); err != nil {
		t.Fatal(err)
	}
	svc.age(7)
	svc.once(s.Reconcile)
	if diff := cmp.Diff(want, svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("after one task was deleted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

// If a scheduler crashes between the commit and Redis, no work is lost.
func TestDispatcherCrash(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueInteractive, 2)
	if _, err := svc.Dispatch(t.Context(), transfer.QueueInteractive, 10); err != nil { // but do not enqueue it
		t.Fatal(err)
	}
	svc.age(7)
	svc.once(svc.scheduler(svc.redis).Reconcile)
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueInteractive)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// Tasks that wait are not lost, however long they wait, and are not enqueued twice.
func TestBacklog(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueGateway, 20)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	want := tasksOf(1, work...)
	look := func(what string) {
		t.Helper()
		for range 4 {
			svc.age(3600)
			svc.once(s.Reconcile)
			svc.once(s.Dispatch)
		}
		if diff := cmp.Diff(want, svc.pending(transfer.QueueGateway)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	look("pending")
	if err := svc.inspector.PauseQueue(string(transfer.QueueGateway)); err != nil {
		t.Fatal(err)
	}
	look("in a paused queue")
	svc.Check()
}

// The same for tasks that are scheduled for later.
func TestScheduledTasks(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.work(transfer.QueueBulk, 1)
	list, err := svc.Dispatch(t.Context(), transfer.QueueBulk, 10)
	if err != nil {
		t.Fatal(err)
	}
	c := asynq.NewClient(svc.redis)
	defer func() { _ = c.Close() }()
	if _, err := c.EnqueueContext(t.Context(), svc.Task(list[0]), asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s := svc.scheduler(svc.redis)
	for range 3 {
		svc.age(3600)
		svc.once(s.Reconcile)
	}
	if got := svc.ids(svc.inspector.ListScheduledTasks, transfer.QueueBulk); len(got) != 1 || len(svc.pending(transfer.QueueBulk)) != 0 {
		t.Errorf("scheduled: %v, pending: %v", got, svc.pending(transfer.QueueBulk))
	}
}

// Work whose task is active but which no worker holds is marked as suspect in the
// first round and dispatched again in the second: its worker has crashed.
func TestCrashedWorker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state   string
		handler func(context.Context, *asynq.Task) error
		list    func(*asynq.Inspector) func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)
	}{
		{
			"active",
			func(ctx context.Context, _ *asynq.Task) error {
				<-ctx.Done()
				return ctx.Err()
			},
			func(i *asynq.Inspector) func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
				return i.ListActiveTasks
			},
		},
		{
			"retry",
			func(context.Context, *asynq.Task) error { return errors.New("broken") },
			func(i *asynq.Inspector) func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
				return i.ListRetryTasks
			},
		},
		{
			"archived",
			func(context.Context, *asynq.Task) error { return asynq.SkipRetry },
			func(i *asynq.Inspector) func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
				return i.ListArchivedTasks
			},
		},
	} {
		t.Run(c.state, func(t *testing.T) {
			t.Parallel()
			svc := newTestService(t)
			work := svc.work(transfer.QueueBulk, 1)
			s := svc.scheduler(svc.redis)
			svc.once(s.Dispatch)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop := svc.serve(transfer.QueueBulk, func(_ context.Context, task *asynq.Task) error { return c.handler(ctx, task) })
			storagetest.Await(t, "the task to be "+c.state, func() bool {
				return len(svc.ids(c.list(svc.inspector), transfer.QueueBulk)) == 1
			})
			if err := svc.inspector.PauseQueue(string(transfer.QueueBulk)); err != nil { // so that what comes stays pending
				t.Fatal(err)
			}
			look := func(want workRow, pending ...string) {
				t.Helper()
				svc.once(s.Reconcile)
				if diff := cmp.Diff([]workRow{want}, svc.workRows()); diff != "" {
					t.Errorf("work (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(append([]string{}, pending...), svc.pending(transfer.QueueBulk)); diff != "" {
					t.Errorf("pending (-want +got):\n%s", diff)
				}
			}
			svc.age(5)
			look(workRow{Gen: 1, Dispatched: true})
			svc.age(2)
			look(workRow{Gen: 1, Dispatched: true, Suspect: true})
			svc.age(1)
			look(workRow{Gen: 1, Dispatched: true, Suspect: true})
			svc.age(2)
			second := tasksOf(2, work...)
			look(workRow{Gen: 2, Dispatched: true, Crashes: 1}, second...)
			for range 3 { // from now on it is a backlog
				svc.age(60)
				look(workRow{Gen: 2, Dispatched: true, Crashes: 1}, second...)
			}
			cancel()
			stop()
		})
	}
}

// Work whose row is locked or leased has a running worker.
func TestBusyWorkers(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 2)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	svc.flushRedis() // even then: it says so itself when it is done, or dies
	letGo := svc.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work[0])
	svc.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 minute',
		checked_at = checked_at - interval '1 hour' WHERE id = $1`, work[1])
	for range 3 {
		svc.once(s.Reconcile)
	}
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	if got := svc.pending(transfer.QueueBulk); len(got) != 0 {
		t.Errorf("pending: %v", got)
	}
	letGo()
	svc.age(7)
	svc.once(s.Reconcile)
	if diff := cmp.Diff(tasksOf(1, work[0]), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// Work with an expired lease is dispatched again in the first round.
func TestExpiredLease(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueGateway, 1)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	release := make(chan struct{})
	stop := svc.serve(transfer.QueueGateway, func(ctx context.Context, _ *asynq.Task) error { // takes its lease and never returns
		_, err := svc.TakeLease(ctx, work[0])
		<-release
		return err
	})
	storagetest.Await(t, "the lease", func() bool {
		return storagetest.One[bool](svc.DB, `SELECT lease IS NOT NULL FROM work`)
	})
	if err := svc.inspector.PauseQueue(string(transfer.QueueGateway)); err != nil {
		t.Fatal(err)
	}
	svc.age(3600)
	svc.once(s.Reconcile)
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("while the lease holds (-want +got):\n%s", diff)
	}
	svc.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 ms'`)
	svc.once(s.Reconcile)
	if diff := cmp.Diff([]workRow{{Gen: 2, Dispatched: true, Crashes: 1}}, svc.workRows()); diff != "" {
		t.Errorf("when it has run out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tasksOf(2, work...), svc.pending(transfer.QueueGateway)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	close(release)
	stop()
}

// Two concurrent reconcilers enqueue no task twice.
func TestConcurrentReconcile(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 600)
	first, second := svc.scheduler(svc.redis), svc.scheduler(svc.redis)
	for svc.once(first.Dispatch) {
	}
	svc.flushRedis()
	for range 3 {
		svc.age(7)
		a := storagetest.Go(func() error { _, err := first.Reconcile(t.Context()); return err })
		b := storagetest.Go(func() error { _, err := second.Reconcile(t.Context()); return err })
		for _, ended := range []<-chan error{a, b} {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

// After a full page of lost tasks the next page follows immediately.
func TestManyLostTasks(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 501)
	s := svc.scheduler(svc.redis)
	for svc.once(s.Dispatch) {
	}
	svc.flushRedis()
	svc.age(7)
	if more := svc.once(s.Reconcile); !more {
		t.Error("a full page was lost, and there is no more to do")
	}
	if more := svc.once(s.Reconcile); more {
		t.Error("the rest is back, and there is more to do")
	}
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// No lock is held during calls to Redis.
func TestReconcileHoldsNoLock(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.work(transfer.QueueBulk, 3)
	svc.once(svc.scheduler(svc.redis).Dispatch)
	svc.age(7)
	w, redis := svc.throughProxy()
	open := w.block()
	defer open()
	s := svc.scheduler(redis)
	ended := storagetest.Go(func() error {
		_, err := s.Reconcile(t.Context())
		return err
	})
	<-w.received
	if _, err := svc.Pool().ExecContext(t.Context(), `SELECT FROM work FOR UPDATE NOWAIT`); err != nil {
		t.Errorf("while the reconciler talks to Redis: %v", err)
	}
	open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// If Redis is down, the reconciler returns an error, marks no work, and continues
// when Redis is back.
func TestReconcileWithoutRedis(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 2)
	svc.once(svc.scheduler(svc.redis).Dispatch)
	svc.flushRedis()
	svc.age(7)
	w, redis := svc.throughProxy()
	w.cut()
	if _, err := svc.scheduler(redis).Reconcile(t.Context()); err == nil {
		t.Error("reconciled without an error")
	}
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	svc.age(7)
	svc.once(svc.scheduler(svc.redis).Reconcile)
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// Work that was done in the meantime is not marked as suspect.
func TestWorkDoneMeanwhile(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 1)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	done := make(chan struct{})
	stop := svc.serve(transfer.QueueBulk, func(context.Context, *asynq.Task) error {
		<-done
		return nil
	})
	storagetest.Await(t, "the task to be active", func() bool {
		return len(svc.ids(svc.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	svc.age(7)
	svc.once(s.Reconcile) // a suspect now
	svc.Exec(`DELETE FROM work WHERE id = $1`, work[0])
	close(done)
	stop()
	task := storage.Task{Work: work[0], Gen: 1, Kind: transfer.WorkDropStray, Queue: transfer.QueueBulk, Suspect: true}
	if _, ok, err := svc.Redispatch(t.Context(), task); ok || err != nil {
		t.Errorf("dispatched again: %t, %v", ok, err)
	}
	svc.once(s.Reconcile)
	if got := svc.pending(transfer.QueueBulk); len(got) != 0 {
		t.Errorf("pending: %v", got)
	}
}

// A worker that crashes after Redis has lost all data is noticed as usual.
func TestCrashedWorkerAfterDataLoss(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.work(transfer.QueueBulk, 1)
	s := svc.scheduler(svc.redis)
	svc.once(s.Dispatch)
	svc.flushRedis()
	svc.age(7)
	svc.once(s.Reconcile)
	release := make(chan struct{})
	stop := svc.serve(transfer.QueueBulk, func(context.Context, *asynq.Task) error {
		<-release
		return nil
	})
	storagetest.Await(t, "the task to be active", func() bool {
		return len(svc.ids(svc.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	if err := svc.inspector.PauseQueue(string(transfer.QueueBulk)); err != nil {
		t.Fatal(err)
	}
	svc.flushRedis() // again, and now the task is lost while its worker has it; no queue is paused any more
	svc.age(7)
	svc.once(s.Reconcile)
	storagetest.Await(t, "the task to be active again", func() bool {
		return len(svc.ids(svc.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	for range 2 {
		svc.age(7)
		svc.once(s.Reconcile)
	}
	if got := svc.workRows(); len(got) != 1 || got[0].Gen != 2 || got[0].Crashes != 1 {
		t.Errorf("work: %+v", got)
	}
	close(release)
	stop()
}

// The suspect mark is cleared when the task turns out to be waiting or lost; a later
// one has to be confirmed again.
func TestSuspectIsCleared(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		svc := newTestService(t)
		work := svc.work(transfer.QueueBulk, 1)
		s := svc.scheduler(svc.redis)
		svc.once(s.Dispatch)
		svc.Exec(`UPDATE work SET suspect = true`)
		if lost {
			svc.flushRedis()
		}
		svc.age(7)
		svc.once(s.Reconcile)
		if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
			t.Errorf("lost %t: work (-want +got):\n%s", lost, diff)
		}
		if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
			t.Errorf("lost %t: pending (-want +got):\n%s", lost, diff)
		}
	}
}
