package storage_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The end of a request is taken back as if it had not been: every row is as it was,
// except what the events have recorded. The request can then go on.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, c := range []struct {
		state transfer.RequestState
		event transfer.Event
		by    transfer.Party
	}{
		{transfer.InReview, transfer.Cancel, transfer.PartySource},
		{transfer.InReview, transfer.Cancel, transfer.PartySupport},
		{transfer.InReview, transfer.Deny, transfer.PartySupport},
		{transfer.AwaitingAcceptance, transfer.Cancel, transfer.PartySource},
		{transfer.AwaitingAcceptance, transfer.Decline, transfer.PartyDestination},
		{transfer.Scheduled, transfer.Cancel, transfer.PartySource},
		{transfer.Scheduled, transfer.Decline, transfer.PartyDestination},
	} {
		name := string(c.event) + " of a request that is " + string(c.state)
		f := newTestRequest(t, db, c.state)
		db.Decide(f.id, transfer.Cancel, f.sims[1].Identifier()) // stays canceled
		was := db.Dump()
		seen := db.Find(f.id)
		act := storage.Decision{Event: c.event, By: storage.Actor{Party: c.by}, Code: transfer.OtherReason, Reason: "a mistake"}
		if _, err := db.TryDecide(f.id, act); err != nil {
			t.Fatal(err)
		}
		back := storage.Decision{Event: transfer.TakeBack, By: storage.Actor{Party: c.by}}
		var releasing *storage.ReleasingError
		if _, err := db.TryDecide(f.id, back); !errors.As(err, &releasing) {
			t.Errorf("%s, not released yet: %v", name, err)
		}
		release(t, db, f.id)
		ended := db.Dump()
		for _, other := range transfer.Parties() {
			if other == c.by {
				continue
			}
			_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.TakeBack, By: storage.Actor{Party: other}})
			var refused *transfer.TakeBackError
			var never *transfer.PartyError
			if !errors.As(err, &refused) && !errors.As(err, &never) {
				t.Errorf("%s, taken back by the %s: %v", name, other, err)
			}
		}
		db.Unchanged(ended)
		r, err := db.TryDecide(f.id, back)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		db.Unchanged(was, "requests", "events")
		if r.State != c.state || !sameTime(r.ExpiresAt, seen.ExpiresAt) || !sameTime(r.NotBefore, seen.NotBefore) || r.Fees() != seen.Fees() ||
			r.Eligible != 4 || r.Support != seen.Support || r.Canceled != 1 || r.Declined != 0 || r.Denied != 0 || r.FinishedAt != nil || r.EndedAt != nil || r.Code != nil || r.Reason != nil {
			t.Errorf("%s: %+v, want %+v", name, r, seen)
		}
		events, err := db.Events(t.Context(), f.id, transfer.PartySupport, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if last := events[len(events)-1]; last.Kind != transfer.EventTakeBack || *last.To != c.state || string(last.Detail) != `{"eligible": 4}` {
			t.Errorf("%s: the last event is %+v with %s", name, last, last.Detail)
		}
		db.Check()
		if _, err := db.TryDecide(f.id, act); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
		release(t, db, f.id)
		db.Check()
	}
}

func sameTime(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }

// A request that was taken back is transferred as if nothing had been, with the SIMs
// that were accepted before.
func TestTakenBackIsTransferred(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	schedule(t, db, f.id, f.sims[0].Identifier(), f.sims[4].Identifier())
	db.Decide(f.id, transfer.Cancel)
	release(t, db, f.id)
	db.Decide(f.id, transfer.TakeBack)
	db.Exec(`UPDATE requests SET not_before = clock_timestamp() WHERE id = $1`, f.id)
	if n, err := db.StartDue(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("started %d requests: %v", n, err)
	}
	execute(t, db, f.id)
	r := db.Find(f.id)
	if r.State != transfer.RequestCompleted || r.Completed != 2 || r.Declined != 3 || r.Charged != 500 {
		t.Errorf("%+v, want 2 SIMs completed and 3 declined", r)
	}
	db.Check()
}

