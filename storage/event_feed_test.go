package storage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A reader of a feed cannot miss an event that commits late: while a transaction
// is running, the events of later ones are not read. When it commits, its events
// come first, although their ids are higher.
func TestFeedsWaitForLateCommits(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: from.ID})
	one := db.Request(storagetest.Request{From: from, To: to, SIMs: sims[:1]})
	two := db.Request(storagetest.Request{From: from, To: to, SIMs: sims[1:]})
	var batch storage.Batch
	db.Get(&batch, `
		INSERT INTO batches (id, account, size) VALUES (gen_random_uuid(), $1, 2) RETURNING id, account, size`, from.ID)
	db.Exec(`UPDATE requests SET batch = $1`, batch.ID)

	feeds := []struct {
		name string
		read func(after storage.Cursor) ([]storage.FeedEvent, error)
		at   storage.Cursor
		got  []transfer.EventKind
	}{
		{name: "the source's", read: func(after storage.Cursor) ([]storage.FeedEvent, error) {
			return db.Feed(t.Context(), from.ID, 0, after, 100)
		}},
		{name: "the destination's", read: func(after storage.Cursor) ([]storage.FeedEvent, error) {
			return db.Feed(t.Context(), to.ID, 0, after, 100)
		}},
		{name: "all accounts'", read: func(after storage.Cursor) ([]storage.FeedEvent, error) { return db.Feed(t.Context(), 0, 0, after, 100) }},
		{name: "the batch's", read: func(after storage.Cursor) ([]storage.FeedEvent, error) {
			return db.BatchFeed(t.Context(), batch, after, 100)
		}},
	}
	follow := func() {
		t.Helper()
		for i := range feeds {
			f := &feeds[i]
			list, err := f.read(f.at)
			if err != nil {
				t.Fatalf("%s feed: %v", f.name, err)
			}
			for _, e := range list {
				f.at = e.Cursor
				f.got = append(f.got, e.Kind)
			}
		}
	}
	follow()
	work := workOf(db, one, transfer.WorkValidate)[0]
	err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		if _, err := tx.LockWork(t.Context(), work); err != nil { // its first write
			return err
		}
		validate(t, db, two)
		follow()
		_, err := tx.Decide(t.Context(), one, storage.Decision{Event: transfer.Cancel, By: storage.Actor{Party: transfer.PartySource}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []transfer.EventKind{
		transfer.EventCreate, transfer.EventCreate, transfer.EventCancel, transfer.EventValidate, transfer.EventOffer,
	}
	wanted := func(feed string) []transfer.EventKind {
		if feed == "the destination's" {
			return want[4:] // nothing from before it may decide
		}
		return want
	}
	storagetest.Await(t, "every event in every feed", func() bool {
		follow()
		for _, f := range feeds {
			if len(f.got) < len(wanted(f.name)) {
				return false
			}
		}
		return true
	})
	for _, f := range feeds {
		if diff := cmp.Diff(wanted(f.name), f.got); diff != "" {
			t.Errorf("%s feed (-want +got):\n%s", f.name, diff)
		}
	}
}
