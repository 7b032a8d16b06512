//go:build unix

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

// TestHopelessWork makes work fail permanently.
func TestHopelessWork(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{})
	// Every update of a cursed SIM's transfer fails.
	s.Exec(`
		CREATE TABLE cursed (identifier text PRIMARY KEY, state text NOT NULL);
		CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT 1 FROM cursed c WHERE c.identifier = NEW.identifier AND c.state = NEW.state) THEN
				RAISE EXCEPTION 'SIM % is cursed', NEW.identifier;
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER curse AFTER UPDATE ON transfers FOR EACH ROW EXECUTE FUNCTION curse();`)
	s.step("a SIM that makes its chunk fail", (*testService).poisonRow)
	s.step("a request that cannot be expired", (*testService).poisonExpiry)
	s.step("dead work", (*testService).deadWork)
	s.checkInvariants()
}

// poisonRow makes every transaction with a certain SIM fail, for one SIM during
// validation and for another one during execution. Only these SIMs may fail.
func (s *testService) poisonRow() {
	sims := s.mixedSIMs(1300)
	s.pause(transfer.QueueBulk)
	invalid, stuck := sims[400], sims[1200]
	s.Exec(`INSERT INTO cursed VALUES ($1, 'eligible'), ($2, 'completed')`, invalid.ICCID, stuck.ICCID)
	r := s.create(sims)
	s.unpause(transfer.QueueBulk)
	r.awaitOffered()
	if now := r.read(); now.Eligible != len(sims)-1 || now.Ineligible != 1 {
		s.t.Errorf("%d SIMs are eligible and %d ineligible", now.Eligible, now.Ineligible)
	}
	r.accept()
	r.await("the request is finished", func(r storage.Request) bool { return r.FinishedAt != nil })
	if now := r.read(); now.Completed != len(sims)-2 || now.Failed != 1 {
		s.t.Errorf("%d SIMs are completed and %d failed", now.Completed, now.Failed)
	}
	for _, x := range []struct {
		sim   storagetest.SIM
		state transfer.State
	}{{invalid, transfer.Ineligible}, {stuck, transfer.Failed}} {
		got := scan[storage.Transfer](s, `SELECT n, identifier, state, reason FROM transfers WHERE request = $1 AND identifier = $2`, r.id, x.sim.ICCID)
		if got.State != x.state || got.Reason == nil || *got.Reason != transfer.InternalError || s.Owner(x.sim) != s.from.ID {
			s.t.Errorf("the failing SIM: %+v, owned by account %d", got, s.Owner(x.sim))
		}
	}
	s.checkInvariants()
}

// poisonExpiry makes the expiry of one request fail every time. Requests that are
// due later must expire.
func (s *testService) poisonExpiry() {
	s.Exec(`
		CREATE TABLE unexpirable (request uuid PRIMARY KEY);
		CREATE FUNCTION refuse_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT 1 FROM unexpirable WHERE request = NEW.request) THEN
				RAISE EXCEPTION 'request % cannot expire', NEW.request;
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER refuse_expiry AFTER INSERT ON events FOR EACH ROW WHEN (NEW.kind = 'expire') EXECUTE FUNCTION refuse_expiry();`)
	s.pause(transfer.QueueInteractive)
	first := s.createExpiring(s.SIMs(1, storagetest.SIM{Account: s.from.ID}), 1)
	s.Exec(`INSERT INTO unexpirable VALUES ($1)`, first.id)
	s.unpause(transfer.QueueInteractive)
	first.await("the request can be accepted", func(r storage.Request) bool { return r.State == transfer.AwaitingAcceptance })
	var others []testRequest
	for range 5 {
		others = append(others, s.createExpiring(s.SIMs(1, storagetest.SIM{Account: s.from.ID}), 1))
	}
	for _, r := range others {
		r.await("another request is expired", func(r storage.Request) bool { return r.FinishedAt != nil })
	}
	if state := first.read().State; state != transfer.AwaitingAcceptance {
		s.t.Errorf("the request that cannot expire is %s", state)
	}
	s.Exec(`DELETE FROM unexpirable`)
	first.await("the request is expired", func(r storage.Request) bool { return r.FinishedAt != nil })
	s.checkInvariants()
}

