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

// What Redis has lost comes back under the same id.
func TestLostTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 3)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	want := tasksOf(1, work...)

	e.forget()
	e.once(s.Reconcile)
	if got := e.pending(transfer.QueueBulk); len(got) > 0 {
		t.Errorf("back too early, while it may be on its way: %v", got)
	}
	e.age(7)
	if more := e.once(s.Reconcile); more {
		t.Error("there is more to do")
	}
	if diff := cmp.Diff(want, e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("after Redis has lost everything (-want +got):\n%s", diff)
	}
	if err := e.inspector.DeleteTask(string(transfer.QueueBulk), want[1]); err != nil {
		t.Fatal(err)
	}
	e.age(7)
	e.once(s.Reconcile)
	if diff := cmp.Diff(want, e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("after one task was deleted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

// A scheduler that dies between the commit and Redis loses nothing.
func TestDispatcherDies(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueInteractive, 2)
	if _, err := e.Dispatch(t.Context(), transfer.QueueInteractive, 10); err != nil { // and no word to Redis
		t.Fatal(err)
	}
	e.age(7)
	e.once(e.scheduler(e.redis).Reconcile)
	if diff := cmp.Diff(tasksOf(1, work...), e.pending(transfer.QueueInteractive)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// Tasks that merely wait are not lost, however long: a backlog never multiplies.
func TestBacklog(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueGateway, 20)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	want := tasksOf(1, work...)
	look := func(what string) {
		t.Helper()
		for range 4 {
			e.age(3600)
			e.once(s.Reconcile)
			e.once(s.Dispatch)
		}
		if diff := cmp.Diff(want, e.pending(transfer.QueueGateway)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	look("pending")
	if err := e.inspector.PauseQueue(string(transfer.QueueGateway)); err != nil {
		t.Fatal(err)
	}
	look("in a paused queue")
	e.Check()
}

// The same of tasks that are scheduled for later.
func TestScheduledTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.work(transfer.QueueBulk, 1)
	list, err := e.Dispatch(t.Context(), transfer.QueueBulk, 10)
	if err != nil {
		t.Fatal(err)
	}
	c := asynq.NewClient(e.redis)
	defer func() { _ = c.Close() }()
	if _, err := c.EnqueueContext(t.Context(), e.Task(list[0]), asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s := e.scheduler(e.redis)
	for range 3 {
		e.age(3600)
		e.once(s.Reconcile)
	}
	if got := e.ids(e.inspector.ListScheduledTasks, transfer.QueueBulk); len(got) != 1 || len(e.pending(transfer.QueueBulk)) != 0 {
		t.Errorf("scheduled: %v, pending: %v", got, e.pending(transfer.QueueBulk))
	}
}

// A task that is active although no worker holds its work is a suspect the first
// time and dispatched again the second time: its worker is gone.
func TestDeadWorker(t *testing.T) {
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
			e := newEngine(t)
			work := e.work(transfer.QueueBulk, 1)
			s := e.scheduler(e.redis)
			e.once(s.Dispatch)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop := e.serve(transfer.QueueBulk, func(_ context.Context, task *asynq.Task) error { return c.handler(ctx, task) })
			storagetest.Await(t, "the task to be "+c.state, func() bool {
				return len(e.ids(c.list(e.inspector), transfer.QueueBulk)) == 1
			})
			if err := e.inspector.PauseQueue(string(transfer.QueueBulk)); err != nil { // so that what comes stays pending
				t.Fatal(err)
			}
			look := func(want note, pending ...string) {
				t.Helper()
				e.once(s.Reconcile)
				if diff := cmp.Diff([]note{want}, e.notes()); diff != "" {
					t.Errorf("work (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(append([]string{}, pending...), e.pending(transfer.QueueBulk)); diff != "" {
					t.Errorf("pending (-want +got):\n%s", diff)
				}
			}
			e.age(5)
			look(note{Gen: 1, Dispatched: true})
			e.age(2)
			look(note{Gen: 1, Dispatched: true, Suspect: true})
			e.age(1)
			look(note{Gen: 1, Dispatched: true, Suspect: true})
			e.age(2)
			second := tasksOf(2, work...)
			look(note{Gen: 2, Dispatched: true, Crashes: 1}, second...)
			for range 3 { // from now on it is a backlog
				e.age(60)
				look(note{Gen: 2, Dispatched: true, Crashes: 1}, second...)
			}
			cancel()
			stop()
		})
	}
}

// A worker that holds its row, or its lease, is at work.
func TestBusyWorkers(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 2)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	e.forget() // even then: it says so itself when it is done, or dies
	letGo := e.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work[0])
	e.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 minute',
		checked_at = checked_at - interval '1 hour' WHERE id = $1`, work[1])
	for range 3 {
		e.once(s.Reconcile)
	}
	if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	if got := e.pending(transfer.QueueBulk); len(got) != 0 {
		t.Errorf("pending: %v", got)
	}
	letGo()
	e.age(7)
	e.once(s.Reconcile)
	if diff := cmp.Diff(tasksOf(1, work[0]), e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// A lease that has run out is suspicion enough for the first round.
func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueGateway, 1)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	release := make(chan struct{})
	stop := e.serve(transfer.QueueGateway, func(ctx context.Context, _ *asynq.Task) error { // takes its lease and is heard of no more
		_, err := e.TakeLease(ctx, work[0])
		<-release
		return err
	})
	storagetest.Await(t, "the lease", func() bool {
		return storagetest.One[bool](e.DB, `SELECT lease IS NOT NULL FROM work`)
	})
	if err := e.inspector.PauseQueue(string(transfer.QueueGateway)); err != nil {
		t.Fatal(err)
	}
	e.age(3600)
	e.once(s.Reconcile)
	if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
		t.Errorf("while the lease holds (-want +got):\n%s", diff)
	}
	e.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 ms'`)
	e.once(s.Reconcile)
	if diff := cmp.Diff([]note{{Gen: 2, Dispatched: true, Crashes: 1}}, e.notes()); diff != "" {
		t.Errorf("when it has run out (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tasksOf(2, work...), e.pending(transfer.QueueGateway)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	close(release)
	stop()
}

// Two schedulers that reconcile at once bring nothing back twice.
func TestTwoReconcilers(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 600)
	first, second := e.scheduler(e.redis), e.scheduler(e.redis)
	for e.once(first.Dispatch) {
	}
	e.forget()
	for range 3 {
		e.age(7)
		a := storagetest.Go(func() error { _, err := first.Reconcile(t.Context()); return err })
		b := storagetest.Go(func() error { _, err := second.Reconcile(t.Context()); return err })
		for _, ended := range []<-chan error{a, b} {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	if diff := cmp.Diff(tasksOf(1, work...), e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
}

// After a full page of lost tasks the next is taken at once.
func TestManyLostTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 501)
	s := e.scheduler(e.redis)
	for e.once(s.Dispatch) {
	}
	e.forget()
	e.age(7)
	if more := e.once(s.Reconcile); !more {
		t.Error("a full page was lost, and there is no more to do")
	}
	if more := e.once(s.Reconcile); more {
		t.Error("the rest is back, and there is more to do")
	}
	if diff := cmp.Diff(tasksOf(1, work...), e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// No lock is held while Redis is asked.
func TestReconcileHoldsNoLock(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.work(transfer.QueueBulk, 3)
	e.once(e.scheduler(e.redis).Dispatch)
	e.age(7)
	w, redis := e.wired()
	open := w.block()
	defer open()
	s := e.scheduler(redis)
	ended := storagetest.Go(func() error {
		_, err := s.Reconcile(t.Context())
		return err
	})
	<-w.said
	if _, err := e.Pool().ExecContext(t.Context(), `SELECT FROM work FOR UPDATE NOWAIT`); err != nil {
		t.Errorf("while the reconciler talks to Redis: %v", err)
	}
	open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// When Redis is down, the reconciler returns an error, counts no failure, and
// continues when Redis is back.
func TestReconcileWithoutRedis(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 2)
	e.once(e.scheduler(e.redis).Dispatch)
	e.forget()
	e.age(7)
	w, away := e.wired()
	w.cut()
	if _, err := e.scheduler(away).Reconcile(t.Context()); err == nil {
		t.Error("reconciled without an error")
	}
	if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	e.age(7)
	e.once(e.scheduler(e.redis).Reconcile)
	if diff := cmp.Diff(tasksOf(1, work...), e.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

// Work that was done in the meantime is no suspect.
func TestDoneInTheMeantime(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	work := e.work(transfer.QueueBulk, 1)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	done := make(chan struct{})
	stop := e.serve(transfer.QueueBulk, func(context.Context, *asynq.Task) error {
		<-done
		return nil
	})
	storagetest.Await(t, "the task to be active", func() bool {
		return len(e.ids(e.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	e.age(7)
	e.once(s.Reconcile) // a suspect now
	e.Exec(`DELETE FROM work WHERE id = $1`, work[0])
	close(done)
	stop()
	task := storage.Task{Work: work[0], Gen: 1, Kind: "drop_stray", Queue: transfer.QueueBulk, Suspect: true}
	if _, ok, err := e.Redispatch(t.Context(), task); ok || err != nil {
		t.Errorf("dispatched again: %t, %v", ok, err)
	}
	e.once(s.Reconcile)
	if got := e.pending(transfer.QueueBulk); len(got) != 0 {
		t.Errorf("pending: %v", got)
	}
}

// After Redis has lost everything, a worker that dies then is noticed as ever.
func TestDeadWorkerAfterALoss(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	e.work(transfer.QueueBulk, 1)
	s := e.scheduler(e.redis)
	e.once(s.Dispatch)
	e.forget()
	e.age(7)
	e.once(s.Reconcile)
	release := make(chan struct{})
	stop := e.serve(transfer.QueueBulk, func(context.Context, *asynq.Task) error {
		<-release
		return nil
	})
	storagetest.Await(t, "the task to be active", func() bool {
		return len(e.ids(e.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	if err := e.inspector.PauseQueue(string(transfer.QueueBulk)); err != nil {
		t.Fatal(err)
	}
	e.forget() // again, and now the task is lost while its worker has it; no queue is paused any more
	e.age(7)
	e.once(s.Reconcile)
	storagetest.Await(t, "the task to be active again", func() bool {
		return len(e.ids(e.inspector.ListActiveTasks, transfer.QueueBulk)) == 1
	})
	for range 2 {
		e.age(7)
		e.once(s.Reconcile)
	}
	if got := e.notes(); len(got) != 1 || got[0].Gen != 2 || got[0].Crashes != 1 {
		t.Errorf("work: %+v", got)
	}
	close(release)
	stop()
}

// A suspicion is over when the task turns out to wait or to have been lost: the
// next one has to be confirmed again.
func TestSuspicionPasses(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		e := newEngine(t)
		work := e.work(transfer.QueueBulk, 1)
		s := e.scheduler(e.redis)
		e.once(s.Dispatch)
		e.Exec(`UPDATE work SET suspect = true`)
		if lost {
			e.forget()
		}
		e.age(7)
		e.once(s.Reconcile)
		if diff := cmp.Diff([]note{{Gen: 1, Dispatched: true}}, e.notes()); diff != "" {
			t.Errorf("lost %t: work (-want +got):\n%s", lost, diff)
		}
		if diff := cmp.Diff(tasksOf(1, work...), e.pending(transfer.QueueBulk)); diff != "" {
			t.Errorf("lost %t: pending (-want +got):\n%s", lost, diff)
		}
	}
}
