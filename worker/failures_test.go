package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// poison makes every statement fail that makes a transfer of one SIM eligible or
// completed.
func (s *testService) poison(sim storagetest.SIM, when string) {
	s.t.Helper()
	s.Exec(fmt.Sprintf(`
		CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'this SIM is poison'; END $$;
		CREATE %s FOR EACH ROW WHEN (NEW.sim = %d AND NEW.state IN ('eligible', 'completed') AND OLD.state <> NEW.state) EXECUTE FUNCTION poison()`,
		when, sim.ID))
}

// runChecked runs due work until none is left, and checks the invariants after
// each round. It returns the number of tasks and their errors.
func (s *testService) runChecked(h asynq.Handler) (tasks int, errs []error) {
	s.t.Helper()
	for {
		s.HurryWork()
		list := s.Tasks()
		if len(list) == 0 {
			return tasks, errs
		}
		for _, task := range list {
			tasks++
			if err := h.ProcessTask(s.t.Context(), task); err != nil {
				errs = append(errs, err)
			}
		}
		s.Check()
	}
}

// A SIM that makes its chunk fail every time is isolated: only that SIM fails.
func TestPoisonRow(t *testing.T) {
	t.Parallel()
	const immediate, atCommit = "TRIGGER poison BEFORE UPDATE ON transfers", "CONSTRAINT TRIGGER poison AFTER UPDATE ON transfers DEFERRABLE INITIALLY DEFERRED"
	for _, c := range []struct {
		name    string
		phase   transfer.WorkKind
		trigger string
		bad     []int
	}{
		{"the first", transfer.WorkValidate, immediate, []int{0}},
		{"the last", transfer.WorkValidate, immediate, []int{36}},
		{"one in the middle", transfer.WorkExecute, immediate, []int{17}},
		{"one at commit", transfer.WorkExecute, atCommit, []int{20}},
	} {
		t.Run(string(c.phase)+" "+c.name, func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			sims := append(s.SIMs(20, storagetest.SIM{Account: s.from.ID}), s.SIMs(17, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})...)
			var r testRequest
			reason := "ineligible: internal_error"
			if c.phase == transfer.WorkValidate {
				r = s.request(sims...)
			} else {
				r = s.accepted(sims...)
				reason = "failed: internal_error"
			}
			s.poison(sims[c.bad[0]], c.trigger)
			tasks, errs := s.runChecked(s.handler)
			if len(errs) > 0 {
				t.Errorf("errors: %v", errs)
			}
			if tasks > 30 {
				t.Errorf("it took %d tasks to isolate one SIM of 37", tasks)
			}
			if c.phase == transfer.WorkValidate {
				s.Decide(r.id, transfer.Approve)
				s.Decide(r.id, transfer.Accept)
				s.Exec(`DROP FUNCTION poison() CASCADE`)
				r.run()
			}
			for i, got := range r.outcomes() {
				want := "completed"
				if slices.Contains(c.bad, i) {
					want = reason
				}
				if got != want {
					t.Errorf("transfer %d: %s, want %s", i, got, want)
				}
			}
			if owner := s.Owner(sims[c.bad[0]]); owner != s.from.ID {
				t.Errorf("the poison SIM belongs to account %d, want %d", owner, s.from.ID)
			}
			if n := len(r.charges()); n != 17-map[bool]int{true: 1}[c.bad[0] >= 20] {
				t.Errorf("%d charges", n)
			}
			s.noWorkLeft()
		})
	}
}

func TestPoisonSession(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active, transfer.Active, transfer.Active)
	r, _ := s.dropWork(sims...)
	s.poison(sims[3], "TRIGGER poison BEFORE UPDATE ON transfers")
	if _, errs := s.runChecked(s.handler); len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	r.expect(transfer.RequestCompleted, "completed", "completed", "completed", "failed: internal_error", "completed")
	if owner := s.Owner(sims[3]); owner != s.from.ID {
		t.Errorf("the poison SIM belongs to account %d, want %d", owner, s.from.ID)
	}
	s.noWorkLeft()
}

