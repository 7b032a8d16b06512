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

// These tests hold one transaction at a chosen point while another one runs into
// it. Random load rarely causes these orders of events.

// holdChunk does what a handler does with a chunk, except for the commit.
func (s *testService) holdChunk(work int64) *storagetest.Held {
	s.t.Helper()
	ctx := s.t.Context()
	return s.Hold(func(tx *storage.Tx) error {
		w, err := tx.LockWork(ctx, work)
		if err != nil {
			return err
		}
		switch w.Kind {
		case transfer.WorkValidate:
			claims, err := tx.Claim(ctx, w)
			if err != nil {
				return err
			}
			c, err := tx.Judge(ctx, w, claims)
			return errors.Join(err, tx.CloseValidation(ctx, w, c))
		case transfer.WorkExecute:
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

// processAsync runs a task in the background.
func (s *testService) processAsync(work int64) <-chan error {
	s.t.Helper()
	task := s.TaskOf(work)
	return storagetest.Go(func() error { return s.handler.ProcessTask(s.t.Context(), task) })
}

// wait waits for something in the background and fails the test if it failed.
func (s *testService) wait(ended <-chan error) {
	s.t.Helper()
	if err := <-ended; err != nil {
		s.t.Error(err)
	}
}

// events returns a request's events without their counts.
func (r testRequest) events() []string {
	r.s.t.Helper()
	list, err := r.s.Events(r.s.t.Context(), r.id, transfer.PartySupport, 0, 1000)
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

// If the last two chunks of a phase finish at the same time, exactly one of them
// ends the phase.
func TestLastTwoChunks(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(transfer.ChunkSize+1, storagetest.SIM{Account: s.from.ID})
	race := func(kind transfer.WorkKind) {
		t.Helper()
		work := s.work(kind)
		if len(work) != 2 {
			t.Fatalf("%d chunks to %s, want 2", len(work), kind)
		}
		held := s.holdChunk(work[1])
		ended := s.processAsync(work[0])
		s.AwaitBlocked(1)
		held.Commit()
		s.wait(ended)
		s.Check()
	}
	r := s.request(sims...)
	race(transfer.WorkValidate)
	s.Decide(r.id, transfer.Cancel)
	race(transfer.WorkRelease)
	want := []string{
		"create → validating", "validate", "validate", "offer → awaiting_acceptance",
		"cancel → canceled", "release", "release", "finish → canceled",
	}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	r = s.request(sims...)
	race(transfer.WorkValidate)
	s.Decide(r.id, transfer.Accept)
	race(transfer.WorkExecute)
	want = []string{
		"create → validating", "validate", "validate", "offer → awaiting_acceptance",
		"accept → transferring", "execute", "execute", "finish → completed",
	}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if now := r.load(); now.Completed != len(sims) {
		t.Errorf("the request: %+v", now)
	}
	s.noWorkLeft()
}

// While the last validation holds the request, a cancel waits, and then applies to
// the validated request.
func TestCancelWaitsForTheLastValidation(t *testing.T) {
	t.Parallel()
	for _, partial := range []bool{false, true} {
		s := newTestService(t)
		sims := s.sims(transfer.Ready, transfer.Ready)
		r := s.request(sims...)
		held := s.holdChunk(s.onlyWork(transfer.WorkValidate))
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
		s.wait(cancel)
		s.Check()
		r.run()
		if partial {
			r.expect(transfer.AwaitingAcceptance, "canceled", "eligible")
		} else {
			r.expect(transfer.RequestCanceled, "canceled", "canceled")
		}
		s.noWorkLeft()
	}
}

// While a cancel holds the request, the last validation waits, and then finds the
// request canceled, or some of its SIMs.
func TestLastValidationWaitsForCancel(t *testing.T) {
	t.Parallel()
	for _, partial := range []bool{false, true} {
		s := newTestService(t)
		sims := s.sims(transfer.Ready, transfer.Active, transfer.Terminated)
		r := s.request(sims...)
		d := storage.Decision{Event: transfer.Cancel, By: storage.Actor{Party: transfer.PartySource}}
		if partial {
			d.SIMs = []transfer.Identifier{sims[1].Identifier()}
		}
		held := s.Hold(func(tx *storage.Tx) error {
			_, err := tx.Decide(t.Context(), r.id, d)
			return err
		})
		ended := s.processAsync(s.onlyWork(transfer.WorkValidate))
		s.AwaitBlocked(1)
		held.Commit()
		s.wait(ended)
		s.Check()
		r.run()
		if partial {
			r.expect(transfer.AwaitingAcceptance, "eligible", "canceled", "ineligible: sim_terminated")
		} else {
			r.expect(transfer.RequestCanceled, "canceled", "canceled", "ineligible: sim_terminated")
		}
		s.noWorkLeft()
	}
}

// A cancel between the validation of two chunks.
func TestCancelBetweenTwoChunks(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(transfer.ChunkSize+2, storagetest.SIM{Account: s.from.ID})
	r := s.request(sims...)
	work := s.work(transfer.WorkValidate)
	process(t, s.DB, s.handler, work[0])
	s.Decide(r.id, transfer.Cancel)
	s.Check()
	process(t, s.DB, s.handler, work[1])
	if now := r.load(); now.Canceled != 2 || now.Eligible != transfer.ChunkSize || now.FinishedAt != nil || now.Left != len(sims) {
		t.Errorf("after validation: %+v", now)
	}
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM open_transfers`); n != transfer.ChunkSize {
		t.Errorf("%d claims, want those of the first chunk", n)
	}
	s.Check()
	r.run()
	if now := r.load(); now.Canceled != len(sims) || now.FinishedAt == nil {
		t.Errorf("after the last task: %+v", now)
	}
	s.noWorkLeft()
}

// A request that is canceled before validation needs no release.
func TestCancelBeforeValidation(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := s.request(s.sims(transfer.Ready, transfer.Terminated)...)
	s.Decide(r.id, transfer.Cancel)
	process(t, s.DB, s.handler, s.onlyWork(transfer.WorkValidate))
	r.expect(transfer.RequestCanceled, "canceled", "canceled")
	want := []string{"create → validating", "cancel → canceled", "validate", "finish → canceled"}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	s.noWorkLeft()
}

// A claim waits for a transfer of the same SIM, and depends on its result.
func TestClaimWaitsForTransfer(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		s := newTestService(t)
		sim := s.sims(transfer.Ready)[0]
		first := s.accepted(sim)
		execute := s.onlyWork(transfer.WorkExecute)
		second := s.request(sim)
		validate := s.onlyWork(transfer.WorkValidate)
		held := s.holdChunk(execute)
		ended := s.processAsync(validate)
		s.AwaitBlocked(1)
		if committed {
			held.Commit()
		} else {
			held.Rollback()
		}
		s.wait(ended)
		s.Check()
		if committed {
			first.expect(transfer.RequestCompleted, "completed")
			second.expect(transfer.RequestRejected, "ineligible: sim_not_found")
		} else {
			second.expect(transfer.RequestRejected, "ineligible: already_transferring")
			first.run()
			first.expect(transfer.RequestCompleted, "completed")
		}
		s.noWorkLeft()
	}
}

// A claim waits for a release of the same SIM, and then succeeds.
func TestClaimWaitsForRelease(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Ready)[0]
	first := s.request(sim)
	first.run()
	s.Decide(first.id, transfer.Decline)
	release := s.onlyWork(transfer.WorkRelease)
	second := s.request(sim)
	validate := s.onlyWork(transfer.WorkValidate)
	held := s.holdChunk(release)
	ended := s.processAsync(validate)
	s.AwaitBlocked(1)
	held.Commit()
	s.wait(ended)
	first.expect(transfer.RequestDeclined, "declined")
	second.expect(transfer.AwaitingAcceptance, "eligible")
	s.noWorkLeft()
}

// A claim waits for a change of identifiers of the same SIM. Validation then begins
// again, and finds the SIM that the identifier names after the change.
func TestClaimWaitsForChangedIdentifiers(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"swapped", "moved", "retired"} {
		s := newTestService(t)
		sims := s.sims(transfer.Ready, transfer.Ready)
		id, number := storagetest.Identifier(sims[0].ICCID), sims[0].MSISDN
		r := testRequest{s.Request(storagetest.Request{From: s.from, To: s.to, Identifiers: []string{number}}), s}
		validate := s.onlyWork(transfer.WorkValidate)
		var held *storagetest.Held
		commit := func() { held.Commit() }
		switch change {
		case "swapped":
			held = s.Hold(func(tx *storage.Tx) error {
				_, err := tx.SwapSIM(t.Context(), storage.System(), id, storage.Swap{ICCID: storagetest.Identifier(sims[1].ICCID), Why: "lost"})
				return err
			})
		case "moved": // as PutIdentifier does it
			commit = s.HoldSQL(fmt.Sprintf(`
				DO $$ BEGIN
					INSERT INTO open_transfers (sim, request, n) VALUES (%d, '00000000-0000-0000-0000-000000000000', 0);
					UPDATE identifiers SET sim = %d WHERE identifier = '%s';
					DELETE FROM open_transfers WHERE sim = %[1]d;
				END $$`, sims[0].ID, sims[1].ID, number))
		case "retired":
			s.Exec(`UPDATE sims SET termination_protection = false`)
			held = s.Hold(func(tx *storage.Tx) error {
				_, err := tx.RetireSIM(t.Context(), storage.System(), id, "wrong", nil)
				return err
			})
		}
		ended := s.processAsync(validate)
		s.AwaitBlocked(1)
		commit()
		s.wait(ended)
		r.expect(transfer.Validating, "pending")
		s.Exec(`UPDATE work SET not_before = clock_timestamp()`)
		process(t, s.DB, s.handler, validate)
		if change == "retired" {
			r.expect(transfer.RequestRejected, "ineligible: sim_not_found")
			continue
		}
		r.expect(transfer.AwaitingAcceptance, "eligible")
		if named := storagetest.One[int64](s.DB, `SELECT sim FROM transfers WHERE request = $1`, r.id); named != sims[1].ID {
			t.Errorf("%s: the transfer is of SIM %d, but %s names SIM %d", change, named, number, sims[1].ID)
		}
		s.Check()
	}
}

// Two requests for the same SIMs in opposite orders claim them in the same order,
// without a deadlock.
func TestOppositeClaimOrders(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(transfer.ChunkSize, storagetest.SIM{Account: s.from.ID})
	back := slices.Clone(sims)
	slices.Reverse(back)
	for range 5 {
		s.request(sims...)
		s.request(back...)
		var ended []<-chan error
		for _, work := range s.work(transfer.WorkValidate) {
			ended = append(ended, s.processAsync(work))
		}
		for _, e := range ended {
			s.wait(e)
		}
		if left := s.work(transfer.WorkValidate); len(left) > 0 {
			t.Fatalf("work is left: %s", *storagetest.One[*string](s.DB, `SELECT error FROM work WHERE id = $1`, left[0]))
		}
		s.Check()
		// Cancel the request that got them.
		for _, id := range storagetest.All[string](s.DB, `SELECT id FROM requests WHERE state = 'awaiting_acceptance'`) {
			r := testRequest{s: s}
			s.Get(&r.id, `SELECT $1::uuid`, id)
			s.Decide(r.id, transfer.Cancel)
			r.run()
		}
	}
}

// A request for SIMs of another account does not claim them, so their owner does
// not wait for it.
func TestForeignSIMsAreNotClaimed(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(transfer.Ready, transfer.Active)
	stranger := s.Request(storagetest.Request{From: s.to, To: s.from, SIMs: sims})
	foreign := s.onlyWork(transfer.WorkValidate)
	held := s.Hold(func(tx *storage.Tx) error {
		w, err := tx.LockWork(t.Context(), foreign)
		if err != nil {
			return err
		}
		_, err = tx.Claim(t.Context(), w)
		return err
	})
	own := s.request(sims...)
	work := s.work(transfer.WorkValidate)
	process(t, s.DB, handler(s.Connect(storage.Options{}), droppingGateways()), work[len(work)-1]) // with a short lock timeout
	own.expect(transfer.InReview, "eligible", "eligible")
	held.Rollback()
	process(t, s.DB, s.handler, foreign)
	testRequest{stranger, s}.expect(transfer.RequestRejected, "ineligible: sim_not_found", "ineligible: sim_not_found")
	s.noWorkLeft()
}

// SIMs are claimed in ascending order, whatever their order in the request: while
// the lowest one has to wait, none of the others is claimed.
func TestClaimsAreOrdered(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(50, storagetest.SIM{Account: s.from.ID})
	slices.Reverse(sims)
	lowest := sims[len(sims)-1].ID
	r := s.request(sims...)
	unlock := s.HoldSQL(`INSERT INTO open_transfers (sim, request, n) VALUES ($1, gen_random_uuid(), 0)`, lowest)
	ended := s.processAsync(s.onlyWork(transfer.WorkValidate))
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
	unlock()
	s.wait(ended)
	if now := r.load(); now.Eligible != 49 {
		t.Errorf("the request: %+v", now)
	}
}

// SIMs are locked in ascending order, whatever their order in the request.
func TestLocksAreOrdered(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.SIMs(50, storagetest.SIM{Account: s.from.ID})
	slices.Reverse(sims)
	lowest := sims[len(sims)-1].ID
	r := s.accepted(sims...)
	unlock := s.HoldSQL(`SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE`, lowest)
	ended := s.processAsync(s.onlyWork(transfer.WorkExecute))
	s.AwaitBlocked(1)
	if _, err := s.Pool().ExecContext(t.Context(), `SELECT FROM sims WHERE id > $1 FOR NO KEY UPDATE NOWAIT`, lowest); err != nil {
		t.Errorf("a SIM above the lowest is locked already: %v", err)
	}
	unlock()
	s.wait(ended)
	if now := r.load(); now.Completed != 50 {
		t.Errorf("the request: %+v", now)
	}
	s.noWorkLeft()
}

// A session start waits for the transfer of its SIM. If the session began before
// the transfer, it belongs to the earlier owner.
func TestSessionStartWaitsForTransfer(t *testing.T) {
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
		{"after, by the gateway's clock, which cannot be true", time.Minute, true, true, transfer.Ready},
	} {
		s := newTestService(t)
		sim := s.sims(transfer.Ready)[0]
		r := s.accepted(sim)
		held := s.holdChunk(s.onlyWork(transfer.WorkExecute))
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
		s.wait(start)
		if got := len(s.work(transfer.WorkDropStray)) == 1; got != c.stray {
			t.Errorf("began %s: stray: %t", c.name, got)
		}
		if got := storagetest.One[transfer.Status](s.DB, `SELECT status FROM sims`); got != c.status {
			t.Errorf("began %s: the SIM is %s, want %s", c.name, got, c.status)
		}
		s.Check()
		r.run()
		switch {
		case !c.committed:
			r.expect(transfer.RequestCompleted, "failed: status_changed")
			s.openSessions(1)
		default:
			r.expect(transfer.RequestCompleted, "completed")
			s.openSessions(0)
		}
		s.noWorkLeft()
	}
}

// A transfer that waits for a session start sees the session.
func TestTransferWaitsForSessionStart(t *testing.T) {
	t.Parallel()
	for status, want := range map[transfer.Status]string{
		transfer.Ready:  "failed: status_changed",
		transfer.Active: "eligible",
	} {
		s := newTestService(t)
		sim := s.sims(status)[0]
		r := s.accepted(sim)
		commit := s.HoldSQL(storagetest.SessionStart, "one", sim.IMSI, sim.MSISDN, s.gateway, 0)
		ended := s.processAsync(s.onlyWork(transfer.WorkExecute))
		s.AwaitBlocked(1)
		commit()
		s.wait(ended)
		if got := r.outcomes(); !slices.Equal(got, []string{want}) {
			t.Errorf("a SIM that was %s: %v, want %s", status, got, want)
		}
		if n := len(s.work(transfer.WorkDropSessions)); n != map[string]int{"eligible": 1}[want] {
			t.Errorf("a SIM that was %s: %d rows of drop work", status, n)
		}
		s.Check()
		r.run()
		s.noWorkLeft()
	}
}

// The same at the end of drop_sessions work, after its sessions were dropped.
func TestSessionStartWhileDropping(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Active)[0]
	r, work := s.dropWork(sim)
	commit := s.HoldSQL(storagetest.SessionStart, "another", sim.IMSI, sim.MSISDN, s.gateway, 0)
	ended := s.processAsync(work)
	s.AwaitBlocked(1)
	commit()
	s.wait(ended)
	r.expect(transfer.Transferring, "eligible")
	if got := s.workRow(work); got.Attempts != 1 {
		t.Errorf("the work: %+v", got)
	}
	s.Check()
	s.HurryWork()
	r.run()
	r.expect(transfer.RequestCompleted, "completed")
	s.openSessions(0)
	s.noWorkLeft()
}

// An owner's change to a SIM waits for its transfer and is then refused, because
// the SIM has a new owner.
func TestEditWaitsForTransfer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sim := s.sims(transfer.Ready)[0]
	s.accepted(sim)
	held := s.holdChunk(s.onlyWork(transfer.WorkExecute))
	locked := true
	edit := storagetest.Go(func() error {
		_, err := s.UpdateSIM(t.Context(), storage.System(), s.from.ID, sim.Identifier(), storage.SIMChange{TransferLock: &locked})
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
	s.noWorkLeft()
}

// A transfer that waits for an owner's change sees the change.
func TestTransferWaitsForEdit(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`transfer_lock = true`:  "failed: sim_locked",
		`status = 'terminated'`: "failed: sim_terminated",
		`status = 'suspended'`:  "completed",
		`sim_group = 'pumps'`:   "completed",
	} {
		s := newTestService(t)
		r := s.accepted(s.sims(transfer.Active)...)
		unlock := s.HoldSQL(fmt.Sprintf(`UPDATE sims SET %s`, change))
		ended := s.processAsync(s.onlyWork(transfer.WorkExecute))
		s.AwaitBlocked(1)
		unlock()
		s.wait(ended)
		r.expect(transfer.RequestCompleted, want)
		if want == "completed" {
			if got := decode(t, *s.TransfersOf(r.id)[0].Before)["sim_group"]; change == `sim_group = 'pumps'` && got != "pumps" {
				t.Errorf("the snapshot has the group %v, want the one that was just set", got)
			}
		}
		s.noWorkLeft()
	}
}
