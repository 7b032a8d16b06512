//go:build unix

package faults_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// TestRedisFaults deletes the data of Redis, kills it, fills it, restores an old
// dump, and shuts it down for a while.
func TestRedisFaults(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{env: []string{"SIMTRANSFER_WORKER_BULK=1"}})
	s.step("FLUSHALL in the middle of a batch", (*testService).redisFlushed)
	s.step("FLUSHALL, and then a worker is killed", (*testService).redisFlushedWorkerKilled)
	s.step("a waiting task is deleted by hand", (*testService).taskDeletedWaiting)
	s.step("a task is deleted by hand while it runs", (*testService).taskDeletedRunning)
	s.step("SIGKILL and restart with appendonly", (*testService).redisKilled)
	s.step("a restore of an old dump", (*testService).redisRestored)
	s.step("maxmemory is reached", (*testService).redisFull)
	s.step("Redis is down", (*testService).redisDown)
	s.checkInvariants()
}

// TestRedisWithoutAppendonly kills a Redis that then loses all tasks.
func TestRedisWithoutAppendonly(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{redis: map[string]string{"appendonly": "no"}})
	s.backlog()
	killed := time.Now()
	if err := s.stack.Redis().Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.stack.Redis().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waiting := func() int { return scan[int](s, `SELECT count(*) FROM work`) }
	all := waiting()
	s.eventuallyWithin(recoveryLimit, killed, "work continues", func() bool { return waiting() < all })
	s.eventuallyWithin(10*waitLimit, time.Now(), "all work is done", func() bool { return waiting() == 0 })
	s.checkInvariants()
}

func (s *testService) flushRedis() {
	s.t.Helper()
	if err := s.redis.FlushAll(s.t.Context()).Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testService) redisFlushed() {
	sims, _ := testSize(3200) // four chunks, one at a time
	r := s.createOffered(s.mixedSIMs(sims))
	unblock := r.acceptBlocked()
	if s.waiting(transfer.QueueBulk) == 0 {
		s.t.Fatal("nothing is waiting")
	}
	flushed := time.Now()
	s.flushRedis()
	left := r.read().Left
	unblock()
	s.eventuallyWithin(recoveryLimit, flushed, "the lost work is being processed", func() bool { return r.read().Left < left-transfer.ChunkSize })
	r.awaitCompleted()
}

func (s *testService) redisFlushedWorkerKilled() {
	s.flushRedis()
	r := s.createOffered(s.mixedSIMs(30))
	unblock := r.acceptBlocked()
	killed := time.Now()
	s.kill("worker")
	unblock()
	s.start("worker")
	s.eventuallyWithin(recoveryLimit, killed, "another worker has done its work", r.finished)
	r.checkCompleted()
}

func taskKey(queue transfer.Queue, id string) string {
	return fmt.Sprintf("asynq:{%s}:t:%s", queue, id)
}

func (s *testService) taskDeletedWaiting() {
	r := s.createOffered(s.mixedSIMs(30))
	s.pause(transfer.QueueInteractive)
	r.accept()
	queue, id := r.inRedis()
	if n, err := s.redis.Del(s.t.Context(), taskKey(queue, id)).Result(); err != nil || n != 1 {
		s.t.Fatalf("%d tasks deleted, %v", n, err)
	}
	deleted := time.Now()
	s.unpause(transfer.QueueInteractive)
	s.eventuallyWithin(recoveryLimit, deleted, "the work is done", r.finished)
	r.checkCompleted()
}

func (s *testService) taskDeletedRunning() {
	r := s.createOffered(s.mixedSIMs(30))
	unblock := r.acceptBlocked()
	queue, id := r.taskOf()
	if n, err := s.redis.Del(s.t.Context(), taskKey(queue, id)).Result(); err != nil || n != 1 {
		s.t.Fatalf("%d tasks deleted, %v", n, err)
	}
	unblock()
	r.awaitCompleted()
}