// A release that fails is split too. The remaining single SIM is marked dead, and
// asynq archives its task.
func TestPoisonRelease(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Ready, transfer.Ready)
	r := s.request(sims...)
	r.run()
	s.Decide(r.id, transfer.Cancel)
	s.Exec(fmt.Sprintf(`
		CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'this SIM is poison'; END $$;
		CREATE TRIGGER poison BEFORE UPDATE ON transfers FOR EACH ROW WHEN (NEW.sim = %d) EXECUTE FUNCTION poison()`, sims[1].ID))
	errs := s.RunDue(s.handler)
	if len(errs) != 1 || !errors.Is(errs[0], asynq.SkipRetry) || !strings.Contains(errs[0].Error(), "poison") {
		t.Errorf("errors: %v, want one that says to archive the task", errs)
	}
	r.expect(transfer.RequestCanceled, "canceled", "eligible", "canceled")
	s.Check(7)
	work := s.onlyWork(transfer.WorkRelease)

	// The operator runs the archived task without success, then fixes the cause
	// and runs it again.
	s.processDead(s.handler, work)
	s.Exec(`DROP FUNCTION poison() CASCADE`)
	process(t, s.DB, s.handler, work)
	r.expect(transfer.RequestCanceled, "canceled", "canceled", "canceled")
	s.noWorkLeft()
}

