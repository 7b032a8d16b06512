package storage_test

import (
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

// Every event in every state, by every party, leads to the state in the
// transition table, or is refused with the table's error and changes nothing.
func TestEveryDecisionFromEveryState(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, state := range transfer.RequestStates() {
		f := newTestRequest(t, db, state)
		was := db.Dump()
		for _, event := range transfer.Events() {
			for _, party := range transfer.Parties() {
				name := fmt.Sprintf("%s: %s by %s", state, event, party)
				to, err := transfer.Next(state, event, party)
				if err == nil && (event == transfer.Extend || event == transfer.TakeBack) {
					continue // see TestExtend and TestTakeBack
				}
				if err == nil && isDecision(event) {
					tryAllowed(t, db, name, state, to, storage.Decision{Event: event, By: storage.Actor{Party: party}, Ticket: "T-1", Reason: "as agreed"})
					was = db.Dump()
					continue
				}
				_, got := db.TryDecide(f.id, storage.Decision{Event: event, By: storage.Actor{Party: party}})
				if got == nil || err != nil && got.Error() != err.Error() {
					t.Errorf("%s: error %v, want %v", name, got, err)
				}
			}
		}
		db.Unchanged(was)
	}
	db.Check()
}

// isDecision reports whether an event is a decision, as opposed to an outcome of
// work.
func isDecision(e transfer.Event) bool {
	return !slices.Contains([]transfer.Event{transfer.Reject, transfer.Review, transfer.Offer, transfer.Schedule, transfer.Finish}, e)
}

// tryAllowed decides on a new request and carries out its work to the end.
func tryAllowed(t *testing.T, db *storagetest.DB, name string, state, to transfer.RequestState, d storage.Decision) {
	t.Helper()
	f := newTestRequest(t, db, state)
	if d.Event == transfer.Start {
		db.Exec(`UPDATE requests SET not_before = clock_timestamp() - interval '1 minute' WHERE id = $1`, f.id)
	}
	r, err := db.TryDecide(f.id, d)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	waits := to == transfer.AwaitingAcceptance
	if r.State != to || (r.ExpiresAt != nil) != waits || (r.Left == 0) != waits || r.FinishedAt != nil {
		t.Errorf("%s: now %s, expires at %v, %d left, finished at %v; want %s", name, r.State, r.ExpiresAt, r.Left, r.FinishedAt, to)
	}
	events, err := db.Events(t.Context(), f.id, transfer.PartySupport, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	if last.Kind != d.Event.Kind() || last.Party != d.By.Party || *last.From != state || *last.To != to {
		t.Errorf("%s: the last event is %+v", name, last)
	}
	validate(t, db, f.id)
	execute(t, db, f.id)
	release(t, db, f.id)
	r = db.Find(f.id)
	outcome, released := to.Released()
	ended := map[transfer.State]int{
		transfer.Canceled: r.Canceled, transfer.Declined: r.Declined, transfer.Denied: r.Denied,
		transfer.Expired: r.Expired, transfer.Completed: r.Completed,
	}
	switch {
	case released && (ended[outcome] != len(f.sims) || r.FinishedAt == nil || r.State != to):
		t.Errorf("%s: finished as %+v, want all SIMs %s", name, r, outcome)
	case to == transfer.Transferring && (r.Completed != len(f.sims) || r.State != transfer.RequestCompleted):
		t.Errorf("%s: finished as %+v, want all SIMs completed", name, r)
	case released && db.Owner(f.sims[0]) != f.from.ID:
		t.Errorf("%s: a SIM has a new owner", name)
	}
}

func TestUnknownRequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	_, err := db.TryDecide([16]byte{1}, storage.Decision{Event: transfer.Accept})
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("error %v, want not found", err)
	}
}

