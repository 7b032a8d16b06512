package storage_test

import (
	"errors"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestExtend(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	for _, state := range []transfer.RequestState{transfer.InReview, transfer.AwaitingAcceptance} {
		f := newTestRequest(t, db, state)
		before := db.Find(f.id)
		limit := before.WaitingSince.Add(transfer.MaxAcceptance)
		for _, wrong := range []storage.Decision{
			{Until: *before.ExpiresAt},
			{Until: before.ExpiresAt.Add(-time.Hour)},
			{Until: limit.Add(time.Second)},
			{Longer: transfer.MaxAcceptance},
		} {
			wrong.Event = transfer.Extend
			was := db.Dump()
			var refused *transfer.ExtensionError
			if _, err := db.TryDecide(f.id, wrong); !errors.As(err, &refused) {
				t.Errorf("%s, extended to %+v: %v", state, wrong, err)
			}
			db.Unchanged(was)
		}
		for _, c := range []struct {
			d    storage.Decision
			want time.Time
		}{
			{storage.Decision{Longer: time.Hour}, before.ExpiresAt.Add(time.Hour)},
			{storage.Decision{Until: limit}, limit},
		} {
			c.d.Event = transfer.Extend
			r, err := db.TryDecide(f.id, c.d)
			if err != nil || r.State != state || !r.ExpiresAt.Equal(c.want) {
				t.Errorf("%s: expires at %v (%v), want %s", state, r.ExpiresAt, err, c.want)
			}
		}
		db.Check()
	}
}

// Reminders are recorded once, at half and nine tenths of the time to decide; an
// extension moves those that are left, and a short request has none.
func TestReminders(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance)
	reminders := func() (list []string) {
		return storagetest.All[string](db, `SELECT detail->>'percent' || ' ' || (detail->>'waiting_for') FROM events WHERE request = $1 AND kind = 'remind' ORDER BY seq`, f.id)
	}
	step := func(name string, want ...string) {
		t.Helper()
		for range 2 { // the second call finds nothing new
			if _, err := db.RemindDue(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
		}
		if got := reminders(); len(got) != len(want) || len(got) > 0 && got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		db.Check()
	}
	// pass lets time pass: the request was made that much earlier.
	pass := func(d time.Duration) {
		db.Exec(`
			UPDATE requests
			SET waiting_since = waiting_since - make_interval(secs => $2), expires_at = expires_at - make_interval(secs => $2),
				remind_at = remind_at - make_interval(secs => $2)
			WHERE id = $1`, f.id, d.Seconds())
	}
	step("at first")
	pass(11 * time.Hour)
	step("before half")
	pass(2 * time.Hour)
	step("after half", "50 destination")
	if _, err := db.TryDecide(f.id, storage.Decision{Event: transfer.Extend, Longer: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	pass(9 * time.Hour)
	step("after nine tenths of what it was", "50 destination")
	pass(22 * time.Hour)
	step("after nine tenths", "50 destination", "90 destination")
	pass(time.Hour)
	step("near the end", "50 destination", "90 destination")

	f = newTestRequest(t, db, transfer.InReview)
	pass(160 * time.Hour)
	step("after nine tenths of the review, at once", "90 support")
	db.Decide(f.id, transfer.Approve)
	pass(13 * time.Hour)
	step("after half of the time to accept", "90 support", "50 destination")
	db.Decide(f.id, transfer.Accept)
	pass(9 * time.Hour)
	step("accepted", "90 support", "50 destination")

	f = testRequest{db: db, from: db.Account(), to: db.Account()}
	f.id = db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: db.SIMs(1, storagetest.SIM{Account: f.from.ID}), Acceptance: 9 * time.Minute})
	validate(t, db, f.id)
	pass(8*time.Minute + 30*time.Second)
	step("nine minutes in all")
}
