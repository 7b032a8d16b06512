package engine_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"simtransfer/dev/servers/serverstest"
	"simtransfer/scheduler"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// testEngine is schedulers and workers that run on a test's own database and
// Redis.
type testEngine struct {
	*storagetest.DB
	t        *testing.T
	url      string // of Redis
	stop     context.CancelFunc
	ended    []<-chan error
	from, to storage.Account
}

// startEngine starts two schedulers and two workers, each with its own connection
// pool, like separate processes.
func startEngine(t *testing.T, gateways worker.Gateways) *testEngine {
	t.Helper()
	e := &testEngine{DB: storagetest.Open(t), t: t, url: serverstest.RedisURL(t)}
	e.Fee("EUR", 500)
	e.from, e.to = e.Account(), e.Account()
	redis, err := asynq.ParseRedisURI(e.url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	e.stop = stop
	log := slog.New(slog.DiscardHandler)
	for range 2 {
		w := worker.New(e.Connect(storage.Options{}), gateways, log, worker.Config{DropBackoff: 50 * time.Millisecond})
		s := scheduler.New(e.Connect(storage.Options{}), redis, log, scheduler.Config{Reconcile: 50 * time.Millisecond})
		e.ended = append(e.ended,
			storagetest.Go(func() error { return w.Run(ctx, redis) }),
			storagetest.Go(func() error { return s.Run(ctx) }))
	}
	return e
}

// shutdown stops everything, like SIGTERM.
func (e *testEngine) shutdown() {
	e.t.Helper()
	e.stop()
	for _, ended := range e.ended {
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	}
}

// await waits until a request is in a state.
func (e *testEngine) await(r storage.Request, state transfer.RequestState) storage.Request {
	e.t.Helper()
	storagetest.Await(e.t, "the request to be "+string(state), func() bool {
		r = e.Find(r.ID)
		return r.State == state
	})
	return r
}

// refusingFirst are gateways that refuse every third session in the first n calls,
// and then drop all.
type refusingFirst struct {
	n     int64
	calls atomic.Int64
}

func (g *refusingFirst) Drop(_ context.Context, s storage.OpenSession) (worker.Answer, error) {
	if g.calls.Add(1) <= g.n && s.ID%3 == 0 {
		return worker.Answer{Why: "not now"}, nil
	}
	return worker.Answer{Gone: true}, nil
}

// A request of 2,500 SIMs, some of them online, is completed, and no goroutine is
// leaked.
//
//nolint:paralleltest // the check for leaked goroutines would see those of other tests
func TestEngine(t *testing.T) {
	leaks := []goleak.Option{goleak.IgnoreCurrent(), serverstest.IgnoreServers()}
	t.Cleanup(func() { goleak.VerifyNone(t, leaks...) }) // after the connections are closed
	e := startEngine(t, &refusingFirst{n: 100})
	ready := e.SIMs(1500, storagetest.SIM{Account: e.from.ID})
	active := e.SIMs(1000, storagetest.SIM{Account: e.from.ID, Status: transfer.Active})
	gateways := []string{e.Gateway(), e.Gateway()}
	for i, sim := range active[:100] {
		e.Online(sim, gateways[i%2])
	}
	id := e.Request(storagetest.Request{From: e.from, To: e.to, SIMs: append(ready, active...)})
	r := e.await(e.Find(id), transfer.InReview)
	e.Decide(id, transfer.Approve)
	e.Decide(id, transfer.Accept)
	r = e.await(r, transfer.RequestCompleted)
	if r.Completed != 2500 || r.FinishedAt == nil {
		t.Errorf("the request: %+v", r)
	}
	var sums struct{ Moved, Charged, Amount, Open, Dropped int }
	e.Get(&sums, `
		SELECT
			(SELECT count(*) FROM sims WHERE account = $1) AS moved,
			(SELECT count(*) FROM charges) AS charged,
			(SELECT sum(amount) FROM charges) AS amount,
			(SELECT count(*) FROM radius.radacct WHERE acctstoptime IS NULL) AS open,
			(SELECT count(*) FROM transfers WHERE session_dropped) AS dropped`, e.to.ID)
	if want := (struct{ Moved, Charged, Amount, Open, Dropped int }{2500, 1000, 500_000, 0, 100}); sums != want {
		t.Errorf("%+v, want %+v", sums, want)
	}
	e.shutdown()
	e.Check()
}

// A request is completed, once, although Redis is flushed all the time.
func TestEngineWithFlushedRedis(t *testing.T) {
	t.Parallel()
	e := startEngine(t, &refusingFirst{n: 20})
	sims := e.SIMs(3000, storagetest.SIM{Account: e.from.ID, Status: transfer.Suspended})
	gateway := e.Gateway()
	for _, sim := range sims[:20] {
		e.Online(sim, gateway)
	}
	o, err := redis.ParseURL(e.url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	defer func() { _ = client.Close() }()
	flushUntil := func(state transfer.RequestState, id storage.Request) {
		t.Helper()
		storagetest.Await(t, "the request to be "+string(state), func() bool {
			if err := client.FlushDB(t.Context()).Err(); err != nil {
				t.Error(err)
			}
			// The reconciler ignores work for six seconds; make it due for a check now.
			e.Exec(`UPDATE work SET checked_at = checked_at - interval '6 s' WHERE id IN (SELECT id FROM work WHERE lease IS NULL FOR UPDATE SKIP LOCKED)`)
			return e.Find(id.ID).State == state
		})
	}
	r := e.Find(e.Request(storagetest.Request{From: e.from, To: e.to, SIMs: sims}))
	flushUntil(transfer.InReview, r)
	e.Decide(r.ID, transfer.Approve)
	e.Decide(r.ID, transfer.Accept)
	flushUntil(transfer.RequestCompleted, r)
	if r := e.Find(r.ID); r.Completed != 3000 {
		t.Errorf("the request: %+v", r)
	}
	e.shutdown()
	e.Check()
}
