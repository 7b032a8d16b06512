package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// dropWork makes a request for SIMs that are online at the service's gateway,
// and executes it. It returns the request and its drop_sessions work.
func (s *testService) dropWork(sims ...storagetest.SIM) (testRequest, int64) {
	s.t.Helper()
	for _, sim := range sims {
		s.Online(sim, s.gateway)
	}
	r := s.accepted(sims...)
	process(s.t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	return r, s.onlyWork(transfer.WorkDropSessions)
}

// workRow is the state of a work row.
type workRow struct {
	N, Attempts, Errors, Crashes int
	Wait                         int // seconds until it is due, rounded up
	Idle                         bool
	Leased, Dead                 bool
	Error                        string
}

func (s *testService) workRow(work int64) workRow {
	s.t.Helper()
	return storagetest.One[workRow](s.DB, `
		SELECT n, attempts, errors, crashes,
			greatest(0, ceil(extract(epoch FROM not_before - clock_timestamp())))::int AS wait,
			dispatched_at IS NULL AS idle, lease IS NOT NULL AS leased, dead_at IS NOT NULL AS dead, coalesce(error, '') AS error
		FROM work WHERE id = $1`, work)
}

func TestGatewayRefuses(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active)
	r, work := s.dropWork(sims...)
	g := refusingGateways()
	h := handlerWith(s.DB.DB, g, worker.Config{DropAttempts: 3, DropBackoff: 10 * time.Second})
	s.Exec(`UPDATE work SET dispatched_at = clock_timestamp()`)
	for attempt := 1; attempt < 3; attempt++ {
		process(t, s.DB, h, work)
		want := workRow{N: 2, Attempts: attempt, Wait: 10 << (attempt - 1), Idle: true, Error: "the gateway refused"}
		if diff := cmp.Diff(want, s.workRow(work)); diff != "" {
			t.Errorf("after attempt %d (-want +got):\n%s", attempt, diff)
		}
		s.Check()
		process(t, s.DB, h, work) // not due
		s.HurryWork()
	}
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "failed: session_not_dropped", "failed: session_not_dropped")
	if n := len(g.requests()); n != 6 {
		t.Errorf("the gateway was asked %d times, want 6", n)
	}
	s.openSessions(2)
	for _, sim := range sims {
		if owner := s.Owner(sim); owner != s.from.ID {
			t.Errorf("a SIM belongs to account %d, want %d", owner, s.from.ID)
		}
	}
	if len(r.charges()) > 0 {
		t.Errorf("charged %v", r.charges())
	}
	s.noWorkLeft()
	// They can be requested again when the gateway works.
	again := s.accepted(sims...)
	again.run()
	again.expect(transfer.RequestCompleted, "completed", "completed")
	s.noWorkLeft()
}

// SIMs whose session the gateway drops are transferred at once; only the others
// are tried again.
func TestGatewayRefusesSome(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active)
	r, work := s.dropWork(sims...)
	refused := true
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.N == 1 && refused {
			return worker.Answer{Why: "not now"}, nil
		}
		return worker.Answer{Gone: true}, nil
	}}
	h := handler(s.DB.DB, g)
	process(t, s.DB, h, work)
	r.expect(transfer.Transferring, "completed", "eligible", "completed")
	if got := s.workRow(work); got.N != 1 || got.Attempts != 1 || got.Error != "not now" {
		t.Errorf("the work that is left: %+v", got)
	}
	if left := r.load().Left; left != 1 {
		t.Errorf("%d are left, want 1", left)
	}
	s.Check()
	refused = false
	s.HurryWork()
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "completed", "completed", "completed")
	var asked []int64
	for _, session := range g.requests() {
		asked = append(asked, session.N)
	}
	slices.Sort(asked[:3])
	if !slices.Equal(asked, []int64{0, 1, 2, 1}) {
		t.Errorf("asked about %v", asked)
	}
	s.noWorkLeft()
}

