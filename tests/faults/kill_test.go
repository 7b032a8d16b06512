//go:build unix

package faults_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestKilledProcesses kills or suspends processes at the worst moments.
func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{})
	s.step("a worker in the middle of its transaction", (*testService).workerKilledInTransaction)
	s.step("a worker between commit and acknowledgement", (*testService).workerKilledUnacknowledged)
	s.step("a worker while it waits for a gateway", (*testService).workerKilledAtGateway)
	s.step("a scheduler between claiming work and enqueueing it", (*testService).schedulerKilledBeforeEnqueueing)
	s.step("a scheduler after enqueueing, before it reads the response", (*testService).schedulerKilledAfterEnqueueing)
	s.step("an API between commit and response", (*testService).apiKilledUnanswered)
	s.step("a suspended worker", (*testService).workerFrozen)
	s.step("a worker cut off from the network", (*testService).networkFrozen)
	if _, long := testSize(0); long {
		s.step("every worker that begins a chunk", (*testService).workersKilled)
	}
	s.checkInvariants()
}

func (s *testService) workerKilledInTransaction() {
	r := s.createOffered(s.mixedSIMs(1200)) // two chunks
	unblock := r.acceptBlocked()
	s.awaitBlocked(2)
	killed := time.Now()
	s.kill("worker")
	unblock()
	s.start("worker")
	s.eventuallyWithin(recoveryLimit, killed, "the batch is finished", r.finished)
	r.checkCompleted()
}

func (s *testService) workerKilledUnacknowledged() {
	s.kill("worker")
	w := s.redisRelay()
	victim := s.start("worker", s.via(w))
	r := s.createOffered(s.mixedSIMs(30))
	unblock := r.acceptBlocked()
	queue, id := r.taskOf()
	task := scan[storage.Task](s, `SELECT id, gen, kind, queue, request FROM work WHERE request = $1`, r.id)
	w.hold(true, true)
	unblock()
	r.awaitCompleted()
	s.eventually("the acknowledgement is being sent", w.isHolding)
	s.killOne(victim)
	w.disconnect()
	info, err := s.inspector.GetTaskInfo(string(queue), id)
	if err != nil || info.State != asynq.TaskStateActive {
		s.t.Fatalf("the task is not active in Redis: %+v, %v", info, err)
	}
	was := s.Dump()
	s.start("worker")
	s.replay(task)
	s.Unchanged(was)
	if _, long := testSize(0); long {
		s.eventuallyWithin(3*time.Minute, time.Now(), "the task was recovered", func() bool {
			info, err := s.inspector.GetTaskInfo(string(queue), id)
			return err != nil || info.State != asynq.TaskStateActive
		})
		s.Unchanged(was)
		return
	}
	if err := s.redis.Del(s.t.Context(), fmt.Sprintf("asynq:{%s}:active", queue), fmt.Sprintf("asynq:{%s}:lease", queue)).Err(); err != nil {
		s.t.Fatal(err)
	}
}

// workerKilledAtGateway leaves a lease, which must expire first.
func (s *testService) workerKilledAtGateway() {
	g := s.atGateway(4, radius.Behavior{Silent: true})
	r := s.createOffered(g.sims)
	r.accept()
	s.eventually("the gateway has received a request", func() bool { return g.Stats().Requests > 0 })
	g.SetBehavior(radius.Behavior{})
	killed := time.Now()
	s.kill("worker")
	s.start("worker")
	s.eventuallyWithin(recoveryLimit, killed, "another worker has dropped the sessions", func() bool { return g.Count() == 0 })
	r.awaitCompleted()
}

func (s *testService) schedulerKilledBeforeEnqueueing() {
	s.kill("scheduler")
	w := s.redisRelay()
	victim := s.start("scheduler", s.via(w))
	s.eventually("the scheduler runs", func() bool { return s.logContains(victim.Log(), "scheduler is running") })
	w.hold(true, false)
	r := s.create(s.mixedSIMs(30))
	s.eventually("the work is claimed", func() bool {
		return scan[int](s, `SELECT count(*) FROM work WHERE request = $1 AND dispatched_at IS NOT NULL`, r.id) == 1
	})
	s.eventually("it is being enqueued", w.isHolding)
	killed := time.Now()
	s.killOne(victim)
	w.disconnect()
	if queue, id := r.taskOf(); true {
		if _, err := s.inspector.GetTaskInfo(string(queue), id); err == nil {
			s.t.Fatal("Redis has the task: the scheduler was killed too late")
		}
	}
	s.start("scheduler")
	s.eventuallyWithin(recoveryLimit, killed, "the request is validated", func() bool { return r.read().State == transfer.InReview })
	r.awaitOffered()
	r.accept()
	r.awaitCompleted()
}

