package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/worker"
)

// A session start that is reported late, after its SIM has a new owner, belongs to
// the earlier owner: it creates work that drops the session.
func TestStraySession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ago   time.Duration // the session's start, before the transfer of its SIM
		stray bool
	}{
		{"long before", time.Hour, true},
		{"just before", time.Second, true},
		{"just after, by the gateway's clock", -4 * time.Second, true},
		{"after", -6 * time.Second, false},
		{"long after", -time.Hour, false},
	} {
		s := newTestService(t)
		sim := s.sims(transfer.Ready)[0]
		r := s.accepted(sim)
		r.run()
		// As if the transfer was half an hour ago.
		s.Exec(`UPDATE registrations SET since = since - interval '30 min' WHERE request IS NOT NULL`)
		s.Exec(`UPDATE sims SET since = since - interval '30 min'`)
		since := storagetest.One[float64](s.DB, `SELECT extract(epoch FROM clock_timestamp() - since) FROM sims`)
		s.Session(sim, s.gateway, time.Duration(since*float64(time.Second))+c.ago)
		if got := len(s.work(transfer.WorkDropStray)); got != map[bool]int{true: 1}[c.stray] {
			t.Errorf("%s: %d rows of work", c.name, got)
		}
		want := map[bool]transfer.Status{true: transfer.Ready, false: transfer.Active}[c.stray]
		if status := storagetest.One[transfer.Status](s.DB, `SELECT status FROM sims`); status != want {
			t.Errorf("%s: the SIM is %s, want %s", c.name, status, want)
		}
		s.Check()
		r.run()
		s.openSessions(map[bool]int{false: 1}[c.stray])
		if owner := s.Owner(sim); owner != s.to.ID {
			t.Errorf("%s: the SIM belongs to account %d, want %d", c.name, owner, s.to.ID)
		}
		s.noWorkLeft()
	}
}

// A SIM that was never transferred has no earlier owner, so none of its sessions
// is stray.
func TestNoStrayBeforeATransfer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Ready)[0]
	s.Session(sim, s.gateway, 24*time.Hour)
	s.openSessions(1)
	if status := storagetest.One[transfer.Status](s.DB, `SELECT status FROM sims`); status != transfer.Active {
		t.Errorf("the SIM is %s, want active", status)
	}
	s.noWorkLeft()
}

// If the gateway refuses to drop the stray session, the work is dead after the last
// attempt, and an operator's retry starts from the beginning.
func TestStrayRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Active)[0]
	s.accepted(sim).run()
	s.Session(sim, s.gateway, 0)
	work := s.onlyWork(transfer.WorkDropStray)
	g := refusingGateways()
	h := handlerWith(s.DB.DB, g, worker.Config{DropAttempts: 2, DropBackoff: 7 * time.Second})
	process(t, s.DB, h, work)
	want := workRow{N: 1, Attempts: 1, Wait: 7, Idle: true, Error: "the gateway refused"}
	if diff := cmp.Diff(want, s.workRow(work)); diff != "" {
		t.Errorf("after one attempt (-want +got):\n%s", diff)
	}
	s.HurryWork()
	s.processDead(h, work)
	if got := s.workRow(work); !got.Dead || got.Leased || got.Attempts != 2 {
		t.Errorf("after the last attempt: %+v", got)
	}
	s.Check(7) // reports the dead work
	s.openSessions(1)

	// A task that arrives anyway makes one attempt.
	s.processDead(h, work)
	if got := s.workRow(work); !got.Dead || len(g.requests()) != 3 {
		t.Errorf("after one attempt more: %+v, asked %d times", got, len(g.requests()))
	}
	if n, err := s.RetryWork(t.Context(), storage.System(), nil); n != 1 || err != nil {
		t.Errorf("retried %d, %v; want 1", n, err)
	}
	if got := s.workRow(work); got.Dead || got.Attempts != 0 || !got.Idle || got.Wait != 0 {
		t.Errorf("to be retried: %+v", got)
	}
	for _, err := range s.RunAll(s.handler) {
		t.Error(err)
	}
	s.openSessions(0)
	s.noWorkLeft()
}

// Only the worker that holds the lease decides on a stray session.
func TestStrayLeaseLost(t *testing.T) {
	t.Parallel()
	for _, answer := range []worker.Answer{{Gone: true}, {Why: "not now"}} {
		s := newTestService(t)
		sim := s.sims(transfer.Active)[0]
		s.accepted(sim).run()
		s.Session(sim, s.gateway, 0)
		work := s.onlyWork(transfer.WorkDropStray)
		var was storagetest.Dump
		g := &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
			s.Exec(`UPDATE work SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 hour' WHERE id = $1`, work)
			was = s.Dump()
			return answer, nil
		}}
		process(t, s.DB, handlerWith(s.DB.DB, g, worker.Config{DropAttempts: 1}), work)
		s.Unchanged(was)
		s.openSessions(1)
	}
}