// The request has the attributes that identify the session, and the address and
// secret of the gateway.
func TestDisconnectRequestAttributes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Active)[0]
	_, work := s.dropWork(sim)
	s.Server(s.gateway, "127.0.0.1:13799", "secret of this one")
	g := droppingGateways()
	process(t, s.DB, handler(s.DB.DB, g), work)
	if len(g.requests()) != 1 {
		t.Fatalf("asked %d times, want once", len(g.requests()))
	}
	got := g.requests()[0]
	server, secret := "127.0.0.1:13799", "secret of this one"
	want := storage.OpenSession{
		N: 0, ID: got.ID, AcctSessionID: storagetest.One[string](s.DB, `SELECT acctsessionid FROM radius.radacct`),
		Username: sim.IMSI + "@iot.example", CallingStationID: sim.MSISDN, NASIPAddress: s.gateway, SessionGateway: storage.SessionGateway{Gateway: got.Gateway, Server: &server, Secret: &secret},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the gateway hears (-want +got):\n%s", diff)
	}
}

// A gateway without a configured server is asked at its own address, which may be
// an IPv6 address.
func TestGatewayAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7":        "192.0.2.7:3799",
		"2001:db8::1":      "[2001:db8::1]:3799",
		"::ffff:192.0.2.7": "192.0.2.7:3799",
	} {
		s := newTestService(t)
		s.gateway = address
		s.Exec(`INSERT INTO radius.nas (nasname, secret) VALUES ($1, 'shared secret')`, address)
		r, work := s.dropWork(s.sims(transfer.Active)...)
		g := droppingGateways()
		process(t, s.DB, handler(s.DB.DB, g), work)
		if asked := g.requests(); len(asked) != 1 || *asked[0].Server != want {
			t.Errorf("gateway %s was asked: %+v, want one question to %s", address, asked, want)
		} else if _, err := netip.ParseAddrPort(*asked[0].Server); err != nil {
			t.Error(err)
		}
		r.expect(transfer.RequestCompleted, "completed")
		s.noWorkLeft()
	}
}

// A silent gateway is not asked about each of its sessions in turn, and does not
// delay sessions at other gateways.
func TestSilentGateway(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	other := s.Gateway()
	silentSIMs, otherSIMs := s.SIMs(200, storagetest.SIM{Account: s.from.ID, Status: transfer.Active}), s.sims(transfer.Active)
	for _, sim := range silentSIMs {
		s.Online(sim, s.gateway)
	}
	s.Online(otherSIMs[0], other)
	r := s.accepted(append(silentSIMs, otherSIMs...)...)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.NASIPAddress == other {
			return worker.Answer{Gone: true}, nil
		}
		return worker.Answer{Silent: true, Why: "no answer"}, nil
	}}
	h := handlerWith(s.DB.DB, g, worker.Config{DropSessions: 4, DropAttempts: 1})
	for _, work := range s.work(transfer.WorkDropSessions) {
		process(t, s.DB, h, work)
	}
	if n := len(g.requests()); n > 20 {
		t.Errorf("the gateways were asked %d times, want a few", n)
	}
	now := r.load()
	if now.Completed != 1 || now.Failed != 200 || now.State != transfer.RequestCompleted {
		t.Errorf("the request: %+v", now)
	}
	s.noWorkLeft()
}

// One unanswered request does not open the breaker of a gateway that answers
// others: it is asked about every SIM, and only that one fails.
func TestOneUnansweredSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		unanswered int64
		config     worker.Config
	}{
		{"sent first and given up last", 0, worker.Config{DropSessions: 128, DropAttempts: 1}},
		{"sent last", 255, worker.Config{DropSessions: 1, DropAttempts: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newTestService(t)
			sims := s.SIMs(300, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})
			r, work := s.dropWork(sims...)
			var answered sync.WaitGroup
			answered.Add(255) // the rest of its part
			g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
				switch {
				case session.N == c.unanswered:
					answered.Wait()
					return worker.Answer{Silent: true, Why: "no answer"}, nil
				case session.N < 256:
					answered.Done()
				}
				return worker.Answer{Gone: true}, nil
			}}
			process(t, s.DB, handlerWith(s.DB.DB, g, c.config), work)
			if n := len(g.requests()); n != len(sims) {
				t.Errorf("the gateway was asked about %d sessions, want all %d", n, len(sims))
			}
			if now := r.load(); now.Completed != 299 || now.Failed != 1 || now.State != transfer.RequestCompleted {
				t.Errorf("the request: %+v", now)
			}
			s.noWorkLeft()
		})
	}
}