// Every decision after the expiry is refused, also for some SIMs, even if the request
// has not been marked as expired yet. Only the expiry itself ends it.
func TestDecisionAfterExpiry(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for state, events := range map[transfer.RequestState][]transfer.Event{
		transfer.InReview:           {transfer.Approve, transfer.Deny, transfer.Cancel, transfer.Extend, transfer.Expire},
		transfer.AwaitingAcceptance: {transfer.Accept, transfer.Extend, transfer.Decline, transfer.Cancel, transfer.Expire},
		transfer.Scheduled:          {transfer.Start, transfer.Decline, transfer.Cancel, transfer.Expire},
	} {
		for _, event := range events {
			late := event != transfer.Expire
			f := newTestRequest(t, db, state)
			db.Lapse(f.id)
			was := db.Dump()
			r, err := db.TryDecide(f.id, storage.Decision{Event: event, Ticket: "T-1"})
			var expired *transfer.ExpiredError
			if errors.As(err, &expired) != late || (err != nil) != late {
				t.Errorf("%s of an expired request that is %s: %v", event, state, err)
			}
			if late {
				db.Unchanged(was)
			} else if r.State == state {
				t.Errorf("%s of an expired request changed nothing", event)
			}
		}
	}
	db.Check()
}

// The clock is read under the lock: an accept that waits for the lock until
// after the expiry is refused.
func TestAcceptThatWaitsPastExpiry(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Exec(`UPDATE requests SET expires_at = clock_timestamp() + interval '500 ms' WHERE id = $1`, f.id)
	letGo := db.HoldSQL(`SELECT FROM requests FOR NO KEY UPDATE`)
	accept := storagetest.Go(func() error {
		_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept})
		return err
	})
	db.AwaitBlocked(1)
	storagetest.Await(t, "the request's expiry", func() bool {
		return storagetest.One[bool](db, `SELECT expires_at < clock_timestamp() FROM requests WHERE id = $1`, f.id)
	})
	letGo()
	var expired *transfer.ExpiredError
	if err := <-accept; !errors.As(err, &expired) {
		t.Errorf("the accept that waited: %v, want that the request has expired", err)
	}
}

// Of two decisions at the same moment, one wins. The other one waits, is refused,
// and its error names the state that the first has led to.
func TestOneOfTwoDecisionsWins(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	competitors := []transfer.Event{transfer.Accept, transfer.Decline, transfer.Cancel, transfer.Expire}
	for _, first := range competitors {
		for _, second := range competitors {
			f := newTestRequest(t, db, transfer.AwaitingAcceptance)
			var state transfer.RequestState
			winner := db.Hold(func(tx *storage.Tx) error {
				r, err := tx.Decide(t.Context(), f.id, storage.Decision{Event: first, By: storage.Actor{Party: storagetest.UsualParty(first)}})
				state = r.State
				return err
			})
			loser := storagetest.Go(func() error {
				_, err := db.TryDecide(f.id, storage.Decision{Event: second})
				return err
			})
			db.AwaitBlocked(1)
			winner.Commit()
			var refused *transfer.StateError
			if err := <-loser; !errors.As(err, &refused) || refused.State != state {
				t.Errorf("%s after %s: %v, want an error that names %s", second, first, err, state)
			}
		}
	}
	db.Check()
}

// open lists the transfers of a request by state.
func byState(db *storagetest.DB, f testRequest) map[transfer.State][]int {
	m := map[transfer.State][]int{}
	for _, x := range db.TransfersOf(f.id) {
		m[x.State] = append(m[x.State], x.N)
	}
	return m
}

