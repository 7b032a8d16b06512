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

// Processes that die, or stand still, where it hurts most.
func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.step("a worker in the middle of its transaction", (*rig).workerKilledInTransaction)
	r.step("a worker between commit and acknowledgement", (*rig).workerKilledUnacknowledged)
	r.step("a worker while it talks to a gateway", (*rig).workerKilledAtGateway)
	r.step("a scheduler between claiming work and enqueueing it", (*rig).schedulerKilledBeforeEnqueueing)
	r.step("a scheduler after enqueueing, before it knows", (*rig).schedulerKilledAfterEnqueueing)
	r.step("an API after commit and before its answer", (*rig).apiKilledUnanswered)
	r.step("a worker that stands still", (*rig).workerFrozen)
	r.step("a worker that the network has lost", (*rig).networkFrozen)
	if _, long := simsOf(0); long {
		r.step("a worker again and again", (*rig).workersKilled)
	}
	r.verify()
}

func (r *rig) workerKilledInTransaction() {
	o := r.offer(r.mixed(1200)) // two chunks
	letGo := o.acceptHolding()
	r.awaitBlocked(2)
	killed := time.Now()
	r.kill("worker")
	letGo()
	r.start("worker")
	r.within(promise, killed, "the batch has run to its end", o.finished)
	o.isCompleted()
}