// Gateways behind a proxy share an address, but each has its own breaker.
func TestBreakerWithProxy(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	other := s.Gateway()
	s.Server(s.gateway, "192.0.2.1:3799", "of the proxy")
	s.Server(other, "192.0.2.1:3799", "of the proxy")
	sims := s.sims(transfer.Active, transfer.Active)
	s.Online(sims[0], s.gateway)
	s.Online(sims[1], other)
	r := s.accepted(sims...)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	h := handlerWith(s.DB.DB, &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		silent := session.NASIPAddress == s.gateway
		return worker.Answer{Gone: !silent, Silent: silent, Why: "no answer"}, nil
	}}, worker.Config{DropAttempts: 1})
	for _, work := range s.work(transfer.WorkDropSessions) { // that of the silent one is first
		process(t, s.DB, h, work)
	}
	r.expect(transfer.RequestCompleted, "failed: session_not_dropped", "completed")
	s.noWorkLeft()
}

// A gateway that is not configured: the SIM fails after the last attempt, and the
// work row says why.
func TestUnknownGateway(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.gateway = "10.99.99.99"
	r, work := s.dropWork(s.sims(transfer.Active)...)
	g := droppingGateways()
	h := handlerWith(s.DB.DB, g, worker.Config{DropAttempts: 2})
	process(t, s.DB, h, work)
	if got := s.workRow(work); !strings.Contains(got.Error, "gateway 10.99.99.99: not asked: no gateway with this address is set up") {
		t.Errorf("the work: %+v", got)
	}
	s.HurryWork()
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "failed: session_not_dropped")
	if len(g.requests()) > 0 {
		t.Error("a request was sent")
	}
	s.noWorkLeft()
}

// sessionEnd is how a session ended.
type sessionEnd struct {
	Cause  string
	Closed bool
}

func (s *testService) sessionEnds() []sessionEnd {
	s.t.Helper()
	return storagetest.All[sessionEnd](s.DB, `
		SELECT coalesce(acctterminatecause, '') AS cause, acctstoptime IS NOT NULL AS closed FROM radius.radacct ORDER BY radacctid`)
}

func (s *testService) sessionsDropped(r testRequest) []bool {
	s.t.Helper()
	return storagetest.All[bool](s.DB, `SELECT session_dropped FROM transfers WHERE request = $1 ORDER BY n`, r.id)
}

// A session that the service ended is closed as Admin-Reset, and its transfer is
// marked. If the gateway's own Stop comes first, its cause is kept.
func TestHowSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
	const stop = `UPDATE radius.radacct SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request' WHERE radacctid = $1`
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.N == 1 {
			s.Exec(stop, session.ID) // after the answer, before it is recorded
		}
		return worker.Answer{Gone: true}, nil
	}}
	process(t, s.DB, handler(s.DB.DB, g), work)
	r.expect(transfer.RequestCompleted, "completed", "completed")
	want := []sessionEnd{{"Admin-Reset", true}, {"User-Request", true}}
	if diff := cmp.Diff(want, s.sessionEnds()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	if got := s.sessionsDropped(r); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("sessions dropped: %v, want both", got)
	}
	s.noWorkLeft()
}

// A SIM that went offline before its gateway was asked.
func TestDeviceWentOffline(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
	s.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp(), acctterminatecause = 'User-Request'`)
	g := droppingGateways()
	process(t, s.DB, handler(s.DB.DB, g), work)
	r.expect(transfer.RequestCompleted, "completed", "completed")
	if len(g.requests()) > 0 {
		t.Error("a gateway was asked about a session that was over")
	}
	if got := s.sessionsDropped(r); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("sessions dropped: %v, want none", got)
	}
	s.noWorkLeft()
}

// A SIM at two gateways has to be offline at both.
func TestOnlineAtTwoGateways(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	other := s.Gateway()
	sim := s.sims(transfer.Active)[0]
	s.Online(sim, other)
	r, work := s.dropWork(sim)
	refuses := true
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		return worker.Answer{Gone: session.NASIPAddress != other || !refuses, Why: "not now"}, nil
	}}
	h := handler(s.DB.DB, g)
	process(t, s.DB, h, work)
	r.expect(transfer.Transferring, "eligible")
	s.openSessions(1)
	s.Check()
	s.HurryWork()
	// The device ends the second session; the service had dropped the first.
	s.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() WHERE acctstoptime IS NULL`)
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "completed")
	if got := s.sessionsDropped(r); !slices.Equal(got, []bool{true}) {
		t.Errorf("sessions dropped: %v, want that one was", got)
	}
	s.noWorkLeft()
}

