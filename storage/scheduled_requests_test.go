package storage_test

import (
	"errors"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A request that is accepted for later keeps its claims and has no work until its
// window begins, when the scheduler starts it once.
func TestScheduledRequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	r := schedule(t, db, f.id)
	if r.State != transfer.Scheduled || r.Left != 0 || r.Eligible != 5 || r.NotBefore == nil || r.ExpiresAt == nil {
		t.Errorf("accepted for later: %+v", r)
	}
	db.Check()
	if n, err := db.StartDue(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("started %d requests before the window: %v", n, err)
	}
	db.Exec(`UPDATE requests SET not_before = clock_timestamp() WHERE id = $1`, f.id)
	for _, want := range []int{1, 0} {
		if n, err := db.StartDue(t.Context(), 10); n != want || err != nil {
			t.Errorf("started %d requests (%v), want %d", n, err, want)
		}
	}
	if r := db.Find(f.id); r.State != transfer.Transferring || r.Left != 5 || r.ExpiresAt != nil {
		t.Errorf("started: %+v", r)
	}
	db.Check()
	execute(t, db, f.id)
	if r := db.Find(f.id); r.State != transfer.RequestCompleted || r.Completed != 5 {
		t.Errorf("executed: %+v", r)
	}
	db.Check()
}

// A scheduled request that was not started in its window expires; it makes no
// difference which sweep comes first.
func TestMissedWindow(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.Scheduled)
	db.Exec(`UPDATE requests SET not_before = clock_timestamp() - interval '2 minutes' WHERE id = $1`, f.id)
	db.Lapse(f.id)
	if n, err := db.StartDue(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("started %d requests: %v", n, err)
	}
	if n, err := db.ExpireDue(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("expired %d requests: %v", n, err)
	}
	release(t, db, f.id)
	if r := db.Find(f.id); r.State != transfer.RequestExpired || r.Expired != 5 || r.FinishedAt == nil {
		t.Errorf("%+v, want it expired", r)
	}
	db.Check()
}

// Both sides can withdraw single SIMs until a scheduled request starts; the last one
// ends it.
func TestWithdrawFromScheduled(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.Scheduled)
	r := db.Decide(f.id, transfer.Cancel, f.sims[0].Identifier(), f.sims[1].Identifier())
	if r.State != transfer.Scheduled || r.Eligible != 3 || r.Canceled != 2 {
		t.Errorf("two canceled: %+v", r)
	}
	db.Check()
	r = db.Decide(f.id, transfer.Decline, f.sims[2].Identifier(), f.sims[3].Identifier(), f.sims[4].Identifier())
	if r.State != transfer.RequestDeclined || r.Declined != 3 || r.FinishedAt == nil {
		t.Errorf("the others declined: %+v", r)
	}
	db.Check()
}

// An acceptance of some SIMs with a window declines the others at once, so that
// they are free before the request starts. The last decision on the accepted ones
// ends the request.
func TestAcceptSomeWithWindow(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	r, err := db.TryDecide(f.id, storage.Decision{
		Event: transfer.Accept, SIMs: []transfer.Identifier{f.sims[0].Identifier(), f.sims[1].Identifier()},
		Window: &transfer.Window{NotBefore: time.Now().Add(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.State != transfer.Scheduled || r.Eligible != 2 || r.Declined != 3 {
		t.Errorf("two accepted: %+v", r)
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM open_transfers`); n != 2 {
		t.Errorf("%d SIMs are claimed, want only those that were accepted", n)
	}
	db.Check()
	r = db.Decide(f.id, transfer.Cancel, f.sims[0].Identifier(), f.sims[1].Identifier())
	if r.State != transfer.RequestCanceled || r.Canceled != 2 || r.Declined != 3 || r.FinishedAt == nil {
		t.Errorf("both canceled: %+v, want the request canceled", r)
	}
	db.Check()
}

// A window that is not possible is refused, and nothing changes.
func TestImpossibleWindow(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	was := db.Dump()
	_, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept, Window: &transfer.Window{NotBefore: time.Now().Add(31 * 24 * time.Hour)}})
	var wrong *transfer.WindowError
	if !errors.As(err, &wrong) || wrong.Field != "not_before" {
		t.Errorf("%v, want an error of not_before", err)
	}
	db.Unchanged(was)
}

// A request that may start at any time from now on waits for the next sweep.
func TestWindowWithoutBeginning(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	if _, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Accept, Window: &transfer.Window{NotAfter: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if n, err := db.StartDue(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("started %d requests: %v", n, err)
	}
}
