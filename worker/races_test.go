package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The orders of events that random load hardly ever hits: one transaction is
// held at a chosen point while another one runs into it.

// holdChunk does what a handler does with a chunk, but for the commit.
func (s *scene) holdChunk(work int64) *storagetest.Held {
	s.t.Helper()
	ctx := s.t.Context()
	return s.Hold(func(tx *storage.Tx) error {
		w, err := tx.LockWork(ctx, work)
		if err != nil {
			return err
		}
		switch w.Kind {
		case "validate":
			claims, err := tx.Claim(ctx, w)
			if err != nil {
				return err
			}
			c, err := tx.Judge(ctx, w, claims)
			return errors.Join(err, tx.CloseValidation(ctx, w, c))
		case "execute":
			if err := tx.LockSIMs(ctx, w, nil); err != nil {
				return err
			}
			c, err := tx.HandOver(ctx, w)
			return errors.Join(err, tx.CloseChunk(ctx, w, c))
		default:
			c, err := tx.Release(ctx, w)
			return errors.Join(err, tx.CloseChunk(ctx, w, c))
		}
	})
}

// beside runs a task beside the test.
func (s *scene) beside(work int64) <-chan error {
	s.t.Helper()
	task := s.TaskOf(work)
	return storagetest.Go(func() error { return s.handler.ProcessTask(s.t.Context(), task) })
}

// join fails the test for what something beside it met.
func (s *scene) join(ended <-chan error) {
	s.t.Helper()
	if err := <-ended; err != nil {
		s.t.Error(err)
	}
}

// events are a request's events without the counts.
func (r request) events() []string {
	r.s.t.Helper()
	list, err := r.s.Events(r.s.t.Context(), r.id, 0, 1000)
	if err != nil {
		r.s.t.Fatal(err)
	}
	var text []string
	for _, e := range list {
		line := string(e.Kind)
		if e.To != nil {
			line += " → " + string(*e.To)
		}
		text = append(text, line)
	}
	return text
}

// Of the last two chunks of a phase that close together, exactly one ends it.
func TestTwoLastChunks(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.SIMs(transfer.ChunkSize+1, storagetest.SIM{Account: s.from.ID})
	race := func(kind transfer.WorkKind) {
		t.Helper()
		work := s.work(kind)
		if len(work) != 2 {
			t.Fatalf("%d chunks to %s, want 2", len(work), kind)
		}
		held := s.holdChunk(work[1])
		ended := s.beside(work[0])
		s.AwaitBlocked(1)
		held.Commit()
		s.join(ended)
		s.Check()
	}
	r := s.ask(sims...)
	race("validate")
	s.Decide(r.id, transfer.Cancel)
	race("release")
	want := []string{
		"create → validating", "validate", "validate", "offer → awaiting_acceptance",
		"cancel → canceled", "release", "release", "finish → canceled",
	}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	r = s.ask(sims...)
	race("validate")
	s.Decide(r.id, transfer.Accept)
	race("execute")
	want = []string{
		"create → validating", "validate", "validate", "offer → awaiting_acceptance",
		"accept → transferring", "execute", "execute", "finish → completed",
	}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if now := r.now(); now.Completed != len(sims) {
		t.Errorf("the request: %+v", now)
	}
	s.alone()
}

// The last validation holds the request; a cancel waits, and then decides on
// what the gate left.
func TestCancelBehindTheLastValidation(t *testing.T) {
	t.Parallel()
	for _, partial := range []bool{false, true} {
		s := newScene(t)
		sims := s.sims(transfer.Ready, transfer.Ready)
		r := s.ask(sims...)
		held := s.holdChunk(s.onlyWork("validate"))
		d := storage.Decision{Event: transfer.Cancel}
		if partial {
			d.SIMs = []transfer.Identifier{sims[0].Identifier()}
		}
		cancel := storagetest.Go(func() error {
			_, err := s.TryDecide(r.id, d)
			return err
		})
		s.AwaitBlocked(1)
		held.Commit()
		s.join(cancel)
		s.Check()
		r.run()
		if partial {
			r.is(transfer.AwaitingAcceptance, "canceled", "eligible")
		} else {
			r.is(transfer.RequestCanceled, "canceled", "canceled")
		}
		s.alone()
	}
}