// If a SIM comes back online before it is transferred, that counts as an attempt,
// and its session is dropped again.
func TestSIMReconnects(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active)
	r, work := s.dropWork(sims...)
	again := true
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.N == 1 && again {
			s.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() WHERE radacctid = $1`, session.ID)
			s.Online(sims[1], s.gateway)
		}
		return worker.Answer{Gone: true}, nil
	}}
	h := handler(s.DB.DB, g)
	process(t, s.DB, h, work)
	r.expect(transfer.Transferring, "completed", "eligible")
	if got := s.workRow(work); got.N != 1 || got.Attempts != 1 || got.Error != "the SIM came back online" {
		t.Errorf("the work that is left: %+v", got)
	}
	s.openSessions(1)
	s.Check()
	again = false
	s.HurryWork()
	process(t, s.DB, h, work)
	r.expect(transfer.RequestCompleted, "completed", "completed")
	s.openSessions(0)
	s.noWorkLeft()
}

// A SIM that keeps reconnecting fails after the last attempt and keeps its owner.
func TestSIMKeepsReconnecting(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Active)[0]
	r, work := s.dropWork(sim)
	g := &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		s.Exec(`UPDATE radius.radacct SET acctstoptime = clock_timestamp() WHERE radacctid = $1`, session.ID)
		s.Online(sim, s.gateway)
		return worker.Answer{Gone: true}, nil
	}}
	h := handlerWith(s.DB.DB, g, worker.Config{DropAttempts: 3})
	for range 3 {
		process(t, s.DB, h, work)
		s.HurryWork()
	}
	r.expect(transfer.RequestCompleted, "failed: session_not_dropped")
	if owner := s.Owner(sim); owner != s.from.ID {
		t.Errorf("the SIM belongs to account %d, want %d", owner, s.from.ID)
	}
	s.openSessions(1)
	s.noWorkLeft()
}

// A worker that loses its lease while it talks to the gateway changes nothing.
func TestLeaseLost(t *testing.T) {
	t.Parallel()
	for _, answer := range []worker.Answer{{Gone: true}, {Why: "not now"}, {Silent: true, Why: "no answer"}} {
		s := newTestService(t)
		r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
		var was storagetest.Dump
		g := &fakeGateways{}
		g.answer = func(context.Context, storage.OpenSession) (worker.Answer, error) {
			if len(g.requests()) == 1 {
				s.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 hour' WHERE id = $1`, work)
				was = s.Dump()
			}
			return answer, nil
		}
		process(t, s.DB, handlerWith(s.DB.DB, g, worker.Config{DropSessions: 1, DropAttempts: 1}), work)
		s.Unchanged(was)
		r.expect(transfer.Transferring, "eligible", "eligible")
		s.Check()
	}
}

// The same if the other worker has already finished, and if this one fails.
func TestLeaseLostToAFasterWorker(t *testing.T) {
	t.Parallel()
	for _, trouble := range []error{nil, errors.New("out of sockets")} {
		s := newTestService(t)
		r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
		g := &fakeGateways{}
		g.answer = func(ctx context.Context, _ storage.OpenSession) (worker.Answer, error) {
			if len(g.requests()) == 1 {
				s.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1`, work) // it ran out
				if err := s.handler.ProcessTask(ctx, s.TaskOf(work)); err != nil {
					t.Error(err)
				}
			}
			return worker.Answer{Gone: true}, trouble
		}
		process(t, s.DB, handlerWith(s.DB.DB, g, worker.Config{DropSessions: 1}), work)
		r.expect(transfer.RequestCompleted, "completed", "completed")
		if n := len(g.requests()); n > 2 {
			t.Errorf("asked %d times", n)
		}
		s.noWorkLeft()
	}
}

// No other worker starts while a lease is valid; after it has expired, one may.
func TestLeaseExcludesOtherWorkers(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active)...)
	s.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '10 s'`)
	was := s.Dump()
	process(t, s.DB, s.handler, work)
	s.Unchanged(was)
	s.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 ms'`)
	process(t, s.DB, s.handler, work)
	r.expect(transfer.RequestCompleted, "completed")
	s.noWorkLeft()
}

// A worker that loses its lease before it starts neither splits the work nor marks
// it dead, however often workers have crashed on it.
func TestLeaseLostBeforeTheStart(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active, transfer.Active)...)
	s.Exec(`UPDATE work SET crashes = 10 WHERE id = $1`, work)
	g := droppingGateways()
	task := s.TaskOf(work)
	// The lease can be taken in spite of this lock; locking the row has to wait.
	tx, err := s.Pool().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT FROM work WHERE id = $1 FOR KEY SHARE`, work); err != nil {
		t.Fatal(err)
	}
	ended := storagetest.Go(func() error { return handler(s.DB.DB, g).ProcessTask(t.Context(), task) })
	s.AwaitBlocked(1)
	if _, err := tx.ExecContext(t.Context(), `
		UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 hour' WHERE id = $1`, work); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s.wait(ended)
	if got := s.workRow(s.onlyWork(transfer.WorkDropSessions)); got.N != 2 || got.Dead || !got.Leased || len(g.requests()) > 0 {
		t.Errorf("the work: %+v, %d sessions were asked about", got, len(g.requests()))
	}
	r.expect(transfer.Transferring, "eligible", "eligible")
	s.Check()
}