// What keeps an end from being taken back, and that nothing changes then.
func TestTakeBackIsRefused(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	var late, never *transfer.TakeBackError
	var expired *transfer.ExpiredError
	var taken *storage.SIMsNotFreeError
	var closed *storage.AccountClosedError
	for _, c := range []struct {
		name   string
		spoil  func(f testRequest)
		as     any
		naming int // SIM that the error names, if it is a SIMsNotFreeError
	}{
		{"too late", func(f testRequest) {
			db.Exec(`UPDATE requests SET ended_at = ended_at - interval '10 minutes' WHERE id = $1`, f.id)
		}, &late, 0},
		{"expired meanwhile", func(f testRequest) {
			db.Exec(`UPDATE requests SET ended_expiry = clock_timestamp() WHERE id = $1`, f.id)
		}, &expired, 0},
		{"in another request", func(f testRequest) {
			again := db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: f.sims[2:3]})
			validate(t, db, again)
		}, &taken, 2},
		{"moved by another request", func(f testRequest) {
			again := db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: f.sims[:1]})
			validate(t, db, again)
			db.Decide(again, transfer.Accept)
			execute(t, db, again)
		}, &taken, 0},
		{"retired", func(f testRequest) {
			db.Exec(`INSERT INTO retired_sims (sim) SELECT sim FROM transfers WHERE request = $1 AND n = 3`, f.id)
		}, &taken, 3},
		{"a closed account", func(f testRequest) {
			db.Exec(`UPDATE accounts SET standing = 'closed' WHERE id = $1`, f.to.ID)
		}, &closed, 0},
		{"an end that no party made", func(f testRequest) {
			db.Exec(`UPDATE requests SET ended_at = NULL, ended_by = NULL, ended_from = NULL, ended_open = NULL WHERE id = $1`, f.id)
		}, &never, 0},
	} {
		f := newTestRequest(t, db, transfer.RequestDeclined)
		release(t, db, f.id)
		c.spoil(f)
		was := db.Dump()
		_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.TakeBack, By: storage.Actor{Party: transfer.PartyDestination}})
		if !errors.As(err, c.as) {
			t.Errorf("%s: %v", c.name, err)
		}
		if errors.As(err, &taken) && (taken.Count != 1 || !slices.Equal(taken.Identifiers, []string{f.sims[c.naming].ICCID})) {
			t.Errorf("%s: %+v, want SIM %s", c.name, taken, f.sims[c.naming].ICCID)
		}
		db.Unchanged(was)
		taken = nil
	}
	f := newTestRequest(t, db, transfer.Validating)
	db.Decide(f.id, transfer.Cancel)
	validate(t, db, f.id)
	release(t, db, f.id)
	if _, err := db.TryDecide(f.id, storage.Decision{Event: transfer.TakeBack}); !errors.As(err, &never) {
		t.Errorf("canceled during validation: %v", err)
	}
}

// A request that its source takes back counts for the limits of the account like a new
// one. The other parties can take back what they did whatever the source sends.
func TestTakeBackCountsForLimits(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, c := range []struct {
		event transfer.Event
		by    transfer.Party
		over  bool
	}{
		{transfer.Cancel, transfer.PartySource, true},
		{transfer.Cancel, transfer.PartySupport, false},
		{transfer.Decline, transfer.PartyDestination, false},
	} {
		f := newTestRequest(t, db, transfer.AwaitingAcceptance)
		if _, err := db.TryDecide(f.id, storage.Decision{Event: c.event, By: storage.Actor{Party: c.by}}); err != nil {
			t.Fatal(err)
		}
		release(t, db, f.id)
		db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: db.SIMs(1, storagetest.SIM{Account: f.from.ID})})
		was := db.Dump()
		back := storage.Decision{Event: transfer.TakeBack, By: storage.Actor{Party: c.by}, Limits: storage.DefaultLimits{OpenRequests: 1}}
		_, err := db.TryDecide(f.id, back)
		var over *storage.LimitError
		switch {
		case !c.over && err != nil:
			t.Errorf("%s by the %s: %v", c.event, c.by, err)
		case c.over && (!errors.As(err, &over) || over.Name != storage.LimitOpenRequests || over.Used != 1):
			t.Errorf("%s by the %s: %v, want a *LimitError", c.event, c.by, err)
		case c.over:
			db.Unchanged(was)
			back.Limits.OpenRequests = 2
			if _, err := db.TryDecide(f.id, back); err != nil {
				t.Errorf("%s by the %s, within the limit: %v", c.event, c.by, err)
			}
		}
	}
}

// A take-back and a new request for the same SIMs run at the same time: exactly one
// of them gets the SIMs.
func TestTakeBackAgainstNewRequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, first := range []string{"take back", "validation"} {
		f := newTestRequest(t, db, transfer.RequestCanceled)
		release(t, db, f.id)
		again := db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: slices.Concat(f.sims[3:], f.sims[:3])})
		back := func(tx *storage.Tx) error {
			_, err := tx.Decide(t.Context(), f.id, storage.Decision{Event: transfer.TakeBack, By: storage.Actor{Party: transfer.PartySource}})
			return err
		}
		work := workOf(db, again, transfer.WorkValidate)[0]
		judge := func(tx *storage.Tx) error {
			w, err := tx.LockWork(t.Context(), work)
			if err != nil {
				return err
			}
			return validateChunk(t.Context(), tx, w)
		}
		one, other := back, judge
		if first == "validation" {
			one, other = judge, back
		}
		held := db.Hold(one)
		ended := storagetest.Go(func() error { return db.InTx(t.Context(), other) })
		db.AwaitBlocked(1)
		held.Commit()
		err := <-ended
		old, young := db.Find(f.id), db.Find(again)
		var taken *storage.SIMsNotFreeError
		switch {
		case first == "take back" && (err != nil || old.Eligible != 5 || young.Ineligible != 5):
			t.Errorf("taken back first (%v): %+v and %+v", err, old, young)
		case first == "validation" && (!errors.As(err, &taken) || taken.Count != 5 || old.Eligible != 0 || young.Eligible != 5):
			t.Errorf("validated first (%v): %+v and %+v", err, old, young)
		}
		db.Check()
	}
}
