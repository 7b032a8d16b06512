package faults_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// Work that fails for good.
func TestHopelessWork(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	// What happens to a SIM that is cursed always fails.
	r.Exec(`
		CREATE TABLE cursed (identifier text PRIMARY KEY, state text NOT NULL);
		CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT 1 FROM cursed c WHERE c.identifier = NEW.identifier AND c.state = NEW.state) THEN
				RAISE EXCEPTION 'SIM % is cursed', NEW.identifier;
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER curse AFTER UPDATE ON transfers FOR EACH ROW EXECUTE FUNCTION curse();`)
	r.step("a poison row", (*rig).poisonRow)
	r.step("a request that cannot be expired", (*rig).poisonExpiry)
	r.step("dead work", (*rig).deadWork)
	r.verify()
}

// poisonRow makes the transaction of one SIM's chunk fail every time: one in
// validation, another in execution.
func (r *rig) poisonRow() {
	sims := r.mixed(1300)
	r.pause(transfer.QueueBulk)
	invalid, stuck := sims[400], sims[1200]
	r.Exec(`INSERT INTO cursed VALUES ($1, 'eligible'), ($2, 'completed')`, invalid.ICCID, stuck.ICCID)
	o := r.ask(sims)
	r.unpause(transfer.QueueBulk)
	o.offered()
	if now := o.now(); now.Eligible != len(sims)-1 || now.Ineligible != 1 {
		r.t.Errorf("%d SIMs are eligible and %d ineligible", now.Eligible, now.Ineligible)
	}
	o.accept()
	o.await("the request is finished", func(s storage.Request) bool { return s.FinishedAt != nil })
	if now := o.now(); now.Completed != len(sims)-2 || now.Failed != 1 {
		r.t.Errorf("%d SIMs are completed and %d failed", now.Completed, now.Failed)
	}
	for _, x := range []struct {
		sim   storagetest.SIM
		state transfer.State
	}{{invalid, transfer.Ineligible}, {stuck, transfer.Failed}} {
		got := scan[storage.Transfer](r, `SELECT n, identifier, state, reason FROM transfers WHERE request = $1 AND identifier = $2`, o.id, x.sim.ICCID)
		if got.State != x.state || got.Reason == nil || *got.Reason != transfer.InternalError || r.Owner(x.sim) != r.from.ID {
			r.t.Errorf("the SIM that fails: %+v, of account %d", got, r.Owner(x.sim))
		}
	}
	r.verify()
}

// poisonExpiry makes the expiry of one request fail every time. Those that
// are due after it expire.
func (r *rig) poisonExpiry() {
	r.Exec(`
		CREATE TABLE immortal (request uuid PRIMARY KEY);
		CREATE FUNCTION bless() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT 1 FROM immortal WHERE request = NEW.request) THEN
				RAISE EXCEPTION 'request % cannot expire', NEW.request;
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER bless AFTER INSERT ON events FOR EACH ROW WHEN (NEW.kind = 'expire') EXECUTE FUNCTION bless();`)
	r.pause(transfer.QueueInteractive)
	first := r.askFor(r.SIMs(1, storagetest.SIM{Account: r.from.ID}), 1)
	r.Exec(`INSERT INTO immortal VALUES ($1)`, first.id)
	r.unpause(transfer.QueueInteractive)
	first.await("it can be accepted", func(s storage.Request) bool { return s.State == transfer.AwaitingAcceptance })
	var others []order
	for range 5 {
		others = append(others, r.askFor(r.SIMs(1, storagetest.SIM{Account: r.from.ID}), 1))
	}
	for _, o := range others {
		o.await("another request is expired", func(s storage.Request) bool { return s.FinishedAt != nil })
	}
	if s := first.now().State; s != transfer.AwaitingAcceptance {
		r.t.Errorf("the request that cannot expire is %s", s)
	}
	r.Exec(`DELETE FROM immortal`)
	first.await("it is expired", func(s storage.Request) bool { return s.FinishedAt != nil })
	r.verify()
}

