package faults_test

import (
	"fmt"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A PostgreSQL that loses connections, restarts, dies, or cannot do what it is
// asked for the moment: what is tried again is no SIM's fault.
func TestPostgresFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	r.recordBlame()
	r.step("a worker's connection is ended", (*rig).backendTerminated)
	r.step("writes fail for a while", (*rig).writesFail)
	r.step("a fast restart in the middle of a batch", func(r *rig) {
		r.postgresGone(func() error { return nil })
	})
	r.step("SIGKILL in the middle of a batch", func(r *rig) {
		r.postgresGone(r.stack.Postgres().Kill)
	})
	if blamed := storagetest.All[string](r.DB, `SELECT what FROM blamed`); len(blamed) > 0 {
		t.Errorf("work was blamed: %q", blamed)
	}
	r.verify()
}

// recordBlame notes all work to which an error or a crash was counted, and all
// that was halved: what has passed leaves no other trace.
func (r *rig) recordBlame() {
	r.t.Helper()
	r.Exec(`
		CREATE TABLE blamed (what text NOT NULL);
		CREATE FUNCTION blame() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO blamed VALUES (format('%s work %s: %s errors, %s crashes, dead at %s: %s', NEW.kind, NEW.id, NEW.errors, NEW.crashes, NEW.dead_at, NEW.error));
			RETURN NULL;
		END $$;
		CREATE TRIGGER blame AFTER INSERT OR UPDATE ON work
			FOR EACH ROW WHEN (NEW.errors > 0 OR NEW.crashes > 0 OR NEW.dead_at IS NOT NULL)
			EXECUTE FUNCTION blame();
		CREATE FUNCTION blame_halving() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO blamed VALUES (format('%s work was halved: it is from %s to %s', NEW.kind, NEW.lo, NEW.hi));
			RETURN NULL;
		END $$;
		CREATE TRIGGER blame_halving AFTER INSERT ON work
			FOR EACH ROW WHEN (NEW.lo % 1000 <> 0 OR NEW.error IS NOT NULL)
			EXECUTE FUNCTION blame_halving();`)
}

func (r *rig) backendTerminated() {
	o := r.offer(r.mixed(1500))
	letGo := o.acceptHolding()
	n := scan[int](r, `
		SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	if n != 1 {
		r.t.Errorf("%d connections ended", n)
	}
	ended := time.Now()
	r.eventually("the work is to be tried again", func() bool {
		return scan[int](r, `SELECT count(*) FROM work WHERE error LIKE '%57P01%' OR error LIKE '%bad connection%' OR error LIKE '%EOF%'`) == 1
	})
	letGo()
	r.within(promise, ended, "the request is finished", o.finished)
	o.isCompleted()
}

// writesFail has one statement in each phase of three requests fail, more often
// than what is to blame for its errors may.
func (r *rig) writesFail() {
	const times = 3
	r.Exec(`
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
				RAISE EXCEPTION USING ERRCODE = name, MESSAGE = 'this is for a test';
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER hiccup AFTER UPDATE ON transfers FOR EACH ROW EXECUTE FUNCTION hiccup();`)
	ends := []struct {
		condition string
		state     transfer.State
	}{{"disk_full", transfer.Completed}, {"serialization_failure", transfer.Canceled}, {"deadlock_detected", transfer.Completed}}
	r.pause(transfer.QueueInteractive)
	var orders []order
	for _, end := range ends {
		for _, state := range []transfer.State{transfer.Eligible, end.state} {
			r.Exec(fmt.Sprintf(`CREATE SEQUENCE hiccup_%s_%s`, end.condition, state))
		}
		o := r.ask(r.mixed(60))
		r.Exec(`INSERT INTO hiccups VALUES ($1, $2)`, o.id, end.condition)
		orders = append(orders, o)
	}
	r.unpause(transfer.QueueInteractive)
	for i, o := range orders {
		o.offered()
		if ends[i].state == transfer.Completed {
			o.accept()
		} else {
			o.decide(r.source, "cancel", nil)
		}
	}
	for i, o := range orders {
		if ends[i].state == transfer.Completed {
			o.completed()
			continue
		}
		o.await("the request is finished", func(s storage.Request) bool { return s.FinishedAt != nil })
		if now := o.now(); now.Canceled != len(o.sims) {
			r.t.Errorf("%d SIMs of %d are canceled", now.Canceled, len(o.sims))
		}
	}
	for _, end := range ends {
		for _, state := range []transfer.State{transfer.Eligible, end.state} {
			if n := scan[int](r, fmt.Sprintf(`SELECT last_value FROM hiccup_%s_%s`, end.condition, state)); n != times+1 {
				r.t.Errorf("%s: %s was tried %d times, want %d", end.condition, state, n, times+1)
			}
		}
	}
	r.Exec(`DROP TRIGGER hiccup ON transfers`)
}

// postgresGone restarts PostgreSQL, after something worse if need be, while a
// batch is in the middle of its execution. No process dies of it.
func (r *rig) postgresGone(before func() error) {
	was := len(r.stack.Processes())
	sims, _ := simsOf(2500)
	o := r.offer(r.mixed(sims))
	o.acceptHolding()
	if err := before(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.stack.Postgres().Restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.within(promise, time.Now(), "the batch goes on", func() bool { return o.now().Completed > 0 })
	o.completed()
	if now := len(r.stack.Processes()); now != was {
		r.t.Errorf("%d processes are left of %d", now, was)
	}
}
