package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// newSIMs returns n SIMs to import for an account, numbered from first.
func newSIMs(a storage.Account, first, n int) []storage.NewSIM {
	list := make([]storage.NewSIM, n)
	for i := range list {
		list[i] = storage.NewSIM{
			ICCID:   storagetest.Identifier(fmt.Sprintf("8988333%012d", first+i)),
			IMSIs:   []transfer.Identifier{storagetest.Identifier(fmt.Sprintf("90199%010d", first+i))},
			Account: a.OperatorID.Ref(),
			Status:  transfer.Ready,
			Plan:    storagetest.FreePlan,
		}
	}
	return list
}

func importSIMs(t *testing.T, db *storagetest.DB, list []storage.NewSIM) (n int64, err error) {
	t.Helper()
	err = db.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
		n, err = tx.ImportSIMs(t.Context(), storage.System(), slices.Values(list))
		return err
	})
	return n, err
}

func TestImportFollowsTheUpload(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	db.SIM(storagetest.SIM{Account: a.ID}) // makes the plans
	if n, err := importSIMs(t, db, newSIMs(a, 1, 2500)); err != nil || n != 2500 {
		t.Fatalf("imported %d: %v", n, err)
	}
	if n := storagetest.One[int](db, `
		SELECT count(*) FROM (SELECT iccid < lag(iccid) OVER (ORDER BY id) AS wrong FROM sims WHERE iccid LIKE '8988333%') AS s WHERE wrong`); n != 0 {
		t.Errorf("the ids of %d SIMs are out of order", n)
	}
	db.Check()
}

// Of two concurrent imports of the same SIMs, one creates them, and the other
// returns them as errors.
func TestConcurrentImportsOfTheSameSIMs(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	db.SIM(storagetest.SIM{Account: a.ID})
	list := newSIMs(a, 1, 300)
	back := slices.Clone(list)
	slices.Reverse(back)
	results := make(chan error, 4)
	for i := range 4 {
		go func() {
			_, err := importSIMs(t, db, [][]storage.NewSIM{list, back}[i%2])
			results <- err
		}()
	}
	made := 0
	for range 4 {
		err := <-results
		var wrong *storage.ImportError
		switch {
		case err == nil:
			made++
		case !errors.As(err, &wrong):
			t.Error(err)
		case wrong.Rows[0].Count != len(list) || wrong.Rows[0].Rows[0] != 0 || wrong.Rows[0].Code != storage.IdentifierTaken:
			t.Errorf("%d kinds of errors, the first %+v", len(wrong.Rows), wrong.Rows[0])
		}
	}
	if made != 1 {
		t.Errorf("%d imports were made", made)
	}
	db.Check()
}

// A session that began before its SIM was known is linked later. If the SIM
// has changed hands since, it belongs to an earlier owner and is dropped.
func TestSessionsAreLinkedLater(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	sims := db.SIMs(2, storagetest.SIM{Account: a.ID})
	gateway := db.Gateway()
	for _, s := range sims {
		db.Session(s, gateway, 0)
	}
	db.Exec(`UPDATE radius.radacct SET sim = NULL`)
	db.Exec(`UPDATE sims SET status = 'ready'`)
	db.Exec(`
		WITH r AS (
			INSERT INTO registrations (sim, since, account, request, n) VALUES ($1, clock_timestamp(), $2, gen_random_uuid(), 0) RETURNING since
		)
		UPDATE sims SET account = $2, since = r.since FROM r WHERE id = $1`, sims[1].ID, b.ID)
	for _, want := range []int64{2, 0} {
		if n, last, err := db.LinkSessions(t.Context(), 0); err != nil || n != want || last != 0 {
			t.Errorf("linked %d, not %d, up to %d: %v", n, want, last, err)
		}
	}
	if got := storagetest.All[string](db, `SELECT status FROM sims ORDER BY id`); !slices.Equal(got, []string{"active", "ready"}) {
		t.Errorf("statuses %q", got)
	}
	strays := storagetest.All[int64](db, `SELECT a.sim FROM work w JOIN radius.radacct a ON a.radacctid = w.items[1] WHERE w.kind = 'drop_stray' AND w.gateway = $1`, gateway)
	if !slices.Equal(strays, []int64{sims[1].ID}) {
		t.Errorf("strays of the SIMs %v", strays)
	}
}

// Sessions of unknown SIMs stay unlinked and do not block others: each call
// continues where the last one ended, and starts over at the end.
func TestSessionsOfUnknownSIMsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	s := db.SIM(storagetest.SIM{Account: db.Account().ID})
	db.Exec(`
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT 'x' || i, 'x' || i, '99999' || lpad(i::text, 10, '0'), '192.0.2.1', clock_timestamp()
		FROM generate_series(1, 12000) i`)
	db.Session(s, db.Gateway(), 0)
	db.Exec(`UPDATE radius.radacct SET sim = NULL`)
	after, calls := int64(0), 0
	for linked := int64(0); linked == 0; calls++ {
		var err error
		if linked, after, err = db.LinkSessions(t.Context(), after); err != nil {
			t.Fatal(err)
		}
		if linked == 0 && after == 0 {
			t.Fatal("reached the end without finding the session")
		}
	}
	if calls != 3 || after != 0 {
		t.Errorf("linked by call %d, up to %d", calls, after)
	}
}