func (r *rig) workerKilledUnacknowledged() {
	r.kill("worker")
	w := r.redisRelay()
	doomed := r.start("worker", r.via(w))
	o := r.offer(r.mixed(30))
	letGo := o.acceptHolding()
	queue, id := o.taskOf()
	task := scan[storage.Task](r, `SELECT id, gen, kind, queue, request FROM work WHERE request = $1`, o.id)
	w.hold(true, true)
	letGo()
	o.completed()
	r.eventually("the acknowledgement is on its way", w.holds)
	r.killOne(doomed)
	w.lose()
	info, err := r.inspector.GetTaskInfo(string(queue), id)
	if err != nil || info.State != asynq.TaskStateActive {
		r.t.Fatalf("to Redis the task is not being worked on: %+v, %v", info, err)
	}
	was := r.Dump()
	r.start("worker")
	r.replay(task)
	r.Unchanged(was)
	if _, long := simsOf(0); long {
		r.within(3*time.Minute, time.Now(), "the task was recovered", func() bool {
			info, err := r.inspector.GetTaskInfo(string(queue), id)
			return err != nil || info.State != asynq.TaskStateActive
		})
		r.Unchanged(was)
		return
	}
	if err := r.redis.Del(r.t.Context(), fmt.Sprintf("asynq:{%s}:active", queue), fmt.Sprintf("asynq:{%s}:lease", queue)).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// workerKilledAtGateway leaves a lease, which has to run out first.
func (r *rig) workerKilledAtGateway() {
	g := r.atGateway(4, radius.Behavior{Silent: true})
	o := r.offer(g.sims)
	o.accept()
	r.eventually("the gateway is asked", func() bool { return g.Stats().Requests > 0 })
	g.SetBehavior(radius.Behavior{})
	killed := time.Now()
	r.kill("worker")
	r.start("worker")
	r.within(promise, killed, "another worker has dropped the sessions", func() bool { return g.Count() == 0 })
	o.completed()
}

func (r *rig) schedulerKilledBeforeEnqueueing() {
	r.kill("scheduler")
	w := r.redisRelay()
	doomed := r.start("scheduler", r.via(w))
	r.eventually("the scheduler runs", func() bool { return r.logged(doomed.Log(), "scheduler is running") })
	w.hold(true, false)
	o := r.ask(r.mixed(30))
	r.eventually("the work is claimed", func() bool {
		return scan[int](r, `SELECT count(*) FROM work WHERE request = $1 AND dispatched_at IS NOT NULL`, o.id) == 1
	})
	r.eventually("it is being enqueued", w.holds)
	killed := time.Now()
	r.killOne(doomed)
	w.lose()
	if queue, id := o.taskOf(); true {
		if _, err := r.inspector.GetTaskInfo(string(queue), id); err == nil {
			r.t.Fatal("Redis has the task: the scheduler was not killed before")
		}
	}
	r.start("scheduler")
	r.within(promise, killed, "the request is validated", func() bool { return o.now().State == transfer.InReview })
	o.offered()
	o.accept()
	o.completed()
}

func (r *rig) schedulerKilledAfterEnqueueing() {
	r.kill("scheduler")
	r.pause(transfer.QueueInteractive)
	w := r.redisRelay()
	doomed := r.start("scheduler", r.via(w))
	// Until it has answered once it only greets the server.
	r.eventually("the scheduler runs", func() bool { return r.logged(doomed.Log(), "scheduler is running") })
	first := r.ask(r.mixed(3))
	first.inRedis()
	w.hold(false, true)
	o := r.ask(r.mixed(30))
	queue, id := o.inRedis()
	r.eventually("Redis has answered", w.holds)
	r.killOne(doomed)
	w.lose()
	was := scan[time.Time](r, `SELECT checked_at FROM work WHERE request = $1`, o.id)
	r.start("scheduler")
	r.eventually("another scheduler has looked for lost work", func() bool {
		return scan[time.Time](r, `SELECT checked_at FROM work WHERE request = $1`, o.id).After(was)
	})
	r.eventually("nothing is suspected", func() bool {
		return !scan[bool](r, `SELECT suspect FROM work WHERE request = $1`, o.id)
	})
	if n := r.waiting(queue); n != 2 {
		r.t.Errorf("%d tasks are waiting, there are to be 2", n)
	}
	if _, again := o.taskOf(); again != id {
		r.t.Errorf("dispatched again, as %s after %s", again, id)
	}
	r.unpause(transfer.QueueInteractive)
	for _, o := range []order{first, o} {
		o.offered()
		o.accept()
		o.completed()
	}
}

// logged reports whether a process has logged something.
func (r *rig) logged(log, text string) bool {
	return strings.Contains(r.read(log), text)
}

func (r *rig) apiKilledUnanswered() {
	offered := r.offer(r.mixed(20))
	sims := r.mixed(20)
	for _, c := range []struct {
		what, key, path string
		body            any
		done            string // counts what the call makes
	}{
		{"create", r.source.Key, "/v1/transfer-requests", r.body(sims), `SELECT count(*) FROM requests`},
		{"accept", r.dest.Key, "/v1/transfer-requests/" + offered.id.String() + "/accept", map[string]any{}, `SELECT count(*) FROM events WHERE kind = 'accept'`},
	} {
		doomed, client, err := r.stack.StartAPI(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		w := newRelay(r.t, strings.TrimPrefix(client.URL, "http://"))
		w.hold(false, true)
		before := scan[int](r, c.done)
		idempotency := "unanswered " + c.what
		failed := storagetest.Go(func() error {
			status, _, _, err := call(r.t.Context(), "http://"+w.address(), c.key, idempotency, c.path, c.body)
			if err == nil {
				return fmt.Errorf("the call was answered: %d", status)
			}
			return nil
		})
		r.eventually("the call has taken effect", func() bool { return scan[int](r, c.done) == before+1 })
		r.killOne(doomed)
		w.lose()
		if err := <-failed; err != nil {
			r.t.Error(err)
		}
		for range 2 {
			var status int
			var replayed bool
			var answer map[string]any
			// The lock on the key outlives the commit by a moment.
			r.eventually("the first call has ended", func() bool {
				status, replayed, answer, err = call(r.t.Context(), r.stack.Admin.URL, c.key, idempotency, c.path, c.body)
				return err != nil || answer["code"] != "still_running"
			})
			if err != nil || status != http.StatusAccepted || !replayed || answer["id"] == nil {
				r.t.Errorf("%s again: %d, replayed: %t, %v, %v", c.what, status, replayed, answer, err)
			}
		}
		if n := scan[int](r, c.done); n != before+1 {
			r.t.Errorf("%s has taken effect %d times", c.what, n-before)
		}
	}
	offered.completed()
}

// workerFrozen stops a worker that has done everything but commit. Its SIMs are
// unlocked within seconds, another worker does its work, and when it goes on
// it changes nothing.
func (r *rig) workerFrozen() {
	frozen := r.only("worker")
	o := r.offer(r.mixed(90))
	r.pause(transfer.QueueInteractive)
	o.accept()
	queue, id := o.inRedis()
	letGo := r.HoldSQL(fmt.Sprintf(`SELECT FROM requests WHERE id = '%s' FOR NO KEY UPDATE`, o.id))
	r.unpause(transfer.QueueInteractive)
	r.awaitBlocked(1)
	r.signal(frozen, syscall.SIGSTOP)
	letGo()
	o.doneByAnother()
	if _, long := simsOf(0); long {
		r.within(patience, time.Now(), "asynq's lease is over", func() bool {
			until, err := r.redis.ZScore(r.t.Context(), fmt.Sprintf("asynq:{%s}:lease", queue), id).Result()
			return err != nil || time.Unix(int64(until), 0).Before(time.Now())
		})
	}
	was := r.Dump()
	r.signal(frozen, syscall.SIGCONT)
	r.killWorkersBut(frozen) // the one that stood still has to serve now
	r.eventually("it has noticed", func() bool { return strings.Contains(r.read(frozen.Log()), "work failed") || r.taskGone(queue, id) })
	r.Unchanged(was)
	again := r.offer(r.mixed(20))
	again.accept()
	again.completed()
	o.isCompleted()
}

// doneByAnother starts another worker than the one that has just stopped with
// the order's SIMs locked, and sees that it takes over.
func (o order) doneByAnother() {
	o.t.Helper()
	stopped := time.Now()
	o.start("worker")
	o.within(8*time.Second, stopped, "the SIMs are free", func() bool {
		_, err := o.Pool().ExecContext(o.t.Context(), `SELECT FROM sims WHERE id = $1 FOR UPDATE NOWAIT`, o.sims[0].ID)
		return err == nil
	})
	o.within(promise+5*time.Second, stopped, "another worker has done its work", o.finished)
	o.isCompleted()
}

func (r *rig) killWorkersBut(one *stack.Process) {
	r.t.Helper()
	for _, p := range r.stack.Processes() {
		if p.Name == "worker" && p != one {
			r.killOne(p)
		}
	}
}

// networkFrozen lets nothing pass between a worker and the servers, none of
// which knows.
func (r *rig) networkFrozen() {
	queues := r.redisRelay()
	cut, database := r.startBehindRelay("worker", r.via(queues))
	r.killWorkersBut(cut)
	o := r.offer(r.mixed(90))
	r.pause(transfer.QueueInteractive)
	o.accept()
	o.inRedis()
	letGo := r.HoldSQL(fmt.Sprintf(`SELECT FROM requests WHERE id = '%s' FOR NO KEY UPDATE`, o.id))
	r.unpause(transfer.QueueInteractive)
	r.awaitBlocked(1)
	queues.hold(true, true)
	database.hold(true, true)
	letGo()
	o.doneByAnother()
	queues.hold(false, false)
	database.hold(false, false)
	r.killWorkersBut(cut)
	again := r.offer(r.mixed(20))
	again.accept()
	again.completed()
	o.isCompleted()
	r.killOne(cut) // its relays end with this step
	r.start("worker")
}

// workersKilled kills every worker that begins a chunk, until the chunk is
// halved; no SIM fails for it.
func (r *rig) workersKilled() {
	o := r.offer(r.mixed(40))
	letGo := o.acceptHolding()
	for i := range 3 {
		r.awaitBlocked(1)
		r.kill("worker")
		r.eventually("its death was noticed", func() bool {
			return scan[int](r, `SELECT max(crashes) FROM work WHERE request = $1`, o.id) == i+1
		})
		r.start("worker")
	}
	r.eventually("its work was halved", func() bool { return scan[int](r, `SELECT count(*) FROM work WHERE request = $1`, o.id) == 2 })
	letGo()
	o.completed()
}

func (r *rig) taskGone(queue transfer.Queue, id string) bool {
	_, err := r.inspector.GetTaskInfo(string(queue), id)
	return err != nil
}