// A lease is renewed while a gateway is slow, and the request is canceled when the
// lease is lost.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active)...)
	until := func() time.Time { return storagetest.One[time.Time](s.DB, `SELECT lease_until FROM work`) }
	g := &fakeGateways{answer: func(ctx context.Context, _ storage.OpenSession) (worker.Answer, error) {
		first := until()
		storagetest.Await(t, "a longer lease", func() bool { return until().After(first) })
		s.Exec(`UPDATE work SET lease = gen_random_uuid()`)
		<-ctx.Done()
		return worker.Answer{Gone: true}, ctx.Err()
	}}
	process(t, s.DB, handler(s.DB.DB, g), work)
	r.expect(transfer.Transferring, "eligible")
	if got := s.workRow(work); !got.Leased || got.Errors+got.Crashes+got.Attempts != 0 || got.Error != "" {
		t.Errorf("the work: %+v", got)
	}
	s.Check()
}

// Drop work is committed in parts: finished parts stay finished when a later one
// fails.
func TestDropInParts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(300, storagetest.SIM{Account: s.from.ID, Status: transfer.Active})
	r, work := s.dropWork(sims...)
	g := &fakeGateways{}
	g.answer = func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		if session.N == 299 {
			return worker.Answer{}, errors.New("out of sockets")
		}
		return worker.Answer{Gone: true}, nil
	}
	process(t, s.DB, handler(s.DB.DB, g), work)
	if got := s.workRow(work); got.N != 44 || got.Errors != 0 || got.Attempts != 0 || got.Leased || !strings.Contains(got.Error, "out of sockets") {
		t.Errorf("the work that is left: %+v", got)
	}
	if now := r.load(); now.Completed != 256 || now.Left != 44 {
		t.Errorf("the request: %+v", now)
	}
	s.Check()
	s.HurryWork()
	process(t, s.DB, s.handler, work)
	if now := r.load(); now.Completed != 300 || now.State != transfer.RequestCompleted {
		t.Errorf("after the last task: %+v", now)
	}
	s.noWorkLeft()
}

// SIMs that are no longer eligible when their session is gone fail.
func TestChangesWhileDropping(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active)
	r, work := s.dropWork(sims...)
	s.Exec(`UPDATE sims SET transfer_lock = true WHERE id = $1`, sims[0].ID)
	s.Exec(`UPDATE sims SET status = 'terminated' WHERE id = $1`, sims[1].ID)
	process(t, s.DB, s.handler, work)
	r.expect(transfer.RequestCompleted, "failed: sim_locked", "failed: sim_terminated", "completed")
	if got := s.sessionsDropped(r); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("sessions dropped: %v, want all", got)
	}
	s.noWorkLeft()
}

// Work whose workers keep crashing is split, and no SIM fails because of it.
func TestCrashesWhileDropping(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r, work := s.dropWork(s.sims(transfer.Active, transfer.Active, transfer.Active)...)
	s.Exec(`UPDATE work SET crashes = 3`)
	process(t, s.DB, s.handler, work)
	got := storagetest.All[string](s.DB, `SELECT format('%s %s %s %s %s', kind, items, n, gateway, crashes) FROM work ORDER BY id`)
	want := []string{fmt.Sprintf("drop_sessions {0} 1 %s 0", s.gateway), fmt.Sprintf("drop_sessions {1,2} 2 %s 0", s.gateway)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("work (-want +got):\n%s", diff)
	}
	s.Check()
	r.run()
	r.expect(transfer.RequestCompleted, "completed", "completed", "completed")
	s.noWorkLeft()
}