func (s *testService) schedulerKilledAfterEnqueueing() {
	s.kill("scheduler")
	s.pause(transfer.QueueInteractive)
	w := s.redisRelay()
	victim := s.start("scheduler", s.via(w))
	// Before the first response there is only the handshake.
	s.eventually("the scheduler runs", func() bool { return s.logContains(victim.Log(), "scheduler is running") })
	first := s.create(s.mixedSIMs(3))
	first.inRedis()
	w.hold(false, true)
	r := s.create(s.mixedSIMs(30))
	queue, id := r.inRedis()
	s.eventually("Redis has responded", w.isHolding)
	s.killOne(victim)
	w.disconnect()
	was := scan[time.Time](s, `SELECT checked_at FROM work WHERE request = $1`, r.id)
	s.start("scheduler")
	s.eventually("another scheduler has looked for lost work", func() bool {
		return scan[time.Time](s, `SELECT checked_at FROM work WHERE request = $1`, r.id).After(was)
	})
	s.eventually("nothing is suspected", func() bool {
		return !scan[bool](s, `SELECT suspect FROM work WHERE request = $1`, r.id)
	})
	if n := s.waiting(queue); n != 2 {
		s.t.Errorf("%d tasks are waiting, want 2", n)
	}
	if _, again := r.taskOf(); again != id {
		s.t.Errorf("dispatched again, as %s, after %s", again, id)
	}
	s.unpause(transfer.QueueInteractive)
	for _, r := range []testRequest{first, r} {
		r.awaitOffered()
		r.accept()
		r.awaitCompleted()
	}
}

// logContains reports whether a log file contains a text.
func (s *testService) logContains(log, text string) bool {
	return strings.Contains(s.readLog(log), text)
}