// deadWork has the release of many SIMs fail for good, one by one.
func (r *rig) deadWork() {
	n := 150
	if _, long := simsOf(0); long {
		n = 10500
	}
	o := r.offer(r.SIMs(n, storagetest.SIM{Account: r.from.ID}))
	r.Exec(`INSERT INTO cursed SELECT identifier, 'canceled' FROM transfers WHERE request = $1`, o.id)
	o.decide(r.source, "cancel", nil)
	dead := func() int { return scan[int](r, `SELECT count(*) FROM work WHERE dead_at IS NOT NULL`) }
	r.within(20*patience, time.Now(), "everything has failed for good", func() bool { return dead() == n })
	listed := r.listDead()
	if len(listed) != n {
		r.t.Errorf("%d pieces of dead work are listed, want %d", len(listed), n)
	}
	for _, w := range listed {
		if w.N != 1 || w.Error == nil || !strings.Contains(*w.Error, "is cursed") {
			r.t.Fatalf("dead work: %+v", w)
		}
	}
	taskOf := func(w storage.WorkInfo) string { return tasks.ID(w.ID, w.Gen) }
	r.eventually("the last tasks are archived", func() bool {
		info, err := r.inspector.GetTaskInfo(string(listed[n-1].Queue), taskOf(listed[n-1]))
		return err == nil && info.State == asynq.TaskStateArchived
	})

	// The button in the page on the queues: one attempt, which fails as long as
	// its cause is there.
	one := listed[n-1]
	run := func(w storage.WorkInfo) {
		r.t.Helper()
		if err := r.inspector.RunTask(string(w.Queue), taskOf(w)); err != nil {
			r.t.Fatal(err)
		}
	}
	was := r.Dump()
	failed := r.failures(one.Queue)
	run(one)
	r.eventually("the task has failed again", func() bool { return r.failures(one.Queue) > failed })
	if info, err := r.inspector.GetTaskInfo(string(one.Queue), taskOf(one)); err != nil || info.State != asynq.TaskStateArchived {
		r.t.Errorf("the task is not archived: %+v, %v", info, err)
	}
	r.Unchanged(was)
	r.Exec(`DELETE FROM cursed`)
	run(one)
	r.eventually("one is done", func() bool { return dead() == n-1 })

	// Nothing is lost with asynq's archive.
	if _, err := r.inspector.DeleteAllArchivedTasks(string(one.Queue)); err != nil {
		r.t.Fatal(err)
	}
	if said := r.program("work", "retry", strconv.FormatInt(listed[0].ID, 10)); !strings.HasPrefix(said, "1 rows") {
		r.t.Errorf("it says %q", said)
	}
	r.eventually("another is done", func() bool { return dead() == n-2 })
	if said := r.program("work", "retry", "--all"); !strings.HasPrefix(said, fmt.Sprintf("%d rows", n-2)) {
		r.t.Errorf("it says %q", said)
	}
	r.within(20*patience, time.Now(), "the request is finished", o.finished)
	if now := o.now(); now.Canceled != n || now.State != transfer.RequestCanceled {
		r.t.Errorf("the request is %s, %d of %d SIMs are canceled", now.State, now.Canceled, n)
	}
	r.verify()
}

// failures counts the tasks of a queue that have failed today, as asynq does.
func (r *rig) failures(queue transfer.Queue) int {
	r.t.Helper()
	info, err := r.inspector.GetQueueInfo(string(queue))
	if err != nil {
		r.t.Fatal(err)
	}
	return info.FailedTotal
}

// listDead lists dead work as an operator does, page by page.
func (r *rig) listDead() (all []storage.WorkInfo) {
	r.t.Helper()
	for after := int64(0); ; {
		var page []storage.WorkInfo
		if err := json.Unmarshal([]byte(r.program("work", "list", "--dead", "--json", "--after", strconv.FormatInt(after, 10))), &page); err != nil {
			r.t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
}