func (s *testService) redisKilled() {
	r := s.createOffered(s.mixedSIMs(30))
	s.pause(transfer.QueueInteractive)
	r.accept()
	queue, id := r.inRedis()
	killed := time.Now()
	if err := s.stack.Redis().Kill(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.stack.Redis().Restart(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if info, err := s.inspector.GetTaskInfo(string(queue), id); err != nil || info.State != asynq.TaskStatePending {
		s.t.Errorf("the task after the restart: %+v, %v", info, err)
	}
	s.unpause(transfer.QueueInteractive)
	s.eventuallyWithin(recoveryLimit, killed, "the work is done", r.finished)
	r.checkCompleted()
}

func (s *testService) redisRestored() {
	accepted, canceled := s.createOffered(s.mixedSIMs(1200)), s.createOffered(s.mixedSIMs(120))
	s.pause(transfer.QueueBulk)
	accepted.accept()
	canceled.cancel()
	s.eventually("the tasks are in Redis", func() bool { return s.waiting(transfer.QueueBulk) == 3 })
	dump, err := s.stack.SnapshotRedis()
	if err != nil {
		s.t.Fatal(err)
	}
	s.unpause(transfer.QueueBulk)
	accepted.awaitCompleted()
	canceled.await("the request is finished", func(r storage.Request) bool { return r.FinishedAt != nil })
	s.idle(transfer.QueueBulk)
	was := s.Dump()
	if err := s.stack.RestoreRedis(s.t.Context(), dump); err != nil {
		s.t.Fatal(err)
	}
	if n := s.waiting(transfer.QueueBulk); n != 3 {
		s.t.Errorf("%d tasks are waiting after the restore (of a paused queue), want 3", n)
	}
	s.unpause(transfer.QueueBulk)
	s.idle(transfer.QueueBulk)
	s.Unchanged(was)
	accepted.checkCompleted()
}

func (s *testService) redisFull() {
	if err := s.redis.ConfigSet(s.t.Context(), "maxmemory", "1").Err(); err != nil {
		s.t.Fatal(err)
	}
	r := s.create(s.mixedSIMs(30))
	s.awaitFailedDispatches(r)
	if err := s.redis.ConfigSet(s.t.Context(), "maxmemory", "0").Err(); err != nil {
		s.t.Fatal(err)
	}
	s.eventuallyWithin(recoveryLimit, time.Now(), "the request is validated", func() bool { return r.read().State == transfer.InReview })
	r.awaitOffered()
	r.accept()
	r.awaitCompleted()
}

// awaitFailedDispatches waits until the scheduler has failed more than once to
// enqueue the only work of a request.
func (s *testService) awaitFailedDispatches(r testRequest) {
	s.t.Helper()
	s.eventually("the scheduler has failed to enqueue the work", func() bool {
		return scan[int](s, `SELECT count(*) FROM work WHERE request = $1 AND gen >= 2 AND errors = 0 AND crashes = 0`, r.id) == 1
	})
}

func (s *testService) redisDown() {
	waiting := s.createOffered(s.mixedSIMs(30))
	if err := s.stack.Redis().Kill(); err != nil {
		s.t.Fatal(err)
	}
	away := time.Now()
	waiting.accept()
	var asked []testRequest
	for range 20 {
		asked = append(asked, s.create(s.mixedSIMs(3)))
	}
	if err := errors.Join(s.source.Healthy(s.t.Context()), s.source.Ready(s.t.Context())); err != nil {
		s.t.Errorf("without Redis: %v", err)
	}
	s.awaitFailedDispatches(waiting)
	if _, long := testSize(0); long {
		s.eventuallyWithin(2*time.Minute, away, "Redis was down for a minute", func() bool { return time.Since(away) > time.Minute })
	}
	if err := s.stack.Redis().Restart(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.eventuallyWithin(recoveryLimit, time.Now(), "work continues", waiting.finished)
	waiting.checkCompleted()
	for _, r := range asked {
		r.awaitOffered()
		r.accept()
	}
	for _, r := range asked {
		r.awaitCompleted()
	}
}

// backlog keeps many tasks waiting for long, and checks that none is considered
// lost.
func (s *testService) backlog() {
	s.t.Helper()
	n := 600 // more than one reconciliation checks
	if _, long := testSize(0); long {
		n = 11000
	}
	s.createOffered(s.mixedSIMs(3)) // creates the queue in Redis
	s.idle(transfer.QueueInteractive)
	s.pause(transfer.QueueInteractive)
	sims := s.SIMs(n, storagetest.SIM{Account: s.from.ID})
	for i := range sims {
		s.create(sims[i : i+1])
	}
	s.eventually("all tasks are waiting", func() bool { return s.waiting(transfer.QueueInteractive) == int64(n) })
	s.eventuallyWithin(5*waitLimit, time.Now(), "every task was checked twice", func() bool {
		return scan[int](s, `SELECT count(*) FROM work WHERE checked_at < dispatched_at + interval '12 s'`) == 0
	})
	if now := s.waiting(transfer.QueueInteractive); now != int64(n) {
		s.t.Errorf("%d tasks are waiting, want %d", now, n)
	}
	if again := scan[int](s, `SELECT count(*) FROM work WHERE gen <> 1 OR crashes <> 0 OR errors <> 0 OR suspect`); again != 0 {
		s.t.Errorf("%d of them were considered lost", again)
	}
	s.checkInvariants()
}