// A cancel holds the request; the last validation waits, and its gate finds
// the request canceled, or SIMs withdrawn.
func TestCancelBeforeTheGate(t *testing.T) {
	t.Parallel()
	for _, partial := range []bool{false, true} {
		s := newScene(t)
		sims := s.sims(transfer.Ready, transfer.Active, transfer.Terminated)
		r := s.ask(sims...)
		d := storage.Decision{Event: transfer.Cancel, By: storage.Actor{Party: transfer.PartySource}}
		if partial {
			d.SIMs = []transfer.Identifier{sims[1].Identifier()}
		}
		held := s.Hold(func(tx *storage.Tx) error {
			_, err := tx.Decide(t.Context(), r.id, d)
			return err
		})
		ended := s.beside(s.onlyWork("validate"))
		s.AwaitBlocked(1)
		held.Commit()
		s.join(ended)
		s.Check()
		r.run()
		if partial {
			r.is(transfer.AwaitingAcceptance, "eligible", "canceled", "ineligible: sim_terminated")
		} else {
			r.is(transfer.RequestCanceled, "canceled", "canceled", "ineligible: sim_terminated")
		}
		s.alone()
	}
}

// Of two chunks, one was validated before the cancel and one comes after it.
func TestCancelBetweenTwoChunks(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.SIMs(transfer.ChunkSize+2, storagetest.SIM{Account: s.from.ID})
	r := s.ask(sims...)
	work := s.work("validate")
	process(t, s.DB, s.handler, work[0])
	s.Decide(r.id, transfer.Cancel)
	s.Check()
	process(t, s.DB, s.handler, work[1])
	if now := r.now(); now.Canceled != 2 || now.Eligible != transfer.ChunkSize || now.FinishedAt != nil || now.Left != len(sims) {
		t.Errorf("after the gate: %+v", now)
	}
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM open_transfers`); n != transfer.ChunkSize {
		t.Errorf("%d claims, want those of the first chunk", n)
	}
	s.Check()
	r.run()
	if now := r.now(); now.Canceled != len(sims) || now.FinishedAt == nil {
		t.Errorf("in the end: %+v", now)
	}
	s.alone()
}

// A request canceled before any chunk was validated needs no release.
func TestCancelBeforeValidation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.ask(s.sims(transfer.Ready, transfer.Terminated)...)
	s.Decide(r.id, transfer.Cancel)
	process(t, s.DB, s.handler, s.onlyWork("validate"))
	r.is(transfer.RequestCanceled, "canceled", "canceled")
	want := []string{"create → validating", "cancel → canceled", "validate", "finish → canceled"}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	s.alone()
}

// A claim waits for the hand-over of the same SIM, and gets it or not.
func TestClaimBehindAHandOver(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		s := newScene(t)
		sim := s.sims(transfer.Ready)[0]
		first := s.accepted(sim)
		execute := s.onlyWork("execute")
		second := s.ask(sim)
		validate := s.onlyWork("validate")
		held := s.holdChunk(execute)
		ended := s.beside(validate)
		s.AwaitBlocked(1)
		if committed {
			held.Commit()
		} else {
			held.Rollback()
		}
		s.join(ended)
		s.Check()
		if committed {
			first.is(transfer.RequestCompleted, "completed")
			second.is(transfer.RequestRejected, "ineligible: sim_not_found")
		} else {
			second.is(transfer.RequestRejected, "ineligible: already_transferring")
			first.run()
			first.is(transfer.RequestCompleted, "completed")
		}
		s.alone()
	}
}

// A claim waits for a release of the same SIM, and then has it.
func TestClaimBehindARelease(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sim := s.sims(transfer.Ready)[0]
	first := s.ask(sim)
	first.run()
	s.Decide(first.id, transfer.Decline)
	release := s.onlyWork("release")
	second := s.ask(sim)
	validate := s.onlyWork("validate")
	held := s.holdChunk(release)
	ended := s.beside(validate)
	s.AwaitBlocked(1)
	held.Commit()
	s.join(ended)
	first.is(transfer.RequestDeclined, "declined")
	second.is(transfer.AwaitingAcceptance, "eligible")
	s.alone()
}

// Two requests for the same SIMs in opposite orders claim them in one order.
func TestOppositeOrders(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.SIMs(transfer.ChunkSize, storagetest.SIM{Account: s.from.ID})
	back := slices.Clone(sims)
	slices.Reverse(back)
	for range 5 {
		s.ask(sims...)
		s.ask(back...)
		var ended []<-chan error
		for _, work := range s.work("validate") {
			ended = append(ended, s.beside(work))
		}
		for _, e := range ended {
			s.join(e)
		}
		if left := s.work("validate"); len(left) > 0 {
			t.Fatalf("work is left: %s", *storagetest.One[*string](s.DB, `SELECT error FROM work WHERE id = $1`, left[0]))
		}
		s.Check()
		// The winner lets go of them.
		for _, id := range storagetest.All[string](s.DB, `SELECT id FROM requests WHERE state = 'awaiting_acceptance'`) {
			r := request{s: s}
			s.Get(&r.id, `SELECT $1::uuid`, id)
			s.Decide(r.id, transfer.Cancel)
			r.run()
		}
	}
}

// A request that names SIMs of somebody else claims none of them: their owner
// does not wait for it.
func TestStrangersClaimNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.sims(transfer.Ready, transfer.Active)
	stranger := s.Request(storagetest.Request{From: s.to, To: s.from, SIMs: sims})
	foreign := s.onlyWork("validate")
	held := s.Hold(func(tx *storage.Tx) error {
		w, err := tx.LockWork(t.Context(), foreign)
		if err != nil {
			return err
		}
		_, err = tx.Claim(t.Context(), w)
		return err
	})
	own := s.ask(sims...)
	work := s.work("validate")
	process(t, s.DB, handler(s.Connect(storage.Options{}), willing()), work[len(work)-1]) // which would not wait long
	own.is(transfer.InReview, "eligible", "eligible")
	held.Rollback()
	process(t, s.DB, s.handler, foreign)
	request{stranger, s}.is(transfer.RequestRejected, "ineligible: sim_not_found", "ineligible: sim_not_found")
	s.alone()
}

// Claims are made by ascending SIM, whatever the order in the request: one that
// has to wait for the lowest holds none of the others.
func TestClaimsAreOrdered(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.SIMs(50, storagetest.SIM{Account: s.from.ID})
	slices.Reverse(sims)
	lowest := sims[len(sims)-1].ID
	r := s.ask(sims...)
	letGo := s.HoldSQL(`INSERT INTO open_transfers (sim, request, n) VALUES ($1, gen_random_uuid(), 0)`, lowest)
	ended := s.beside(s.onlyWork("validate"))
	s.AwaitBlocked(1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	tx, err := s.Pool().BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO open_transfers (sim, request, n) SELECT id, gen_random_uuid(), 0 FROM sims WHERE id > $1`, lowest); err != nil {
		t.Errorf("a SIM above the lowest is claimed already: %v", err)
	}
	_ = tx.Rollback()
	letGo()
	s.join(ended)
	if now := r.now(); now.Eligible != 49 {
		t.Errorf("the request: %+v", now)
	}
}

