package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// fakeGateways answers for every gateway with the function that a test sets.
type fakeGateways struct {
	answer func(ctx context.Context, s storage.OpenSession) (worker.Answer, error)

	mu    sync.Mutex
	asked []storage.OpenSession
}

func (g *fakeGateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	g.mu.Lock()
	g.asked = append(g.asked, s)
	g.mu.Unlock()
	return g.answer(ctx, s)
}

// requests returns the sessions that the gateways were asked about so far.
func (g *fakeGateways) requests() []storage.OpenSession {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]storage.OpenSession(nil), g.asked...)
}

// droppingGateways drop every session.
func droppingGateways() *fakeGateways {
	return &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
		return worker.Answer{Gone: true}, nil
	}}
}

// refusingGateways drop no session.
func refusingGateways() *fakeGateways {
	return &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
		return worker.Answer{Why: "the gateway refused"}, nil
	}}
}

func handler(db *storage.DB, g worker.Gateways) asynq.Handler {
	return handlerWith(db, g, worker.Config{WebhookAllowNetworks: loopback()})
}

// loopback are the networks of receivers in tests.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func handlerWith(db *storage.DB, g worker.Gateways, c worker.Config) asynq.Handler {
	return worker.New(db, g, slog.New(slog.DiscardHandler), c).Handler()
}

// process runs the task for a piece of work.
func process(t *testing.T, db *storagetest.DB, h asynq.Handler, work int64) {
	t.Helper()
	if err := h.ProcessTask(t.Context(), db.TaskOf(work)); err != nil {
		t.Errorf("work %d: %v", work, err)
	}
}

// testService is a database with two accounts, and a handler for its tasks.
type testService struct {
	*storagetest.DB
	t        *testing.T
	from, to storage.Account
	gateway  string
	handler  asynq.Handler // with gateways that drop every session
	config   worker.Config // of the handler
}

func newTestService(t *testing.T) *testService {
	t.Helper()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	return &testService{
		DB: db, t: t, from: db.Account(), to: db.Account(), gateway: db.Gateway(), handler: handler(db.DB, droppingGateways()),
		config: worker.Config{WebhookAllowNetworks: loopback()},
	}
}

// sims creates SIMs of the source account, one for each status.
func (s *testService) sims(statuses ...transfer.Status) []storagetest.SIM {
	s.t.Helper()
	var list []storagetest.SIM
	for _, status := range statuses {
		list = append(list, s.SIM(storagetest.SIM{Account: s.from.ID, Status: status}))
	}
	return list
}

// request creates a request for SIMs.
func (s *testService) request(sims ...storagetest.SIM) (r testRequest) {
	s.t.Helper()
	return testRequest{s.Request(storagetest.Request{From: s.from, To: s.to, SIMs: sims}), s}
}

// accepted creates a request for SIMs that is validated, approved and accepted.
func (s *testService) accepted(sims ...storagetest.SIM) testRequest {
	s.t.Helper()
	r := s.request(sims...)
	r.run()
	if r.load().State == transfer.InReview {
		s.Decide(r.id, transfer.Approve)
	}
	s.Decide(r.id, transfer.Accept)
	return r
}

// work lists the work rows of a kind.
func (s *testService) work(kind transfer.WorkKind) []int64 {
	s.t.Helper()
	return storagetest.All[int64](s.DB, `SELECT id FROM work WHERE kind = $1 ORDER BY id`, kind)
}

// onlyWork returns the one work row of a kind.
func (s *testService) onlyWork(kind transfer.WorkKind) int64 {
	s.t.Helper()
	list := s.work(kind)
	if len(list) != 1 {
		s.t.Fatalf("%d rows of %s work, want one", len(list), kind)
	}
	return list[0]
}

// noWorkLeft checks the invariants and that no work is left.
func (s *testService) noWorkLeft() {
	s.t.Helper()
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM work`); n != 0 {
		s.t.Errorf("%d rows of work are left", n)
	}
	s.Check()
}

// archived runs the task of a piece of work that is dead afterwards: asynq is
// to keep the task, and not to retry it.
func (s *testService) processDead(h asynq.Handler, work int64) {
	s.t.Helper()
	if err := h.ProcessTask(s.t.Context(), s.TaskOf(work)); !errors.Is(err, asynq.SkipRetry) {
		s.t.Errorf("dead work: %v, want that asynq archives the task", err)
	}
}
