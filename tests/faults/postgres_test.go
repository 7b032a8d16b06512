//go:build unix

package faults_test

import (
	"fmt"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestPostgresFaults ends connections, makes writes fail, restarts and kills
// PostgreSQL. Work must be retried, and none of it may count as an error of a SIM.
func TestPostgresFaults(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	s.recordBlame()
	s.step("a worker's connection is terminated", (*testService).backendTerminated)
	s.step("writes fail for a while", (*testService).writesFail)
	s.step("a fast restart in the middle of a batch", func(s *testService) {
		s.postgresGone(func() error { return nil })
	})
	s.step("SIGKILL in the middle of a batch", func(s *testService) {
		s.postgresGone(s.stack.Postgres().Kill)
	})
	s.step("logins are refused in the middle of a batch", (*testService).loginsRefused)
	if blamed := storagetest.All[string](s.DB, `SELECT what FROM blamed`); len(blamed) > 0 {
		t.Errorf("work was blamed: %q", blamed)
	}
	s.checkInvariants()
}

// recordBlame records all work with a counted error or crash, and all work that
// was split, in the table blamed. The rows of finished work are deleted, so there
// is no other trace.
func (s *testService) recordBlame() {
	s.t.Helper()
	s.Exec(`
		CREATE TABLE blamed (what text NOT NULL);
		CREATE FUNCTION blame() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO blamed VALUES (format('%s work %s: %s errors, %s crashes, dead at %s: %s', NEW.kind, NEW.id, NEW.errors, NEW.crashes, NEW.dead_at, NEW.error));
			RETURN NULL;
		END $$;
		CREATE TRIGGER blame AFTER INSERT OR UPDATE ON work
			FOR EACH ROW WHEN (NEW.errors > 0 OR NEW.crashes > 0 OR NEW.dead_at IS NOT NULL)
			EXECUTE FUNCTION blame();
		CREATE FUNCTION blame_split() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO blamed VALUES (format('%s work was split: it is from %s to %s', NEW.kind, NEW.lo, NEW.hi));
			RETURN NULL;
		END $$;
		CREATE TRIGGER blame_split AFTER INSERT ON work
			FOR EACH ROW WHEN (NEW.lo % 1000 <> 0 OR NEW.error IS NOT NULL)
			EXECUTE FUNCTION blame_split();`)
}

func (s *testService) backendTerminated() {
	r := s.createOffered(s.mixedSIMs(1500))
	unblock := r.acceptBlocked()
	n := scan[int](s, `
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	if n != 1 {
		s.t.Errorf("%d connections were terminated, want 1", n)
	}
	ended := time.Now()
	s.eventually("the work will be retried", func() bool {
		return scan[int](s, `SELECT count(*) FROM work WHERE error LIKE '%57P01%' OR error LIKE '%bad connection%' OR error LIKE '%EOF%'`) == 1
	})
	unblock()
	s.eventuallyWithin(recoveryLimit, ended, "the request is finished", r.finished)
	r.checkCompleted()
}

// writesFail makes one statement in each phase of three requests fail, more often
// than a chunk that causes errors is retried.
func (s *testService) writesFail() {
	const times = 3
	s.Exec(`
		CREATE TABLE hiccups (request uuid PRIMARY KEY, condition text NOT NULL);
		CREATE SEQUENCE hiccup_count;
		CREATE FUNCTION hiccup() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			name text := (SELECT condition FROM hiccups WHERE request = NEW.request);
			counter text;
		BEGIN
			IF name IS NULL OR NEW.n <> 0 THEN
				RETURN NULL;
			END IF;
			counter := format('hiccup_%s_%s', name, NEW.state);
			IF nextval(counter) <= ` + fmt.Sprint(times) + ` THEN
				RAISE EXCEPTION USING ERRCODE = name, MESSAGE = 'raised by a test';
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER hiccup AFTER UPDATE ON transfers FOR EACH ROW EXECUTE FUNCTION hiccup();`)
	ends := []struct {
		condition string
		state     transfer.State
	}{{"disk_full", transfer.Completed}, {"serialization_failure", transfer.Canceled}, {"deadlock_detected", transfer.Completed}}
	s.pause(transfer.QueueInteractive)
	var requests []testRequest
	for _, end := range ends {
		for _, state := range []transfer.State{transfer.Eligible, end.state} {
			s.Exec(fmt.Sprintf(`CREATE SEQUENCE hiccup_%s_%s`, end.condition, state))
		}
		r := s.create(s.mixedSIMs(60))
		s.Exec(`INSERT INTO hiccups VALUES ($1, $2)`, r.id, end.condition)
		requests = append(requests, r)
	}
	s.unpause(transfer.QueueInteractive)
	for i, r := range requests {
		r.awaitOffered()
		if ends[i].state == transfer.Completed {
			r.accept()
		} else {
			r.cancel()
		}
	}
	for i, r := range requests {
		if ends[i].state == transfer.Completed {
			r.awaitCompleted()
			continue
		}
		r.await("the request is finished", func(r storage.Request) bool { return r.FinishedAt != nil })
		if now := r.read(); now.Canceled != len(r.sims) {
			s.t.Errorf("%d of %d SIMs are canceled", now.Canceled, len(r.sims))
		}
	}
	for _, end := range ends {
		for _, state := range []transfer.State{transfer.Eligible, end.state} {
			if n := scan[int](s, fmt.Sprintf(`SELECT last_value FROM hiccup_%s_%s`, end.condition, state)); n != times+1 {
				s.t.Errorf("%s: %s was tried %d times, want %d", end.condition, state, n, times+1)
			}
		}
	}
	s.Exec(`DROP TRIGGER hiccup ON transfers`)
}

// postgresGone calls before and then restarts PostgreSQL, while a batch is in the
// middle of its execution. No process may end because of it.
func (s *testService) postgresGone(before func() error) {
	was := len(s.stack.Processes())
	sims, _ := testSize(2500)
	r := s.createOffered(s.mixedSIMs(sims))
	r.acceptBlocked()
	if err := before(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.stack.Postgres().Restart(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.eventuallyWithin(recoveryLimit, time.Now(), "the batch continues", func() bool { return r.read().Completed > 0 })
	r.awaitCompleted()
	if now := len(s.stack.Processes()); now != was {
		s.t.Errorf("%d of %d processes are left", now, was)
	}
}

// loginsRefused ends all connections in the middle of a batch, and refuses new
// ones for a few seconds, as with a changed password.
func (s *testService) loginsRefused() {
	sims, _ := testSize(2500)
	r := s.createOffered(s.mixedSIMs(sims))
	r.acceptBlocked()
	other, err := storage.Open(s.t.Context(), s.stack.DatabaseURL("postgres"), storage.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	run := func(statement string) {
		s.t.Helper()
		if _, err := other.Pool().ExecContext(s.t.Context(), statement); err != nil {
			s.t.Fatal(err)
		}
	}
	run(`ALTER DATABASE simtransfer ALLOW_CONNECTIONS false`)
	run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'simtransfer'`)
	for range 3 {
		time.Sleep(time.Second) // the outage lasts
		if err := s.stack.Admin.Ready(s.t.Context()); err == nil {
			s.t.Error("the API is ready although logins are refused")
		}
	}
	run(`ALTER DATABASE simtransfer ALLOW_CONNECTIONS true`)
	since := time.Now()
	s.eventuallyWithin(recoveryLimit, since, "the batch continues", func() bool { return r.read().Completed > 0 })
	r.awaitCompleted()
}