// SIMs are locked by ascending id, whatever the order in the request.
func TestLocksAreOrdered(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sims := s.SIMs(50, storagetest.SIM{Account: s.from.ID})
	slices.Reverse(sims)
	lowest := sims[len(sims)-1].ID
	r := s.accepted(sims...)
	letGo := s.HoldSQL(`SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE`, lowest)
	ended := s.beside(s.onlyWork("execute"))
	s.AwaitBlocked(1)
	if _, err := s.Pool().ExecContext(t.Context(), `SELECT FROM sims WHERE id > $1 FOR NO KEY UPDATE NOWAIT`, lowest); err != nil {
		t.Errorf("a SIM above the lowest is locked already: %v", err)
	}
	letGo()
	s.join(ended)
	if now := r.now(); now.Completed != 50 {
		t.Errorf("the request: %+v", now)
	}
	s.alone()
}

// A session that starts while its SIM is being handed over waits, and is the
// earlier owner's when it began before.
func TestStartBehindAHandOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		began     time.Duration // after now
		committed bool
		stray     bool
		status    transfer.Status
	}{
		{"before", 0, true, true, transfer.Ready},
		{"before, and it was rolled back", 0, false, false, transfer.Active},
		{"after, by the gateway's clock", time.Minute, true, false, transfer.Active},
	} {
		s := newScene(t)
		sim := s.sims(transfer.Ready)[0]
		r := s.accepted(sim)
		held := s.holdChunk(s.onlyWork("execute"))
		start := storagetest.Go(func() error {
			_, err := s.Pool().ExecContext(t.Context(), storagetest.SessionStart, "one", sim.IMSI, sim.MSISDN, s.gateway, -c.began.Seconds())
			return err
		})
		s.AwaitBlocked(1)
		if c.committed {
			held.Commit()
		} else {
			held.Rollback()
		}
		s.join(start)
		if got := len(s.work("drop_stray")) == 1; got != c.stray {
			t.Errorf("began %s: stray: %t", c.name, got)
		}
		if got := storagetest.One[transfer.Status](s.DB, `SELECT status FROM sims`); got != c.status {
			t.Errorf("began %s: the SIM is %s, want %s", c.name, got, c.status)
		}
		s.Check()
		r.run()
		switch {
		case !c.committed:
			r.is(transfer.RequestCompleted, "failed: status_changed")
			s.online(1)
		case c.stray:
			r.is(transfer.RequestCompleted, "completed")
			s.online(0)
		default:
			r.is(transfer.RequestCompleted, "completed")
			s.online(1)
		}
		s.alone()
	}
}

