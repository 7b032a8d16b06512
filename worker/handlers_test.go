package worker_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// situation is a piece of work that a handler is to carry out.
type situation struct {
	kind    transfer.WorkKind
	prepare func(s *scene) (work int64)
	done    func(s *scene) // checks what the handler did
}

func situations() []situation {
	return []situation{
		{
			kind: "validate",
			prepare: func(s *scene) int64 {
				s.ask(s.sims(transfer.Ready, transfer.Active, transfer.Terminated)...)
				return s.onlyWork("validate")
			},
			done: func(s *scene) { s.first().is(transfer.InReview, "eligible", "eligible", "ineligible: sim_terminated") },
		},
		{
			kind: "execute",
			prepare: func(s *scene) int64 {
				sims := s.sims(transfer.Ready, transfer.Active, transfer.Ready)
				s.accepted(sims...)
				s.Exec(`UPDATE sims SET status = 'active' WHERE id = $1`, sims[2].ID)
				return s.onlyWork("execute")
			},
			done: func(s *scene) {
				s.first().is(transfer.RequestCompleted, "completed", "completed", "failed: status_changed")
			},
		},
		{
			kind: "release",
			prepare: func(s *scene) int64 {
				r := s.ask(s.sims(transfer.Ready, transfer.Active, transfer.Terminated)...)
				r.run()
				s.Decide(r.id, transfer.Cancel)
				return s.onlyWork("release")
			},
			done: func(s *scene) {
				s.first().is(transfer.RequestCanceled, "canceled", "canceled", "ineligible: sim_terminated")
			},
		},
		{
			kind: "drop_sessions",
			prepare: func(s *scene) int64 {
				sims := s.sims(transfer.Active, transfer.Active)
				for _, sim := range sims {
					s.Online(sim, s.gateway)
				}
				r := s.accepted(sims...)
				process(s.t, s.DB, s.handler, s.onlyWork("execute"))
				r.is(transfer.Transferring, "eligible", "eligible")
				return s.onlyWork("drop_sessions")
			},
			done: func(s *scene) {
				s.first().is(transfer.RequestCompleted, "completed", "completed")
				s.online(0)
			},
		},
		{
			kind: "drop_stray",
			prepare: func(s *scene) int64 {
				sim := s.sims(transfer.Active)[0]
				r := s.accepted(sim)
				r.run()
				s.Session(sim, s.gateway, 0)
				return s.onlyWork("drop_stray")
			},
			done: func(s *scene) { s.online(0) },
		},
	}
}

// first is the first request that was made.
func (s *scene) first() request {
	s.t.Helper()
	var r request
	s.Get(&r.id, `SELECT id FROM requests ORDER BY created_at LIMIT 1`)
	r.s = s
	return r
}

// online checks how many sessions are open.
func (s *scene) online(want int) {
	s.t.Helper()
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); n != want {
		s.t.Errorf("%d sessions are open, want %d", n, want)
	}
}

// eachHandler runs a subtest for every kind of work.
func eachHandler(t *testing.T, try func(s *scene, work int64, done func())) {
	t.Helper()
	for _, situation := range situations() {
		t.Run(string(situation.kind), func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			try(s, situation.prepare(s), func() {
				t.Helper()
				situation.done(s)
				s.alone()
			})
		})
	}
}

func TestHandlerTwice(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, done func()) {
		task := s.TaskOf(work)
		for range 2 {
			if err := s.handler.ProcessTask(s.t.Context(), task); err != nil {
				s.t.Fatal(err)
			}
			done()
		}
		was := s.Dump()
		if err := s.handler.ProcessTask(s.t.Context(), task); err != nil { // and late
			s.t.Error(err)
		}
		s.Unchanged(was)
	})
}

func TestHandlerTwiceAtOnce(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, done func()) {
		task, other := s.TaskOf(work), handler(s.Connect(storage.Options{}), willing())
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 8 {
			h := s.handler
			if i%2 == 0 {
				h = other // as in another process
			}
			wg.Go(func() {
				<-start
				if err := h.ProcessTask(s.t.Context(), task); err != nil {
					s.t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		done()
	})
}

// A handler that finds its row locked waits for it, and touches nothing before.
func TestHandlerBehindALock(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, done func()) {
		task := s.TaskOf(work)
		letGo := s.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work)
		ended := storagetest.Go(func() error { return s.handler.ProcessTask(s.t.Context(), task) })
		s.AwaitBlocked(1)
		if touched := storagetest.All[string](s.DB, `
			SELECT DISTINCT l.relation::regclass::text
			FROM pg_locks l
			JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r'
			WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			  AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND c.relname <> 'work'`); len(touched) > 0 {
			s.t.Errorf("before it had its row, the handler locked rows of %v", touched)
		}
		letGo()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		done()
	})
}

// A handler that waited for a row which is gone then does nothing.
func TestHandlerBehindItsDouble(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, _ func()) {
		task := s.TaskOf(work)
		letGo := s.HoldSQL(`DELETE FROM work WHERE id = $1`, work)
		ended := storagetest.Go(func() error { return s.handler.ProcessTask(s.t.Context(), task) })
		s.AwaitBlocked(1)
		letGo()
		was := s.Dump()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		s.Unchanged(was)
	})
}

// A handler does not wait for ever: it leaves its row to the reconciler.
func TestHandlerBehindALongLock(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, done func()) {
		impatient, err := storage.Open(s.t.Context(), s.URL+"&lock_timeout=20", storage.Options{})
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = impatient.Close() }()
		task := s.TaskOf(work)
		letGo := s.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work)
		was := s.Dump()
		if err := handler(impatient, willing()).ProcessTask(s.t.Context(), task); err != nil {
			s.t.Error(err)
		}
		s.Unchanged(was)
		letGo()
		process(s.t, s.DB, s.handler, work)
		done()
	})
}

// Work whose time has not come is left alone, unless it is dead: then the task
// is an operator's, who wants one attempt.
func TestHandlerTooEarly(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *scene, work int64, done func()) {
		s.Exec(`UPDATE work SET not_before = clock_timestamp() + interval '1 hour' WHERE id = $1`, work)
		was := s.Dump()
		process(s.t, s.DB, s.handler, work)
		s.Unchanged(was)
		s.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work)
		process(s.t, s.DB, s.handler, work)
		done()
	})
}

// Work that never was, or was done long ago, is nobody's trouble. A payload
// that nobody can read is not tried again.
func TestStrangeTasks(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, kind := range situations() {
		task := s.Task(storage.Task{Work: 1 << 40, Gen: 1, Kind: kind.kind, Queue: "bulk"})
		if err := s.handler.ProcessTask(t.Context(), task); err != nil {
			t.Errorf("%s of work that never was: %v", kind.kind, err)
		}
		task = asynq.NewTask(tasks.Type(kind.kind), []byte("{"))
		if err := s.handler.ProcessTask(t.Context(), task); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%s with a payload that nobody can read: %v", kind.kind, err)
		}
	}
	if err := s.handler.ProcessTask(t.Context(), asynq.NewTask("transfer:undo", nil)); err == nil {
		t.Error("a task of a type that nobody knows was done")
	}
}