func identifier(t *testing.T, s string) transfer.Identifier {
	t.Helper()
	id, err := transfer.ParseIdentifier(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Partial decisions, with SIMs named by every kind of identifier.
func TestPartialDecisions(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, c := range []struct {
		state   transfer.RequestState
		event   transfer.Event
		outcome transfer.State
		end     transfer.RequestState
	}{
		{transfer.InReview, transfer.Cancel, transfer.Canceled, transfer.RequestCanceled},
		{transfer.AwaitingAcceptance, transfer.Cancel, transfer.Canceled, transfer.RequestCanceled},
		{transfer.AwaitingAcceptance, transfer.Decline, transfer.Declined, transfer.RequestDeclined},
	} {
		f := newTestRequest(t, db, c.state)
		// The second SIM is named twice, by two of its identifiers.
		r := db.Decide(f.id, c.event, identifier(t, f.sims[0].IMSI), identifier(t, f.sims[1].MSISDN), f.sims[1].Identifier(), f.sims[3].Identifier())
		if r.State != c.state || r.Eligible != 2 || r.Support != 1 || r.Canceled+r.Declined != 3 || r.ExpiresAt == nil {
			t.Errorf("%s of some from %s: %+v", c.event, c.state, r)
		}
		want := map[transfer.State][]int{c.outcome: {0, 1, 3}, transfer.Eligible: {2, 4}}
		if diff := cmp.Diff(want, byState(db, f)); diff != "" {
			t.Errorf("%s of some from %s (-want +got):\n%s", c.event, c.state, diff)
		}
		// The error names the SIMs that are closed, unknown or another account's, and
		// nothing changes.
		stranger := db.SIM(storagetest.SIM{Account: f.to.ID})
		was := db.Dump()
		_, err := db.TryDecide(f.id, storage.Decision{Event: c.event, SIMs: []transfer.Identifier{
			f.sims[0].Identifier(), f.sims[2].Identifier(), stranger.Identifier(), identifier(t, "1234567"),
		}})
		var unknown *storage.UnknownSIMsError
		if !errors.As(err, &unknown) || !slices.Equal(unknown.Identifiers, []string{f.sims[0].ICCID, stranger.ICCID, "1234567"}) {
			t.Errorf("%s of SIMs that are not open: %v", c.event, err)
		}
		db.Unchanged(was)
		// A decision on the last SIMs ends the request.
		r = db.Decide(f.id, c.event, f.sims[2].Identifier(), f.sims[4].Identifier())
		if r.State != c.end || r.FinishedAt == nil || r.Eligible != 0 || r.Support != 0 || r.Left != 0 || r.ExpiresAt != nil {
			t.Errorf("%s of the last from %s: %+v", c.event, c.state, r)
		}
	}
	db.Check()
}

// Decisions about EIDs and ranges of ICCIDs are about the SIMs of the request that
// are open.
func TestPartialDecisionsByRange(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	ref := func(text string) transfer.SIMRef {
		r, err := transfer.ParseSIMRef(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const eid, otherEID = "89049032000000000000000000000011", "89049032000000000000000000000029"
	between := func(a, b storagetest.SIM) transfer.SIMRef {
		return ref(min(a.ICCID, b.ICCID) + "-" + max(a.ICCID, b.ICCID))
	}
	for _, c := range []struct {
		state   transfer.RequestState
		event   transfer.Event
		outcome transfer.State
	}{
		{transfer.Validating, transfer.Cancel, transfer.Canceled},
		{transfer.InReview, transfer.Cancel, transfer.Canceled},
		{transfer.AwaitingAcceptance, transfer.Decline, transfer.Declined},
	} {
		f := newTestRequest(t, db, c.state)
		db.Exec(`UPDATE sim_details SET eid = NULL WHERE eid IS NOT NULL`)
		db.Exec(`INSERT INTO sim_details (sim, eid) SELECT id, $2 FROM sims WHERE iccid = $1 ON CONFLICT (sim) DO UPDATE SET eid = $2`, f.sims[4].ICCID, eid)
		elsewhere := db.SIM(storagetest.SIM{Account: f.from.ID})
		stranger := db.SIM(storagetest.SIM{Account: f.to.ID})
		db.Exec(`INSERT INTO sim_details (sim, eid) SELECT id, $2 FROM sims WHERE iccid = $1 ON CONFLICT (sim) DO UPDATE SET eid = $2`, stranger.ICCID, otherEID)
		was := db.Dump()
		for _, none := range []transfer.SIMRef{ref(otherEID), between(elsewhere, elsewhere), between(stranger, stranger)} {
			_, err := db.TryDecide(f.id, storage.Decision{Event: c.event, SIMs: []transfer.Identifier{f.sims[1].Identifier()}, Ranges: []transfer.SIMRef{ref(eid), none}})
			var unknown *storage.UnknownSIMsError
			if !errors.As(err, &unknown) || !slices.Equal(unknown.Identifiers, []string{none.String()}) {
				t.Errorf("%s of %s from %s: %v", c.event, none, c.state, err)
			}
		}
		db.Unchanged(was)
		_, err := db.TryDecide(f.id, storage.Decision{
			Event: c.event, SIMs: []transfer.Identifier{f.sims[1].Identifier()}, Ranges: []transfer.SIMRef{between(f.sims[0], f.sims[1]), ref(eid)},
		})
		if err != nil {
			t.Fatalf("%s from %s: %v", c.event, c.state, err)
		}
		if c.state == transfer.Validating {
			validate(t, db, f.id)
		}
		want := map[transfer.State][]int{c.outcome: {0, 1, 4}, transfer.Eligible: {2, 3}}
		if diff := cmp.Diff(want, byState(db, f)); diff != "" {
			t.Errorf("%s from %s (-want +got):\n%s", c.event, c.state, diff)
		}
	}
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	if _, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept, Ranges: []transfer.SIMRef{between(f.sims[2], f.sims[3])}}); err != nil {
		t.Fatal(err)
	}
	execute(t, db, f.id)
	want := map[transfer.State][]int{transfer.Completed: {2, 3}, transfer.Declined: {0, 1, 4}}
	if diff := cmp.Diff(want, byState(db, f)); diff != "" {
		t.Errorf("accepting a range (-want +got):\n%s", diff)
	}
	db.Check()
}

func TestPartialAcceptance(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Decide(f.id, transfer.Cancel, f.sims[2].Identifier())

	was := db.Dump()
	_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept, SIMs: []transfer.Identifier{f.sims[0].Identifier(), f.sims[2].Identifier()}})
	var unknown *storage.UnknownSIMsError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Identifiers, []string{f.sims[2].ICCID}) {
		t.Errorf("accepting a SIM that was canceled: %v", err)
	}
	db.Unchanged(was)

	// A SIM that is open in another request is not open in this one.
	elsewhere := db.SIM(storagetest.SIM{Account: f.from.ID})
	validate(t, db, db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: []storagetest.SIM{elsewhere}}))
	_, err = db.TryDecide(f.id, storage.Decision{Event: transfer.Accept, SIMs: []transfer.Identifier{elsewhere.Identifier()}})
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Identifiers, []string{elsewhere.ICCID}) {
		t.Errorf("accepting a SIM of another request: %v", err)
	}

	r := db.Decide(f.id, transfer.Accept, identifier(t, f.sims[0].IMSI), f.sims[3].Identifier())
	if r.State != transfer.Transferring || !r.Partial || r.Left != r.Size {
		t.Errorf("after a partial acceptance: %+v", r)
	}
	execute(t, db, f.id)
	want := map[transfer.State][]int{transfer.Completed: {0, 3}, transfer.Canceled: {2}, transfer.Declined: {1, 4}}
	if diff := cmp.Diff(want, byState(db, f)); diff != "" {
		t.Errorf("after a partial acceptance (-want +got):\n%s", diff)
	}
	r = db.Find(f.id)
	if r.State != transfer.RequestCompleted || r.Completed != 2 || r.Declined != 2 || r.Canceled != 1 {
		t.Errorf("the finished request: %+v", r)
	}
	db.Check()

	// The record of the accepted SIMs is no longer needed.
	if n, err := db.PurgeNotes(t.Context(), 100); n != 2 || err != nil {
		t.Errorf("purged %d rows, %v; want 2", n, err)
	}
}

