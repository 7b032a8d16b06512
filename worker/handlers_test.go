package worker_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// workCase is a piece of work for a handler.
type workCase struct {
	kind    transfer.WorkKind
	prepare func(s *testService) (work int64)
	done    func(s *testService) // checks what the handler did
}

func workCases() []workCase {
	return []workCase{
		{
			kind: transfer.WorkValidate,
			prepare: func(s *testService) int64 {
				s.request(s.sims(transfer.Ready, transfer.Active, transfer.Terminated)...)
				return s.onlyWork(transfer.WorkValidate)
			},
			done: func(s *testService) {
				s.firstRequest().expect(transfer.InReview, "eligible", "eligible", "ineligible: sim_terminated")
			},
		},
		{
			kind: transfer.WorkExecute,
			prepare: func(s *testService) int64 {
				sims := s.sims(transfer.Ready, transfer.Active, transfer.Ready)
				s.accepted(sims...)
				s.Exec(`UPDATE sims SET status = 'active' WHERE id = $1`, sims[2].ID)
				return s.onlyWork(transfer.WorkExecute)
			},
			done: func(s *testService) {
				s.firstRequest().expect(transfer.RequestCompleted, "completed", "completed", "failed: status_changed")
			},
		},
		{
			kind: transfer.WorkRelease,
			prepare: func(s *testService) int64 {
				r := s.request(s.sims(transfer.Ready, transfer.Active, transfer.Terminated)...)
				r.run()
				s.Decide(r.id, transfer.Cancel)
				return s.onlyWork(transfer.WorkRelease)
			},
			done: func(s *testService) {
				s.firstRequest().expect(transfer.RequestCanceled, "canceled", "canceled", "ineligible: sim_terminated")
			},
		},
		{
			kind: transfer.WorkDropSessions,
			prepare: func(s *testService) int64 {
				sims := s.sims(transfer.Active, transfer.Active)
				for _, sim := range sims {
					s.Online(sim, s.gateway)
				}
				r := s.accepted(sims...)
				process(s.t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
				r.expect(transfer.Transferring, "eligible", "eligible")
				return s.onlyWork(transfer.WorkDropSessions)
			},
			done: func(s *testService) {
				s.firstRequest().expect(transfer.RequestCompleted, "completed", "completed")
				s.openSessions(0)
			},
		},
		{
			kind: transfer.WorkDropStray,
			prepare: func(s *testService) int64 {
				sim := s.sims(transfer.Active)[0]
				r := s.accepted(sim)
				r.run()
				s.Session(sim, s.gateway, 0)
				return s.onlyWork(transfer.WorkDropStray)
			},
			done: func(s *testService) { s.openSessions(0) },
		},
		{
			kind: transfer.WorkDeliverWebhooks,
			prepare: func(s *testService) int64 {
				r := newReceiver(s.t, nil)
				e, _ := s.Webhook(s.from.ID, r.URL)
				s.TestMessages(e, 3)
				return s.onlyWork(transfer.WorkDeliverWebhooks)
			},
			done: func(s *testService) {
				got := storagetest.All[string](s.DB, `SELECT state || ' ' || attempts FROM webhook_deliveries ORDER BY id`)
				if !slices.Equal(got, []string{"delivered 1", "delivered 1", "delivered 1"}) {
					s.t.Errorf("deliveries: %v", got)
				}
			},
		},
		{
			kind: transfer.WorkDeliverMails,
			prepare: func(s *testService) int64 {
				s.mailing()
				s.testMails("maria@example.com", 2)
				return s.onlyWork(transfer.WorkDeliverMails)
			},
			done: func(s *testService) {
				if got := s.mailRows(); !slices.Equal(got, []string{"new_sign_in sent 1 -", "new_sign_in sent 1 -"}) {
					s.t.Errorf("mails: %v", got)
				}
			},
		},
	}
}

// firstRequest returns the first request that was made.
func (s *testService) firstRequest() testRequest {
	s.t.Helper()
	var r testRequest
	s.Get(&r.id, `SELECT id FROM requests ORDER BY created_at LIMIT 1`)
	r.s = s
	return r
}

// openSessions checks how many sessions are open.
func (s *testService) openSessions(want int) {
	s.t.Helper()
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL`); n != want {
		s.t.Errorf("%d sessions are open, want %d", n, want)
	}
}

// eachHandler runs a subtest for every kind of work.
func eachHandler(t *testing.T, try func(s *testService, work int64, done func())) {
	t.Helper()
	for _, workCase := range workCases() {
		t.Run(string(workCase.kind), func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			try(s, workCase.prepare(s), func() {
				t.Helper()
				workCase.done(s)
				s.noWorkLeft()
			})
		})
	}
}

func TestHandlerTwice(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, done func()) {
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

func TestHandlerConcurrently(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, done func()) {
		task, other := s.TaskOf(work), handlerWith(s.Connect(storage.Options{}), droppingGateways(), s.config)
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

// A handler whose row is locked waits for it, and locks nothing else before.
func TestHandlerWaitsForLock(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, done func()) {
		task := s.TaskOf(work)
		unlock := s.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work)
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
		unlock()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		done()
	})
}

// A handler that waited for a row that is then deleted does nothing.
func TestHandlerAfterItsDuplicate(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, _ func()) {
		task := s.TaskOf(work)
		unlock := s.HoldSQL(`DELETE FROM work WHERE id = $1`, work)
		ended := storagetest.Go(func() error { return s.handler.ProcessTask(s.t.Context(), task) })
		s.AwaitBlocked(1)
		unlock()
		was := s.Dump()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		s.Unchanged(was)
	})
}

// A handler does not wait forever: after the lock timeout it leaves the row to the
// reconciler.
func TestHandlerLockTimeout(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, done func()) {
		impatient, err := storage.Open(s.t.Context(), s.URL+"&lock_timeout=20", storage.Options{})
		if err != nil {
			s.t.Fatal(err)
		}
		defer func() { _ = impatient.Close() }()
		task := s.TaskOf(work)
		unlock := s.HoldSQL(`SELECT FROM work WHERE id = $1 FOR UPDATE`, work)
		was := s.Dump()
		if err := handler(impatient, droppingGateways()).ProcessTask(s.t.Context(), task); err != nil {
			s.t.Error(err)
		}
		s.Unchanged(was)
		unlock()
		process(s.t, s.DB, s.handler, work)
		done()
	})
}

// Work that is not due is skipped, unless it is dead: then an operator runs the
// task to make one attempt.
func TestHandlerTooEarly(t *testing.T) {
	t.Parallel()
	eachHandler(t, func(s *testService, work int64, done func()) {
		s.Exec(`UPDATE work SET not_before = clock_timestamp() + interval '1 hour' WHERE id = $1`, work)
		was := s.Dump()
		process(s.t, s.DB, s.handler, work)
		s.Unchanged(was)
		s.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work)
		process(s.t, s.DB, s.handler, work)
		done()
	})
}

// A task for work that does not exist, or was done long ago, does nothing. A task
// with an invalid payload is not retried.
func TestUnknownWorkAndBadPayloads(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for _, kind := range workCases() {
		task := s.Task(storage.Task{Work: 1 << 40, Gen: 1, Kind: kind.kind, Queue: "bulk"})
		if err := s.handler.ProcessTask(t.Context(), task); err != nil {
			t.Errorf("%s of unknown work: %v", kind.kind, err)
		}
		task = asynq.NewTask(tasks.Type(kind.kind), []byte("{"))
		if err := s.handler.ProcessTask(t.Context(), task); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%s with an invalid payload: %v", kind.kind, err)
		}
	}
	if err := s.handler.ProcessTask(t.Context(), asynq.NewTask("transfer:undo", nil)); err == nil {
		t.Error("a task of an unknown type succeeded")
	}
}