// If a lock on a SIM is held for long, the work is postponed each time.
func TestLockTimeoutPostponesWork(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Active)
	r := s.accepted(sims...)
	impatient, err := storage.Open(t.Context(), s.URL+"&lock_timeout=10", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = impatient.Close() }()
	unlock := s.HoldSQL(`SELECT FROM sims WHERE id = $1 FOR UPDATE`, sims[1].ID)
	work := s.onlyWork(transfer.WorkExecute)
	for range 12 {
		process(t, s.DB, handler(impatient, droppingGateways()), work)
		if got := s.workRow(work); got.N != 2 || got.Errors+got.Crashes != 0 || !got.Idle || got.Wait == 0 || !strings.Contains(got.Error, "lock timeout") {
			t.Fatalf("the work: %+v", got)
		}
		s.HurryWork()
	}
	unlock()
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// A connection that is lost in a transaction does not count as a failure.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := s.accepted(s.sims(transfer.Ready, transfer.Active)...)
	s.Exec(`
		CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
		CREATE TRIGGER cut BEFORE UPDATE ON sims FOR EACH STATEMENT EXECUTE FUNCTION cut()`)
	work := s.onlyWork(transfer.WorkExecute)
	for range 5 {
		process(t, s.DB, s.handler, work)
		if got := s.workRow(work); got.N != 2 || got.Errors+got.Crashes != 0 || !got.Idle {
			t.Fatalf("the work: %+v", got)
		}
		s.HurryWork()
	}
	s.Check()
	s.Exec(`DROP FUNCTION cut() CASCADE`)
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// A handler that is canceled, by a shutdown or in the queue UI, does not count as a
// failure.
func TestCanceledHandler(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := s.accepted(s.sims(transfer.Ready, transfer.Active)...)
	work := s.onlyWork(transfer.WorkExecute)
	task := s.TaskOf(work)
	for range 4 {
		unlock := s.HoldSQL(`SELECT FROM sims FOR UPDATE`)
		ctx, cancel := context.WithCancel(t.Context())
		ended := storagetest.Go(func() error { return s.handler.ProcessTask(ctx, task) })
		s.AwaitBlocked(1)
		cancel()
		s.wait(ended)
		if got := s.workRow(work); got.N != 2 || got.Errors+got.Crashes != 0 || !got.Idle {
			t.Errorf("the work: %+v", got)
		}
		unlock()
		s.HurryWork()
	}
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// A statement timeout splits the work; no SIM fails because of it.
func TestSlowStatements(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := s.accepted(s.sims(transfer.Ready, transfer.Active)...)
	hasty, err := storage.Open(t.Context(), s.URL+"&statement_timeout=100", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hasty.Close() }()
	s.Exec(`
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN NEW; END $$;
		CREATE TRIGGER slow BEFORE UPDATE ON sims FOR EACH STATEMENT EXECUTE FUNCTION slow()`)
	for range 3 {
		process(t, s.DB, handler(hasty, droppingGateways()), s.onlyWork(transfer.WorkExecute))
		s.HurryWork()
	}
	for _, work := range s.work(transfer.WorkExecute) {
		process(t, s.DB, handler(hasty, droppingGateways()), work)
		if got := s.workRow(work); got.N != 1 || got.Errors != 0 || got.Crashes != 1 || !strings.Contains(got.Error, "statement timeout") {
			t.Errorf("a half: %+v", got)
		}
	}
	s.Check()
	s.Exec(`DROP FUNCTION slow() CASCADE`)
	s.RunDue(s.handler)
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// Work whose workers crash is split after three crashes. A single SIM is tried up
// to ten times and then marked dead. No SIM fails.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for _, kind := range []transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease} {
		s := newTestService(t)
		sims := s.sims(transfer.Ready, transfer.Active)
		r := s.request(sims...)
		if kind != transfer.WorkValidate {
			r.run()
			s.Decide(r.id, transfer.Approve)
			s.Decide(r.id, map[transfer.WorkKind]transfer.Event{"execute": transfer.Accept, "release": transfer.Decline}[kind])
		}
		s.Exec(`UPDATE work SET crashes = 3`)
		process(t, s.DB, s.handler, s.onlyWork(kind))
		work := s.work(kind)
		if len(work) != 2 {
			t.Fatalf("%d rows of %s work, want its two halves", len(work), kind)
		}
		s.Check()
		s.Exec(`UPDATE work SET crashes = 10 WHERE id = $1`, work[0])
		s.processDead(s.handler, work[0])
		if got := s.workRow(work[0]); !got.Dead || got.Errors != 0 {
			t.Errorf("%s after ten crashes: %+v", kind, got)
		}
		s.Check(7)
		s.Exec(`UPDATE work SET crashes = 9 WHERE id = $1`, work[1])
		process(t, s.DB, s.handler, work[1]) // one more attempt, which succeeds
		process(t, s.DB, s.handler, work[0]) // and so does the dead work, as an operator would run it
		for _, outcome := range r.outcomes() {
			want := map[transfer.WorkKind]string{"validate": "eligible", "execute": "completed", "release": "declined"}[kind]
			if outcome != want {
				t.Errorf("after %s: %s, want %s", kind, outcome, want)
			}
		}
		s.noWorkLeft()
	}
}

func TestCrashesInGatewayWork(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active)...)
	s.Exec(`UPDATE work SET crashes = 10`)
	g := droppingGateways()
	h := handler(s.DB.DB, g)
	s.processDead(h, work)
	if got := s.workRow(work); !got.Dead || got.Leased || len(g.requests()) > 0 {
		t.Errorf("after ten crashes: %+v", got)
	}
	s.Check(7)
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "completed")
	s.noWorkLeft()
}

// If a request to a gateway cannot be sent, the work waits until it can.
func TestLocalErrorWithGateway(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
	g := &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
		return worker.Answer{}, errors.New("out of sockets")
	}}
	for range 12 {
		process(t, s.DB, handler(s.DB.DB, g), work)
		s.HurryWork()
	}
	if got := s.workRow(work); got.N != 2 || got.Errors+got.Crashes+got.Attempts != 0 || got.Dead || !strings.Contains(got.Error, "out of sockets") {
		t.Errorf("the work: %+v", got)
	}
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}
