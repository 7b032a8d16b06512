package faults_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A Redis that forgets, dies, is full, tells old stories, or is away.
func TestRedisFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	r.step("FLUSHALL in the middle of a batch", (*rig).redisFlushed)
	r.step("FLUSHALL, and then a worker is killed", (*rig).redisFlushedWorkerKilled)
	r.step("a waiting task is deleted by hand", (*rig).taskDeletedWaiting)
	r.step("a task is deleted by hand while it runs", (*rig).taskDeletedRunning)
	r.step("SIGKILL and restart with appendonly", (*rig).redisKilled)
	r.step("a restore of an old dump", (*rig).redisRestored)
	r.step("maxmemory is reached", (*rig).redisFull)
	r.step("Redis is away", (*rig).redisAway)
	r.verify()
}

// A Redis without appendonly loses everything when it is killed.
func TestRedisWithoutAppendonly(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{redis: map[string]string{"appendonly": "no"}})
	r.backlog()
	killed := time.Now()
	if err := r.stack.Redis().Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.stack.Redis().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting := func() int { return scan[int](r, `SELECT count(*) FROM work`) }
	all := waiting()
	r.within(promise, killed, "work goes on", func() bool { return waiting() < all })
	r.within(10*patience, time.Now(), "all work is done", func() bool { return waiting() == 0 })
	r.verify()
}

