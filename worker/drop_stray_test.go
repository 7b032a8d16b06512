package worker_test

import (
	"context"
	"sync"
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

// Work that finds no lane free at a gateway that does not answer is put off, and no
// attempt is counted.
func TestWorkWaitsForALane(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	answer := make(chan worker.Answer)
	g := &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) { return <-answer, nil }}
	h := handler(s.DB.DB, g)
	var strays []int64
	for _, sim := range s.sims(transfer.Active, transfer.Active, transfer.Active) {
		strays = append(strays, storagetest.One[int64](s.DB, `
			INSERT INTO work (kind, items, n, gateway, queue, dispatched_at)
			VALUES ('drop_stray', ARRAY[$1::bigint], 1, $2, 'gateway', clock_timestamp())
			RETURNING id`, s.Online(sim, s.gateway), s.gateway))
	}
	var running sync.WaitGroup
	for _, stray := range strays[:2] {
		running.Go(func() { process(t, s.DB, h, stray) })
	}
	for len(g.requests()) < 2 {
		time.Sleep(time.Millisecond)
	}
	process(t, s.DB, h, strays[2])
	got := s.workRow(strays[2])
	if got.Attempts != 0 || got.Error != "" || !got.Idle || got.Leased || got.Dead || got.Wait > 1 || len(g.requests()) != 2 {
		t.Errorf("the work that found no lane: %+v", got)
	}
	answer <- worker.Answer{Gone: true}
	answer <- worker.Answer{Gone: true}
	running.Wait()
	s.HurryWork()
	running.Go(func() { process(t, s.DB, h, strays[2]) })
	answer <- worker.Answer{Gone: true}
	running.Wait()
	s.noWorkLeft()
}

// A gateway that asks to be left alone is not asked meanwhile, and its work waits as
// long.
func TestWorkWaitsForAPause(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	g := &fakeGateways{answer: func(context.Context, storage.OpenSession) (worker.Answer, error) {
		return worker.Answer{Why: "429", RetryAfter: time.Minute}, nil
	}}
	h := handler(s.DB.DB, g)
	_, work := s.dropWork(s.sims(transfer.Active)...)
	process(t, s.DB, h, work)
	if got := s.workRow(work); got.Attempts != 1 || got.Wait < 50 || got.Wait > 60 {
		t.Errorf("after the answer: %+v", got)
	}
	s.HurryWork()
	process(t, s.DB, h, work)
	if got := s.workRow(work); got.Attempts != 1 || got.Wait < 50 || got.Leased || len(g.requests()) != 1 {
		t.Errorf("within the pause: %+v", got)
	}
}