// The records of partial decisions on unfinished requests are kept.
func TestPurgeKeepsUnfinishedRequests(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	accepted := newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Decide(accepted.id, transfer.Accept, accepted.sims[0].Identifier())
	withdrawn := newTestRequest(t, db, transfer.Validating)
	db.Decide(withdrawn.id, transfer.Cancel, withdrawn.sims[0].Identifier())
	was := db.Dump()
	if n, err := db.PurgeNotes(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("purged %d rows, %v; want none", n, err)
	}
	db.Unchanged(was)
	validate(t, db, withdrawn.id)
	execute(t, db, accepted.id)
	db.Decide(withdrawn.id, transfer.Deny)
	release(t, db, withdrawn.id)
	for want := 1; want >= 0; want-- { // one of each table at a time
		n, err := db.PurgeNotes(t.Context(), 1)
		if n != want*2 || err != nil {
			t.Errorf("purged %d rows, %v; want %d", n, err, want*2)
		}
	}
	if n := storagetest.One[int](db, `SELECT (SELECT count(*) FROM chosen) + (SELECT count(*) FROM withdrawn)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// SIMs that are withdrawn during validation are canceled when it ends.
func TestWithdrawnWhileValidating(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, c := range []struct {
		name     string
		withdraw []int
		spoil    bool // the others are terminated
		want     transfer.RequestState
		left     int
	}{
		{"some", []int{0, 3}, false, transfer.InReview, 3},
		{"those that need support", []int{3, 4}, false, transfer.AwaitingAcceptance, 3},
		{"all", []int{0, 1, 2, 3, 4}, false, transfer.RequestCanceled, 0},
		{"the only eligible ones", []int{0, 3}, true, transfer.RequestCanceled, 0},
	} {
		f := newTestRequest(t, db, transfer.Validating)
		if c.spoil {
			for i, s := range f.sims {
				if !slices.Contains(c.withdraw, i) {
					db.Exec(`UPDATE sims SET status = 'terminated' WHERE id = $1`, s.ID)
				}
			}
		}
		var named []transfer.Identifier
		for _, i := range c.withdraw {
			named = append(named, identifier(t, f.sims[i].IMSI)) // the request names ICCIDs
		}
		r := db.Decide(f.id, transfer.Cancel, named...)
		if r.State != transfer.Validating || r.Canceled != 0 {
			t.Errorf("%s withdrawn: %+v before validation has ended", c.name, r)
		}
		db.Decide(f.id, transfer.Cancel, named...) // again: no harm
		validate(t, db, f.id)
		r = db.Find(f.id)
		if r.State != c.want || r.Canceled != len(c.withdraw) || r.Eligible != c.left || (r.FinishedAt != nil) != (c.left == 0) {
			t.Errorf("%s withdrawn: %+v, want %s with %d left", c.name, r, c.want, c.left)
		}
		if (r.ExpiresAt != nil) != (c.left > 0) {
			t.Errorf("%s withdrawn: expires at %v", c.name, r.ExpiresAt)
		}
	}
	db.Check()
}

// SIMs that are withdrawn but ineligible stay ineligible.
func TestWithdrawnAndIneligible(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	f := newTestRequest(t, db, transfer.Validating)
	db.Exec(`UPDATE sims SET status = 'terminated'`)
	db.Decide(f.id, transfer.Cancel, f.sims[0].Identifier())
	_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Cancel, SIMs: []transfer.Identifier{identifier(t, "987654321")}})
	var unknown *storage.UnknownSIMsError
	if !errors.As(err, &unknown) {
		t.Errorf("withdrawing a SIM that is not in the request: %v", err)
	}
	validate(t, db, f.id)
	r := db.Find(f.id)
	if r.State != transfer.RequestCanceled || r.Ineligible != 5 || r.Canceled != 0 || r.FinishedAt == nil {
		t.Errorf("the finished request: %+v", r)
	}
	db.Check()
}

// A SIM of the source can be withdrawn by any of its identifiers. Another
// account's SIM can be withdrawn only by the identifier in the request, so that
// its other identifiers are not disclosed.
func TestWithdrawDisclosesNoIdentifiers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to, stranger := db.Account(), db.Account(), db.Account()
	own, other := db.SIM(storagetest.SIM{Account: from.ID}), db.SIM(storagetest.SIM{Account: stranger.ID})
	id := db.Request(storagetest.Request{From: from, To: to, Identifiers: []string{own.ICCID, other.ICCID}})
	_, err := db.TryDecide(id, storage.Decision{Event: transfer.Cancel, SIMs: []transfer.Identifier{identifier(t, other.IMSI)}})
	var unknown *storage.UnknownSIMsError
	if !errors.As(err, &unknown) {
		t.Errorf("withdrawing another account's SIM by another identifier: %v", err)
	}
	db.Decide(id, transfer.Cancel, identifier(t, other.ICCID), identifier(t, own.IMSI))
	validate(t, db, id)
	if r := db.Find(id); r.State != transfer.RequestCanceled || r.Canceled != 1 || r.Ineligible != 1 {
		t.Errorf("the finished request: %+v", r)
	}
	db.Check()
}

// An identifier that belongs to no SIM can be withdrawn too.
func TestWithdrawUnknownSIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	s := db.SIM(storagetest.SIM{Account: from.ID})
	id := db.Request(storagetest.Request{From: from, To: to, Identifiers: []string{s.ICCID, "8988999999999999999"}})
	db.Decide(id, transfer.Cancel, identifier(t, "8988999999999999999"))
	validate(t, db, id)
	if r := db.Find(id); r.State != transfer.AwaitingAcceptance || r.Ineligible != 1 || r.Eligible != 1 {
		t.Errorf("the finished request: %+v", r)
	}
	db.Check()
}

func TestApproval(t *testing.T) {
	t.Parallel()
	amount := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		name     string
		quoted   bool // the schedule has an amount
		override *int64
		refused  bool
		charged  int64 // per SIM that needs support
	}{
		{name: "as quoted", quoted: true, charged: 500},
		{name: "waived", quoted: true, override: amount(0)},
		{name: "changed", quoted: true, override: amount(123), charged: 123},
		{name: "not quoted", refused: true},
		{name: "not quoted, decided", override: amount(77), charged: 77},
		{name: "not quoted, waived", override: amount(0)},
	} {
		db := storagetest.Open(t) // with no fees yet
		if c.quoted {
			db.Fee("EUR", 500)
		}
		f := newTestRequest(t, db, transfer.InReview)
		db.Fee("EUR", 900) // from now on; the quote stands
		was := db.Dump()
		r, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Approve, Ticket: "T-7", FeeOverride: c.override, Reason: "as agreed"})
		var noFee *storage.NoFeeError
		if errors.As(err, &noFee) != c.refused || (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.refused {
			db.Unchanged(was)
			db.Check()
			continue
		}
		if r.Ticket == nil || *r.Ticket != "T-7" || (r.FeeReason != nil) != (c.override != nil) {
			t.Errorf("%s: ticket %v, reason %v", c.name, r.Ticket, r.FeeReason)
		}
		if wait := storagetest.One[float64](db, `SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM requests WHERE id = $1`, f.id); wait < 24*3600-60 || wait > 24*3600 {
			t.Errorf("%s: %.0f s are left to accept, want a day", c.name, wait)
		}
		db.Decide(f.id, transfer.Accept)
		execute(t, db, f.id)
		type charge struct {
			N        int
			Account  int64
			Amount   int64
			Currency string
		}
		want := []charge{}
		if c.charged > 0 {
			want = []charge{{3, f.from.ID, c.charged, "EUR"}, {4, f.from.ID, c.charged, "EUR"}}
		}
		got := storagetest.All[charge](db, `SELECT n, account, amount, currency FROM charges WHERE request = $1 ORDER BY n`, f.id)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: charges (-want +got):\n%s", c.name, diff)
		}
		db.Check()
	}
}

// A denial ends all transfers of the request, including those of ready SIMs. It
// cannot be limited to some SIMs.
func TestDenyEndsAllTransfers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	f := newTestRequest(t, db, transfer.InReview)
	db.Decide(f.id, transfer.Deny, f.sims[0].Identifier())
	release(t, db, f.id)
	if r := db.Find(f.id); r.State != transfer.RequestDenied || r.Denied != 5 || r.FinishedAt == nil {
		t.Errorf("the finished request: %+v", r)
	}
	db.Check()
}

// Each request has its own periods. Review and acceptance are counted from when
// they become possible.
func TestPeriods(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	from, to := db.Account(), db.Account()
	left := func(id any) time.Duration {
		return time.Duration(storagetest.One[float64](db, `SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM requests WHERE id = $1`, id) * float64(time.Second))
	}
	near := func(what string, got, want time.Duration) {
		if got > want || got < want-time.Minute {
			t.Errorf("%s: %s are left, want %s", what, got, want)
		}
	}
	ready := db.SIM(storagetest.SIM{Account: from.ID})
	id := db.Request(storagetest.Request{From: from, To: to, SIMs: []storagetest.SIM{ready}, Acceptance: 30 * 24 * time.Hour})
	validate(t, db, id)
	near("acceptance", left(id), 30*24*time.Hour)
	active := db.SIM(storagetest.SIM{Account: from.ID, Status: transfer.Active})
	id = db.Request(storagetest.Request{From: from, To: to, SIMs: []storagetest.SIM{active}, Acceptance: 2 * time.Hour, Review: 3 * time.Hour})
	validate(t, db, id)
	near("review", left(id), 3*time.Hour)
	db.Exec(`UPDATE requests SET created_at = created_at - interval '1 hour' WHERE id = $1`, id) // an hour of review
	db.Decide(id, transfer.Approve)
	near("acceptance after review", left(id), 2*time.Hour)
}

func TestExpireDue(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	inReview, awaiting := newTestRequest(t, db, transfer.InReview), newTestRequest(t, db, transfer.AwaitingAcceptance)
	fresh, busy := newTestRequest(t, db, transfer.AwaitingAcceptance), newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Lapse(inReview.id)
	db.Lapse(awaiting.id)
	db.Lapse(busy.id)

	letGo := db.HoldSQL(`SELECT FROM requests WHERE id = $1 FOR NO KEY UPDATE`, busy.id)
	n, err := db.ExpireDue(t.Context(), 100) // skips the request that another transaction has locked
	if n != 2 || err != nil {
		t.Errorf("expired %d requests, %v; want 2", n, err)
	}
	letGo()
	if n, err := db.ExpireDue(t.Context(), 100); n != 1 || err != nil {
		t.Errorf("then expired %d requests, %v; want the one that was locked", n, err)
	}
	for f, want := range map[*testRequest]transfer.RequestState{
		&inReview: transfer.RequestExpired, &awaiting: transfer.RequestExpired,
		&fresh: transfer.AwaitingAcceptance, &busy: transfer.RequestExpired,
	} {
		release(t, db, f.id)
		if r := db.Find(f.id); r.State != want {
			t.Errorf("the request is %s, want %s", r.State, want)
		} else if want == transfer.RequestExpired && (r.Expired != 5 || r.FinishedAt == nil) {
			t.Errorf("the expired request: %+v", r)
		}
	}
	db.Check()
}

func TestExpireDueInPages(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	for _, s := range db.SIMs(3, storagetest.SIM{Account: from.ID}) {
		id := db.Request(storagetest.Request{From: from, To: to, SIMs: []storagetest.SIM{s}})
		validate(t, db, id)
		db.Lapse(id)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := db.ExpireDue(t.Context(), 2); n != want || err != nil {
			t.Errorf("expired %d requests, %v; want %d", n, err, want)
		}
	}
}

// If an accept and the expiry happen at the same instant, the one that gets the
// row lock first wins, and the other sees its decision.
func TestAcceptAtTheInstantOfExpiry(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)

	// The accept is in time and has the lock, and then the request expires. ExpireDue
	// skips it.
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Exec(`UPDATE requests SET expires_at = clock_timestamp() + interval '1 s' WHERE id = $1`, f.id)
	accept := db.Hold(func(tx *storage.Tx) error {
		_, err := tx.Decide(t.Context(), f.id, storage.Decision{Event: transfer.Accept, By: storage.Actor{Party: transfer.PartyDestination}})
		return err
	})
	storagetest.Await(t, "the request's expiry", func() bool {
		return storagetest.One[bool](db, `SELECT expires_at < clock_timestamp() FROM requests WHERE id = $1`, f.id)
	})
	if n, err := db.ExpireDue(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("expired %d requests, %v; want none", n, err)
	}
	accept.Commit()
	if n, err := db.ExpireDue(t.Context(), 100); n != 0 || err != nil {
		t.Errorf("then expired %d requests, %v; want none", n, err)
	}
	execute(t, db, f.id)
	if r := db.Find(f.id); r.State != transfer.RequestCompleted {
		t.Errorf("the accept was first, and the request is %s", r.State)
	}

	// ExpireDue has the lock, and the accept waits.
	f = newTestRequest(t, db, transfer.AwaitingAcceptance)
	db.Lapse(f.id)
	sweep := db.Hold(func(tx *storage.Tx) error {
		_, err := tx.Decide(t.Context(), f.id, storage.Decision{Event: transfer.Expire, By: storage.System()})
		return err
	})
	late := storagetest.Go(func() error {
		_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept})
		return err
	})
	db.AwaitBlocked(1)
	sweep.Commit()
	var refused *transfer.StateError
	if err := <-late; !errors.As(err, &refused) || refused.State != transfer.RequestExpired {
		t.Errorf("the accept was second: %v, want an error that names expired", err)
	}
	release(t, db, f.id)
	db.Check()
}
