package scheduler_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"simtransfer/scheduler"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

func TestDispatch(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := map[transfer.Queue][]int64{}
	for _, queue := range transfer.Queues() {
		work[queue] = svc.work(queue, 3)
	}
	svc.Exec(`UPDATE work SET dead_at = clock_timestamp() WHERE id = $1`, work[transfer.QueueBulk][0])
	svc.Exec(`UPDATE work SET not_before = clock_timestamp() + interval '1 hour' WHERE id = $1`, work[transfer.QueueBulk][1])
	s := svc.scheduler(svc.redis)
	for range 3 {
		if more := svc.once(s.Dispatch); more {
			t.Error("there is more to do")
		}
	}
	work[transfer.QueueBulk] = work[transfer.QueueBulk][2:]
	for queue, ids := range work {
		if diff := cmp.Diff(tasksOf(1, ids...), svc.pending(queue)); diff != "" {
			t.Errorf("pending in %s (-want +got):\n%s", queue, diff)
		}
	}
}

// A task carries the ids of its work, dispatch and request.
func TestTaskPayload(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	request := svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	svc.once(svc.scheduler(svc.redis).Dispatch)
	ids := svc.pending(transfer.QueueInteractive)
	if len(ids) != 1 {
		t.Fatalf("%d tasks, want 1", len(ids))
	}
	info, err := svc.inspector.GetTaskInfo(string(transfer.QueueInteractive), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := tasks.Parse(asynq.NewTask(info.Type, info.Payload))
	if err != nil || info.Type != tasks.Type(transfer.WorkValidate) || p.Gen != 1 || p.Request != request.String() || tasks.ID(p.Work, p.Gen) != ids[0] {
		t.Errorf("%s with %+v, %v", info.Type, p, err)
	}
}

// Work at gateways has a longer timeout in every queue: a slow gateway may be asked
// about a thousand sessions.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	client := asynq.NewClient(svc.redis)
	defer func() { _ = client.Close() }()
	for i, kind := range []transfer.WorkKind{transfer.WorkValidate, transfer.WorkExecute, transfer.WorkRelease, transfer.WorkDropSessions, transfer.WorkDropStray, transfer.WorkDeliverWebhooks, transfer.WorkDeliverMails} {
		for j, queue := range transfer.Queues() {
			task, err := tasks.New(kind, queue, tasks.Payload{Work: int64(i), Gen: j})
			if err != nil {
				t.Fatal(err)
			}
			info, err := client.EnqueueContext(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			if long := info.Timeout > tasks.Timeout; info.Queue != string(queue) || long != (i == 3 || i == 4) {
				t.Errorf("%s in queue %s: a time-out of %s in queue %s", kind, queue, info.Timeout, info.Queue)
			}
		}
	}
}

// Work is dispatched page by page.
func TestDispatchInPages(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 1001)
	s := svc.scheduler(svc.redis)
	rounds := 1
	for svc.once(s.Dispatch) {
		rounds++
	}
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if rounds != 3 {
		t.Errorf("%d rounds, want 3", rounds)
	}
}

// Work is marked as dispatched, and the mark committed, before the task is sent to
// Redis, and no lock is held then: a worker may be faster than the dispatcher.
func TestDispatchCommitsFirst(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	svc.work(transfer.QueueBulk, 5)
	w, redis := svc.throughProxy()
	open := w.block()
	defer open()
	s := svc.scheduler(redis)
	ended := storagetest.Go(func() error {
		_, err := s.Dispatch(t.Context())
		return err
	})
	<-w.received
	if got := svc.pending(transfer.QueueBulk); len(got) > 0 {
		t.Errorf("pending already: %v", got)
	}
	if diff := cmp.Diff([]workRow{{Gen: 1, Dispatched: true}}, svc.workRows()); diff != "" {
		t.Errorf("while the dispatcher talks to Redis (-want +got):\n%s", diff)
	}
	if _, err := svc.Pool().ExecContext(t.Context(), `SELECT FROM work FOR UPDATE NOWAIT`); err != nil {
		t.Errorf("while the dispatcher talks to Redis: %v", err)
	}
	open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := svc.pending(transfer.QueueBulk); len(got) != 5 {
		t.Errorf("pending: %v", got)
	}
}

// If Redis is down, the work is due again, and no failure is recorded.
func TestDispatchWithoutRedis(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueInteractive, 3)
	w, redis := svc.throughProxy()
	w.cut()
	if _, err := svc.scheduler(redis).Dispatch(t.Context()); err == nil {
		t.Error("dispatched without an error")
	}
	if diff := cmp.Diff([]workRow{{Gen: 1}}, svc.workRows()); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	svc.once(svc.scheduler(svc.redis).Dispatch)
	if diff := cmp.Diff(tasksOf(2, work...), svc.pending(transfer.QueueInteractive)); diff != "" {
		t.Errorf("pending when it is back (-want +got):\n%s", diff)
	}
}

// Two concurrent dispatchers enqueue each task once.
func TestConcurrentDispatch(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	work := svc.work(transfer.QueueBulk, 1200)
	var ended []<-chan error
	for range 2 {
		s := svc.scheduler(svc.redis)
		ended = append(ended, storagetest.Go(func() error { return untilDone(t, s) }))
	}
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(tasksOf(1, work...), svc.pending(transfer.QueueBulk)); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

func untilDone(t *testing.T, s *scheduler.Scheduler) error {
	for {
		if more, err := s.Dispatch(t.Context()); err != nil || !more {
			return err
		}
	}
}

// Interactive work is enqueued before bulk work, and the sessions of interactive
// requests before those of batches.
func TestInteractiveFirst(t *testing.T) {
	t.Parallel()
	interactiveFirst(t, transfer.QueueInteractive, transfer.QueueBulk)
	interactiveFirst(t, transfer.QueueGatewayInteractive, transfer.QueueBulk)
	interactiveFirst(t, transfer.QueueGatewayInteractive, transfer.QueueGateway)
}

func interactiveFirst(t *testing.T, first, then transfer.Queue) {
	t.Helper()
	svc := newTestService(t)
	bulk, interactive := svc.work(then, 2), svc.work(first, 1)
	w, redis := svc.throughProxy()
	open := w.block()
	defer open()
	s := svc.scheduler(redis)
	ended := storagetest.Go(func() error {
		_, err := s.Dispatch(t.Context())
		return err
	})
	<-w.received
	got := storagetest.All[int64](svc.DB, `SELECT id FROM work WHERE dispatched_at IS NOT NULL`)
	if !slices.Equal(got, interactive) {
		t.Errorf("claimed %v, want the work %v of queue %s and not yet %v of queue %s", got, interactive, first, bulk, then)
	}
	open()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
