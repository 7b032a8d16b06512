package worker_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/dev/devtest"
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
	redis, err := asynq.ParseRedisURI(devtest.RedisURL(t))
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
	if info, err := inspector.GetTaskInfo(tasks.Gateway, tasks.ID(slow, 1)); err != nil || info.State != asynq.TaskStatePending || info.Retried != 0 {
		t.Errorf("the task: %+v, %v", info, err)
	}
	s.Check()
	s.RunDue(s.handler)
	r.is(transfer.RequestCompleted, "completed")
}

// A worker whose Redis is not there waits for it, and ends when it is told to.
func TestRunWithoutRedis(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ctx, stop := context.WithCancel(t.Context())
	var started storagetest.Log
	w := worker.New(s.DB.DB, willing(), slog.New(slog.NewTextHandler(&started, nil)), worker.Config{})
	ended := storagetest.Go(func() error { return w.Run(ctx, asynq.RedisClientOpt{Addr: "127.0.0.1:1"}) })
	storagetest.Await(t, "it to serve", func() bool { return strings.Contains(started.String(), "worker is serving") })
	stop()
	s.join(ended)
}