// What its gateway answered last stays on each SIM that fails, and on the event.
func TestGatewayAnswersAreKept(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	other := s.Gateway()
	sims := s.sims(transfer.Active, transfer.Active, transfer.Active)
	s.Online(sims[0], s.gateway)
	s.Online(sims[1], other)
	s.Online(sims[2], s.gateway)
	r := s.accepted(sims...)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkExecute))
	calls := 0
	h := handlerWith(s.DB.DB, &fakeGateways{answer: func(_ context.Context, session storage.OpenSession) (worker.Answer, error) {
		calls++
		if session.NASIPAddress == other {
			return worker.Answer{Why: "gateway " + other + ": refused: 501 administratively prohibited"}, nil
		}
		return worker.Answer{Gone: calls > 2 && session.N == 2, Why: fmt.Sprintf("gateway %s: no answer to call %d", session.NASIPAddress, calls)}, nil
	}}, worker.Config{DropAttempts: 2, DropSessions: 1})
	for range 2 {
		for _, work := range s.work(transfer.WorkDropSessions) {
			process(t, s.DB, h, work)
		}
		s.HurryWork()
	}
	r.expect(transfer.RequestCompleted, "failed: session_not_dropped", "failed: session_not_dropped", "completed")
	answers := map[int64]string{}
	for _, n := range []int64{0, 1, 2} {
		answers[n] = storagetest.One[string](s.DB, `SELECT coalesce(gateway_answer, '') FROM transfers WHERE request = $1 AND n = $2`, r.id, n)
	}
	if !strings.Contains(answers[0], "no answer to call") || answers[1] != "gateway "+other+": refused: 501 administratively prohibited" {
		t.Errorf("%v", answers)
	}
	events := storagetest.One[int](s.DB, `SELECT count(*) FROM events WHERE request = $1 AND detail ->> 'gateway_answer' LIKE 'gateway %' AND detail ? 'failed'`, r.id)
	if events != 2 {
		t.Errorf("%d events have the answer of a gateway", events)
	}
}

// A session about which no request can be made says nothing about its gateway.
func TestSessionThatCannotBeAskedAbout(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Active)
	r, work := s.dropWork(sims...)
	answers := []worker.Answer{{Silent: true, Why: "silence"}, {NotAsked: true, Why: "too long"}, {Gone: true}}
	asked := 0
	h := handlerWith(s.DB.DB, &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
		asked++
		return answers[asked-1], nil
	}}, worker.Config{DropAttempts: 9, DropBackoff: time.Nanosecond})
	for range answers {
		process(t, s.DB, h, work)
		s.HurryWork()
	}
	r.expect(transfer.RequestCompleted, "completed")
}

// Work at a gateway with limits gives its lane to other work when its turn ends. SIMs
// that were asked about have had their attempt then, and the others none, so that a
// gateway that refuses everything is not asked forever, and no SIM fails unasked.
func TestRefusedTurns(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.Exec(`UPDATE radius.nas SET max_in_flight = 1`)
	statuses, want := make([]transfer.Status, 20), make([]string, 20)
	for i := range statuses {
		statuses[i], want[i] = transfer.Active, "failed: session_not_dropped"
	}
	r, _ := s.dropWork(s.sims(statuses...)...)
	const attempts = 3
	g := refusingGateways()
	h := handlerWith(s.DB.DB, g, worker.Config{DropAttempts: attempts, GatewayTurn: time.Nanosecond})
	for range 30 { // more turns than are needed
		for _, work := range s.work(transfer.WorkDropSessions) {
			s.HurryWork()
			process(t, s.DB, h, work)
		}
		s.Check()
	}
	r.expect(transfer.RequestCompleted, want...)
	asked := map[int64]int{}
	for _, session := range g.requests() {
		asked[session.N]++
	}
	for n := range int64(len(want)) {
		if asked[n] != attempts {
			t.Errorf("the gateway was asked %d times about SIM %d, want %d", asked[n], n, attempts)
		}
	}
	s.noWorkLeft()
}