func (r *rig) flush() {
	r.t.Helper()
	if err := r.redis.FlushAll(r.t.Context()).Err(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) redisFlushed() {
	sims, _ := simsOf(3200) // four chunks, one at a time
	o := r.offer(r.mixed(sims))
	letGo := o.acceptHolding()
	if r.waiting(transfer.QueueBulk) == 0 {
		r.t.Fatal("nothing is waiting")
	}
	flushed := time.Now()
	r.flush()
	left := o.now().Left
	letGo()
	r.within(promise, flushed, "what was lost is being done", func() bool { return o.now().Left < left-transfer.ChunkSize })
	o.completed()
}

func (r *rig) redisFlushedWorkerKilled() {
	r.flush()
	o := r.offer(r.mixed(30))
	letGo := o.acceptHolding()
	killed := time.Now()
	r.kill("worker")
	letGo()
	r.start("worker")
	r.within(promise, killed, "another worker has done its work", o.finished)
	o.isCompleted()
}

func taskKey(queue transfer.Queue, id string) string {
	return fmt.Sprintf("asynq:{%s}:t:%s", queue, id)
}

func (r *rig) taskDeletedWaiting() {
	o := r.offer(r.mixed(30))
	r.pause(transfer.QueueInteractive)
	o.accept()
	queue, id := o.inRedis()
	if n, err := r.redis.Del(r.t.Context(), taskKey(queue, id)).Result(); err != nil || n != 1 {
		r.t.Fatalf("%d tasks deleted, %v", n, err)
	}
	deleted := time.Now()
	r.unpause(transfer.QueueInteractive)
	r.within(promise, deleted, "the work is done", o.finished)
	o.isCompleted()
}

func (r *rig) taskDeletedRunning() {
	o := r.offer(r.mixed(30))
	letGo := o.acceptHolding()
	queue, id := o.taskOf()
	if n, err := r.redis.Del(r.t.Context(), taskKey(queue, id)).Result(); err != nil || n != 1 {
		r.t.Fatalf("%d tasks deleted, %v", n, err)
	}
	letGo()
	o.completed()
}

func (r *rig) redisKilled() {
	o := r.offer(r.mixed(30))
	r.pause(transfer.QueueInteractive)
	o.accept()
	queue, id := o.inRedis()
	killed := time.Now()
	if err := r.stack.Redis().Kill(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.stack.Redis().Restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if info, err := r.inspector.GetTaskInfo(string(queue), id); err != nil || info.State != asynq.TaskStatePending {
		r.t.Errorf("the task after the restart: %+v, %v", info, err)
	}
	r.unpause(transfer.QueueInteractive)
	r.within(promise, killed, "the work is done", o.finished)
	o.isCompleted()
}

func (r *rig) redisRestored() {
	accepted, canceled := r.offer(r.mixed(1200)), r.offer(r.mixed(120))
	r.pause(transfer.QueueBulk)
	accepted.accept()
	canceled.decide(r.source, "cancel", nil)
	r.eventually("the tasks are in Redis", func() bool { return r.waiting(transfer.QueueBulk) == 3 })
	dump, err := r.stack.SnapshotRedis()
	if err != nil {
		r.t.Fatal(err)
	}
	r.unpause(transfer.QueueBulk)
	accepted.completed()
	canceled.await("the request is finished", func(s storage.Request) bool { return s.FinishedAt != nil })
	r.idle(transfer.QueueBulk)
	was := r.Dump()
	if err := r.stack.RestoreRedis(r.t.Context(), dump); err != nil {
		r.t.Fatal(err)
	}
	if n := r.waiting(transfer.QueueBulk); n != 3 {
		r.t.Errorf("%d tasks wait after the restore, paused as they were when it was taken", n)
	}
	r.unpause(transfer.QueueBulk)
	r.idle(transfer.QueueBulk)
	r.Unchanged(was)
	accepted.isCompleted()
}

func (r *rig) redisFull() {
	if err := r.redis.ConfigSet(r.t.Context(), "maxmemory", "1").Err(); err != nil {
		r.t.Fatal(err)
	}
	o := r.ask(r.mixed(30))
	r.triedInVain(o)
	if err := r.redis.ConfigSet(r.t.Context(), "maxmemory", "0").Err(); err != nil {
		r.t.Fatal(err)
	}
	r.within(promise, time.Now(), "the request is validated", func() bool { return o.now().State == transfer.InReview })
	o.offered()
	o.accept()
	o.completed()
}

// triedInVain waits until the scheduler has tried more than once to enqueue the
// only work of a request, which then waits for another try.
func (r *rig) triedInVain(o order) {
	r.t.Helper()
	r.eventually("the scheduler has tried without success", func() bool {
		return scan[int](r, `SELECT count(*) FROM work WHERE request = $1 AND gen >= 2 AND errors = 0 AND crashes = 0`, o.id) == 1
	})
}

func (r *rig) redisAway() {
	waiting := r.offer(r.mixed(30))
	if err := r.stack.Redis().Kill(); err != nil {
		r.t.Fatal(err)
	}
	away := time.Now()
	waiting.accept()
	var asked []order
	for range 20 {
		asked = append(asked, r.ask(r.mixed(3)))
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if err := r.source.Call(r.t.Context(), http.MethodGet, path, nil, nil); err != nil {
			r.t.Errorf("without Redis the API answers: %v", err)
		}
	}
	r.triedInVain(waiting)
	if _, long := simsOf(0); long {
		r.within(2*time.Minute, away, "Redis was away for a minute", func() bool { return time.Since(away) > time.Minute })
	}
	if err := r.stack.Redis().Restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.within(promise, time.Now(), "work goes on", waiting.finished)
	waiting.isCompleted()
	for _, o := range asked {
		o.offered()
		o.accept()
	}
	for _, o := range asked {
		o.completed()
	}
}

// backlog lets many tasks wait for long and sees that none is taken for lost.
func (r *rig) backlog() {
	r.t.Helper()
	n := 600 // more than reconciliation looks at in one go
	if _, long := simsOf(0); long {
		n = 11000
	}
	r.offer(r.mixed(3)) // so that Redis knows the queue
	r.idle(transfer.QueueInteractive)
	r.pause(transfer.QueueInteractive)
	sims := r.SIMs(n, storagetest.SIM{Account: r.from.ID})
	for i := range sims {
		r.ask(sims[i : i+1])
	}
	r.eventually("all tasks are waiting", func() bool { return r.waiting(transfer.QueueInteractive) == int64(n) })
	r.within(5*patience, time.Now(), "every task was looked at twice", func() bool {
		return scan[int](r, `SELECT count(*) FROM work WHERE checked_at < dispatched_at + interval '12 s'`) == 0
	})
	if now := r.waiting(transfer.QueueInteractive); now != int64(n) {
		r.t.Errorf("%d tasks are waiting, there were %d", now, n)
	}
	if again := scan[int](r, `SELECT count(*) FROM work WHERE gen <> 1 OR crashes <> 0 OR errors <> 0 OR suspect`); again != 0 {
		r.t.Errorf("%d of them were taken for lost", again)
	}
	r.verify()
}