// deadWork makes the release of many SIMs fail permanently, one by one.
func (s *testService) deadWork() {
	n := 150
	if _, long := testSize(0); long {
		n = 10500
	}
	r := s.createOffered(s.SIMs(n, storagetest.SIM{Account: s.from.ID}))
	s.Exec(`INSERT INTO cursed SELECT identifier, 'canceled' FROM transfers WHERE request = $1`, r.id)
	r.cancel()
	dead := func() int { return scan[int](s, `SELECT count(*) FROM work WHERE dead_at IS NOT NULL`) }
	s.eventuallyWithin(20*waitLimit, time.Now(), "all work is dead", func() bool { return dead() == n })
	listed := s.listDead()
	if len(listed) != n {
		s.t.Errorf("%d pieces of dead work are listed, want %d", len(listed), n)
	}
	for _, w := range listed {
		if w.N != 1 || w.Error == nil || !strings.Contains(*w.Error, "is cursed") {
			s.t.Fatalf("dead work: %+v", w)
		}
	}
	taskOf := func(w storage.WorkInfo) string { return tasks.ID(w.ID, w.Gen) }
	s.eventually("the last tasks are archived", func() bool {
		info, err := s.inspector.GetTaskInfo(string(listed[n-1].Queue), taskOf(listed[n-1]))
		return err == nil && info.State == asynq.TaskStateArchived
	})

	// Run in the queue UI makes one attempt, which fails as long as the cause
	// is not fixed.
	one := listed[n-1]
	run := func(w storage.WorkInfo) {
		s.t.Helper()
		if err := s.inspector.RunTask(string(w.Queue), taskOf(w)); err != nil {
			s.t.Fatal(err)
		}
	}
	was := s.Dump()
	failed := s.failures(one.Queue)
	run(one)
	s.eventually("the task has failed again", func() bool { return s.failures(one.Queue) > failed })
	if info, err := s.inspector.GetTaskInfo(string(one.Queue), taskOf(one)); err != nil || info.State != asynq.TaskStateArchived {
		s.t.Errorf("the task is not archived: %+v, %v", info, err)
	}
	s.Unchanged(was)
	s.Exec(`DELETE FROM cursed`)
	run(one)
	s.eventually("one piece is done", func() bool { return dead() == n-1 })

	// Deleting asynq's archive loses no work.
	if _, err := s.inspector.DeleteAllArchivedTasks(string(one.Queue)); err != nil {
		s.t.Fatal(err)
	}
	if said := s.program("work", "retry", strconv.FormatInt(listed[0].ID, 10)); !strings.HasPrefix(said, "1 rows") {
		s.t.Errorf("it prints %q", said)
	}
	s.eventually("another piece is done", func() bool { return dead() == n-2 })
	if said := s.program("work", "retry", "--all"); !strings.HasPrefix(said, fmt.Sprintf("%d rows", n-2)) {
		s.t.Errorf("it prints %q", said)
	}
	s.eventuallyWithin(20*waitLimit, time.Now(), "the request is finished", r.finished)
	if now := r.read(); now.Canceled != n || now.State != transfer.RequestCanceled {
		s.t.Errorf("the request is %s, %d of %d SIMs are canceled", now.State, now.Canceled, n)
	}
	s.checkInvariants()
}

// failures returns the number of failed tasks of a queue.
func (s *testService) failures(queue transfer.Queue) int {
	s.t.Helper()
	info, err := s.inspector.GetQueueInfo(string(queue))
	if err != nil {
		s.t.Fatal(err)
	}
	return info.FailedTotal
}

// listDead lists dead work as an operator does, page by page.
func (s *testService) listDead() (all []storage.WorkInfo) {
	s.t.Helper()
	for after := int64(0); ; {
		var page []storage.WorkInfo
		if err := json.Unmarshal([]byte(s.program("work", "list", "--dead", "--json", "--after", strconv.FormatInt(after, 10))), &page); err != nil {
			s.t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
}
