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

// A worker that is stopped lets its handlers finish, and gives back what does
// not finish in time: the task goes to the queue again, and nobody is blamed.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r, slow := s.dropping(s.sims(transfer.Active)...)
	other := s.ask(s.sims(transfer.Ready)...)
	redis, err := asynq.ParseRedisURI(serverstest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClient(redis)
	defer func() { _ = client.Close() }()

	asked := make(chan struct{})
	g := &gateways{answer: func(ctx context.Context, _ storage.OpenSession) (worker.Answer, error) {
		close(asked)
		<-ctx.Done() // it takes longer than the worker has
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
	storagetest.Await(t, "the other request", func() bool { return other.now().State == transfer.AwaitingAcceptance })
	stop()
	s.join(ended)

	storagetest.Await(t, "the work to be given back", func() bool { return !s.patience(slow).Leased })
	if got := s.patience(slow); got.Errors+got.Crashes+got.Attempts != 0 || got.Dead || !got.Idle {
		t.Errorf("the work: %+v", got)
	}
	r.is(transfer.Transferring, "eligible")
	inspector := asynq.NewInspector(redis)
	defer func() { _ = inspector.Close() }()
	if info, err := inspector.GetTaskInfo(string(transfer.QueueGatewayInteractive), tasks.ID(slow, 1)); err != nil || info.State != asynq.TaskStatePending || info.Retried != 0 {
		t.Errorf("the task: %+v, %v", info, err)
	}
	s.Check()
	s.RunDue(s.handler)
	r.is(transfer.RequestCompleted, "completed")
}

// A batch whose gateways keep every slot for drop work waiting delays no
// interactive request whose SIM is online elsewhere.
func TestBatchDelaysNoInteractiveDrop(t *testing.T) {
	t.Parallel()
	s := newScene(t)
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
	process(t, s.DB, s.handler, s.onlyWork("execute"))
	asked, answer := make(chan struct{}, slots+1), make(chan struct{})
	g := &gateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.NASIPAddress == s.gateway {
			return worker.Answer{Gone: true}, nil
		}
		asked <- struct{}{}
		<-answer
		return worker.Answer{Gone: true}, nil
	}}
	w := worker.New(s.DB.DB, g, slog.New(slog.DiscardHandler), worker.Config{Gateway: slots})
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
	small := s.ask(one...)
	step := func(state transfer.RequestState) {
		t.Helper()
		storagetest.Await(t, "the small request to be "+string(state), func() bool {
			enqueue()
			return small.now().State == state
		})
	}
	step(transfer.InReview)
	s.Decide(small.id, transfer.Approve)
	s.Decide(small.id, transfer.Accept)
	step(transfer.RequestCompleted)
	small.is(transfer.RequestCompleted, "completed")
	if now := large.now(); now.Left != slots+1 {
		t.Errorf("%d of the batch are left, want the %d that are online", now.Left, slots+1)
	}
	close(answer)
	storagetest.Await(t, "the batch", func() bool { return large.now().State == transfer.RequestCompleted })
	stop()
	s.join(ended)
	s.alone()
}

// A worker whose Redis is not there waits for it, and ends when it is told to.
func TestRunWithoutRedis(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, stop := context.WithCancel(t.Context())
	var started storagetest.Log
	w := worker.New(s.DB.DB, willing(), slog.New(slog.NewTextHandler(&started, nil)), worker.Config{})
	ended := storagetest.Go(func() error { return w.Run(ctx, asynq.RedisClientOpt{Addr: "127.0.0.1:1"}) })
	storagetest.Await(t, "it to serve", func() bool { return strings.Contains(started.String(), "worker is running") })
	stop()
	s.join(ended)
}