func (s *testService) apiKilledUnanswered() {
	offered := s.createOffered(s.mixedSIMs(20))
	sims := s.mixedSIMs(20)
	for _, c := range []struct {
		what, key, path string
		body            any
		done            string // counts the effects of the call
	}{
		{"create", s.source.Key, "/v1/transfer-requests", s.newRequest(sims), `SELECT count(*) FROM requests`},
		{"accept", s.destination.Key, "/v1/transfer-requests/" + offered.id.String() + "/accept", map[string]any{}, `SELECT count(*) FROM events WHERE kind = 'accept'`},
	} {
		victim, client, err := s.stack.StartAPI(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		w := newRelay(s.t, strings.TrimPrefix(client.URL, "http://"))
		w.hold(false, true)
		before := scan[int](s, c.done)
		idempotency := "unanswered " + c.what
		failed := storagetest.Go(func() error {
			status, _, _, err := call(s.t.Context(), "http://"+w.address(), c.key, idempotency, c.path, c.body)
			if err == nil {
				return fmt.Errorf("the call succeeded with status %d", status)
			}
			return nil
		})
		s.eventually("the call has taken effect", func() bool { return scan[int](s, c.done) == before+1 })
		s.killOne(victim)
		w.disconnect()
		if err := <-failed; err != nil {
			s.t.Error(err)
		}
		for range 2 {
			var status int
			var replayed bool
			var answer map[string]any
			// The lock on the idempotency key is released shortly after the commit.
			s.eventually("the first call has released the key", func() bool {
				status, replayed, answer, err = call(s.t.Context(), s.stack.Admin.URL, c.key, idempotency, c.path, c.body)
				return err != nil || answer["code"] != "still_running"
			})
			if err != nil || status != http.StatusAccepted || !replayed || answer["id"] == nil {
				s.t.Errorf("%s again: %d, replayed: %t, %v, %v", c.what, status, replayed, answer, err)
			}
		}
		if n := scan[int](s, c.done); n != before+1 {
			s.t.Errorf("%s has taken effect %d times", c.what, n-before)
		}
	}
	offered.awaitCompleted()
}

// workerFrozen suspends a worker just before it commits. Its SIMs must be unlocked
// within seconds, and another worker must do its work. When the worker is resumed
// it must change nothing.
func (s *testService) workerFrozen() {
	frozen := s.only("worker")
	r := s.createOffered(s.mixedSIMs(90))
	s.pause(transfer.QueueInteractive)
	r.accept()
	queue, id := r.inRedis()
	unblock := s.HoldSQL(fmt.Sprintf(`SELECT FROM requests WHERE id = '%s' FOR NO KEY UPDATE`, r.id))
	s.unpause(transfer.QueueInteractive)
	s.awaitBlocked(1)
	s.signal(frozen, syscall.SIGSTOP)
	unblock()
	r.checkTakeover()
	if _, long := testSize(0); long {
		s.eventuallyWithin(waitLimit, time.Now(), "asynq's lease has expired", func() bool {
			until, err := s.redis.ZScore(s.t.Context(), fmt.Sprintf("asynq:{%s}:lease", queue), id).Result()
			return err != nil || time.Unix(int64(until), 0).Before(time.Now())
		})
	}
	was := s.Dump()
	s.signal(frozen, syscall.SIGCONT)
	s.killWorkersBut(frozen) // the resumed worker is the only one left
	s.eventually("the resumed worker has failed or finished the task", func() bool { return strings.Contains(s.readLog(frozen.Log()), "work failed") || s.taskGone(queue, id) })
	s.Unchanged(was)
	again := s.createOffered(s.mixedSIMs(20))
	again.accept()
	again.awaitCompleted()
	r.checkCompleted()
}

// checkTakeover starts another worker after one has stopped with the request's
// SIMs locked, and checks that it takes over.
func (r testRequest) checkTakeover() {
	r.t.Helper()
	stopped := time.Now()
	r.start("worker")
	r.eventuallyWithin(8*time.Second, stopped, "the SIMs are unlocked", func() bool {
		_, err := r.Pool().ExecContext(r.t.Context(), `SELECT FROM sims WHERE id = $1 FOR UPDATE NOWAIT`, r.sims[0].ID)
		return err == nil
	})
	r.eventuallyWithin(recoveryLimit+5*time.Second, stopped, "another worker has finished the request", r.finished)
	r.checkCompleted()
}

func (s *testService) killWorkersBut(one *stack.Process) {
	s.t.Helper()
	for _, p := range s.stack.Processes() {
		if p.Name == "worker" && p != one {
			s.killOne(p)
		}
	}
}

// networkFrozen stops all traffic between a worker and the servers without
// closing the connections.
func (s *testService) networkFrozen() {
	queues := s.redisRelay()
	cut, database := s.startBehindRelay("worker", s.via(queues))
	s.killWorkersBut(cut)
	r := s.createOffered(s.mixedSIMs(90))
	s.pause(transfer.QueueInteractive)
	r.accept()
	r.inRedis()
	unblock := s.HoldSQL(fmt.Sprintf(`SELECT FROM requests WHERE id = '%s' FOR NO KEY UPDATE`, r.id))
	s.unpause(transfer.QueueInteractive)
	s.awaitBlocked(1)
	queues.hold(true, true)
	database.hold(true, true)
	unblock()
	r.checkTakeover()
	queues.hold(false, false)
	database.hold(false, false)
	s.killWorkersBut(cut)
	again := s.createOffered(s.mixedSIMs(20))
	again.accept()
	again.awaitCompleted()
	r.checkCompleted()
	s.killOne(cut) // its relays are closed at the end of this step
	s.start("worker")
}

// workersKilled kills every worker that begins a chunk, until the chunk is split.
// No SIM may fail because of it.
func (s *testService) workersKilled() {
	r := s.createOffered(s.mixedSIMs(40))
	unblock := r.acceptBlocked()
	for i := range 3 {
		s.awaitBlocked(1)
		s.kill("worker")
		s.eventually("the crash was counted", func() bool {
			return scan[int](s, `SELECT max(crashes) FROM work WHERE request = $1`, r.id) == i+1
		})
		s.start("worker")
	}
	s.eventually("its work was split", func() bool { return scan[int](s, `SELECT count(*) FROM work WHERE request = $1`, r.id) == 2 })
	unblock()
	r.awaitCompleted()
}

func (s *testService) taskGone(queue transfer.Queue, id string) bool {
	_, err := s.inspector.GetTaskInfo(string(queue), id)
	return err != nil
}