// An execution that waits for a session's start sees the session.
func TestHandOverBehindAStart(t *testing.T) {
	t.Parallel()
	for status, want := range map[transfer.Status]string{
		transfer.Ready:  "failed: status_changed",
		transfer.Active: "eligible",
	} {
		s := newScene(t)
		sim := s.sims(status)[0]
		r := s.accepted(sim)
		letIn := s.HoldSQL(storagetest.SessionStart, "one", sim.IMSI, sim.MSISDN, s.gateway, 0)
		ended := s.beside(s.onlyWork("execute"))
		s.AwaitBlocked(1)
		letIn()
		s.join(ended)
		if got := r.outcomes(); !slices.Equal(got, []string{want}) {
			t.Errorf("a SIM that was %s: %v, want %s", status, got, want)
		}
		if n := len(s.work("drop_sessions")); n != map[string]int{"eligible": 1}[want] {
			t.Errorf("a SIM that was %s: %d rows of drop work", status, n)
		}
		s.Check()
		r.run()
		s.alone()
	}
}

// The same at the end of drop work, when the sessions that were asked about
// are gone.
func TestDroppedAndOnlineBehindAStart(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sim := s.sims(transfer.Active)[0]
	r, work := s.dropping(sim)
	letIn := s.HoldSQL(storagetest.SessionStart, "another", sim.IMSI, sim.MSISDN, s.gateway, 0)
	ended := s.beside(work)
	s.AwaitBlocked(1)
	letIn()
	s.join(ended)
	r.is(transfer.Transferring, "eligible")
	if got := s.patience(work); got.Attempts != 1 {
		t.Errorf("the work: %+v", got)
	}
	s.Check()
	s.HurryWork()
	r.run()
	r.is(transfer.RequestCompleted, "completed")
	s.online(0)
	s.alone()
}

// An owner's change to a SIM waits for its hand-over and is then refused: the
// SIM is another's.
func TestEditBehindAHandOver(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sim := s.sims(transfer.Ready)[0]
	s.accepted(sim)
	held := s.holdChunk(s.onlyWork("execute"))
	locked := true
	edit := storagetest.Go(func() error {
		_, err := s.UpdateSIM(t.Context(), s.from.ID, sim.Identifier(), storage.SIMChange{TransferLock: &locked})
		return err
	})
	s.AwaitBlocked(1)
	held.Commit()
	if err := <-edit; !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the former owner's change: %v, want that there is no such SIM", err)
	}
	if storagetest.One[bool](s.DB, `SELECT transfer_lock FROM sims`) {
		t.Error("the former owner has locked the SIM")
	}
	s.alone()
}

// And an execution that waits for an owner's change sees it.
func TestHandOverBehindAnEdit(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`transfer_lock = true`:  "failed: sim_locked",
		`status = 'terminated'`: "failed: sim_terminated",
		`status = 'suspended'`:  "completed",
		`sim_group = 'pumps'`:   "completed",
	} {
		s := newScene(t)
		r := s.accepted(s.sims(transfer.Active)...)
		letGo := s.HoldSQL(fmt.Sprintf(`UPDATE sims SET %s`, change))
		ended := s.beside(s.onlyWork("execute"))
		s.AwaitBlocked(1)
		letGo()
		s.join(ended)
		r.is(transfer.RequestCompleted, want)
		if want == "completed" {
			if got := decode(t, *s.TransfersOf(r.id)[0].Before)["sim_group"]; change == `sim_group = 'pumps'` && got != "pumps" {
				t.Errorf("the snapshot has the group %v, want the one that was just set", got)
			}
		}
		s.alone()
	}
}
