package worker_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/tasks"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// At shutdown a worker waits for its handlers. What does not finish in time goes
// back to the queue and does not count as a failure.
func TestShutdown(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, slow := s.dropWork(s.sims(transfer.Active)...)
	other := s.request(s.sims(transfer.Ready)...)
	redis, err := asynq.ParseRedisURI(serverstest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClient(redis)
	defer func() { _ = client.Close() }()

	asked := make(chan struct{})
	g := &fakeGateways{answer: func(ctx context.Context, _ storage.OpenSession) (worker.Answer, error) {
		close(asked)
		<-ctx.Done() // longer than the shutdown timeout
		return worker.Answer{}, ctx.Err()
	}}
	ctx, stop := context.WithCancel(t.Context())
	w := worker.New(s.DB.DB, g, slog.New(slog.DiscardHandler), worker.Config{Shutdown: time.Second})
	ended := storagetest.Go(func() error { return w.Run(ctx, redis) })
	for _, task := range s.Tasks() {
		if _, err := client.EnqueueContext(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	storagetest.Await(t, "the other request", func() bool { return other.load().State == transfer.AwaitingAcceptance })
	stop()
	s.wait(ended)

	storagetest.Await(t, "the work to be requeued", func() bool { return !s.workRow(slow).Leased })
	if got := s.workRow(slow); got.Errors+got.Crashes+got.Attempts != 0 || got.Dead || !got.Idle {
		t.Errorf("the work: %+v", got)
	}
	r.expect(transfer.Transferring, "eligible")
	inspector := asynq.NewInspector(redis)
	defer func() { _ = inspector.Close() }()
	if info, err := inspector.GetTaskInfo(string(transfer.QueueGatewayInteractive), tasks.ID(slow, 1)); err != nil || info.State != asynq.TaskStatePending || info.Retried != 0 {
		t.Errorf("the task: %+v, %v", info, err)
	}
	s.Check()
	s.RunDue(s.handler)
	r.expect(transfer.RequestCompleted, "completed")
}

// A batch whose gateways are slow occupies all handlers that gateways without a
// recent answer may have, half of them, but does not delay an interactive request
// whose SIM is online at another gateway.
func TestBatchDoesNotDelayInteractiveSessions(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	redis, err := asynq.ParseRedisURI(serverstest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClient(redis)
	defer func() { _ = client.Close() }()

	const slots = 2
	batch := s.SIMs(transfer.MaxInteractive+1, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})
	for _, sim := range batch[:slots+1] { // one more waits in the queue
		s.Online(sim, s.Gateway())
	}
	large := s.accepted(batch...)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	asked, answer := make(chan struct{}, slots+1), make(chan struct{})
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.NASIPAddress == s.gateway {
			return worker.Answer{Gone: true}, nil
		}
		asked <- struct{}{}
		<-answer
		return worker.Answer{Gone: true}, nil
	}}
	w := worker.New(s.DB.DB, g, slog.New(slog.DiscardHandler), worker.Config{Gateway: 2 * slots})
	ctx, stop := context.WithCancel(t.Context())
	ended := storagetest.Go(func() error { return w.Run(ctx, redis) })
	enqueue := func() {
		t.Helper()
		for _, task := range s.Tasks() {
			if _, err := client.EnqueueContext(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
	}
	enqueue()
	for range slots {
		<-asked
	}

	one := s.sims(transfer.Active)
	s.Online(one[0], s.gateway)
	small := s.request(one...)
	step := func(state transfer.RequestState) {
		t.Helper()
		storagetest.Await(t, "the small request to be "+string(state), func() bool {
			enqueue()
			return small.load().State == state
		})
	}
	step(transfer.InReview)
	s.Decide(small.id, transfer.Approve)
	s.Decide(small.id, transfer.Accept)
	step(transfer.RequestCompleted)
	small.expect(transfer.RequestCompleted, "completed")
	if now := large.load(); now.Left != slots+1 {
		t.Errorf("%d of the batch are left, want the %d that are online", now.Left, slots+1)
	}
	close(answer)
	storagetest.Await(t, "the batch", func() bool {
		enqueue() // what found no handler free is due again
		return large.load().State == transfer.RequestCompleted
	})
	stop()
	s.wait(ended)
	s.noWorkLeft()
}

// A worker waits for Redis if it is down, and stops when its context is canceled.
func TestRunWithoutRedis(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	ctx, stop := context.WithCancel(t.Context())
	var started storagetest.Log
	w := worker.New(s.DB.DB, droppingGateways(), slog.New(slog.NewTextHandler(&started, nil)), worker.Config{})
	ended := storagetest.Go(func() error { return w.Run(ctx, asynq.RedisClientOpt{Addr: "127.0.0.1:1"}) })
	storagetest.Await(t, "it to serve", func() bool { return strings.Contains(started.String(), "worker is running") })
	stop()
	s.wait(ended)
}
