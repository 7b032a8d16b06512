package storage_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// requestOf creates a request between the accounts of another one.
func requestOf(t *testing.T, f testRequest, identifiers ...string) storage.Request {
	t.Helper()
	made, err := f.db.CreateRequest(t.Context(), newRequestOf(f, identifiers...))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func newRequestOf(f testRequest, identifiers ...string) storage.NewRequest {
	return storage.NewRequest{
		Source: f.from, Destination: f.to, Acceptance: time.Hour, Review: time.Hour,
		By: storage.Actor{Party: transfer.PartySource}, Size: len(identifiers), SIMs: storagetest.Lines(identifiers...),
	}
}

// unknownICCID returns an ICCID that no SIM has.
func unknownICCID(i int) string { return fmt.Sprintf("99999%014d", i) }

// Transfers that named no SIM are deleted when their request has been finished
// for the period, and only those. The request counts them.
func TestPurgeUnknown(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.RequestCompleted)
	mixed := requestOf(t, f, unknownICCID(1), f.sims[0].ICCID, unknownICCID(2)) // the SIM belongs to another account by now
	validate(t, db, mixed.ID)
	open := newTestRequest(t, db, transfer.AwaitingAcceptance)
	unfinished := requestOf(t, open, unknownICCID(3))
	canceled := requestOf(t, open, unknownICCID(4), open.sims[0].ICCID)
	db.Decide(canceled.ID, transfer.Cancel)
	for _, w := range storagetest.All[int64](db, `SELECT id FROM work WHERE request = $1`, canceled.ID) {
		if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
			work, err := tx.LockWork(t.Context(), w)
			if err != nil {
				return err
			}
			c, err := tx.CancelPending(t.Context(), work)
			if err != nil {
				return err
			}
			return tx.CloseValidation(t.Context(), work, c)
		}); err != nil {
			t.Fatal(err)
		}
	}
	db.Check()

	was := db.Dump()
	if n, err := db.PurgeUnknown(t.Context(), time.Hour, 100); n != 0 || err != nil {
		t.Errorf("purged %d transfers, %v; want none before the period is over", n, err)
	}
	db.Unchanged(was)
	db.Exec(`UPDATE requests SET finished_at = finished_at - interval '2 hours' WHERE finished_at IS NOT NULL`)
	for _, want := range []int{3, 2, 0} { // a page at a time
		if n, err := db.PurgeUnknown(t.Context(), time.Hour, 3); n != want || err != nil {
			t.Errorf("purged %d transfers, %v; want %d", n, err, want)
		}
	}
	db.Check()
	for id, want := range map[uuid.UUID][2]int{mixed.ID: {3, 0}, canceled.ID: {2, 0}, unfinished.ID: {0, 1}} {
		r := db.Find(id)
		if left := len(db.TransfersOf(id)); r.Purged != want[0] || left != want[1] {
			t.Errorf("request of %d SIMs: %d purged, %d transfers left; want %v", r.Size, r.Purged, left, want)
		}
	}
	if r := db.Find(mixed.ID); r.Ineligible != 3 || r.Size != 3 {
		t.Errorf("the counts of the request have changed: %+v", r)
	}
	if n := len(db.TransfersOf(f.id)); n != len(f.sims) {
		t.Errorf("%d transfers of a completed request are left, want %d", n, len(f.sims))
	}
	if n := storagetest.One[int](db, `SELECT sum((after ->> 'sims')::int) FROM audit WHERE action = 'transfer.purge'`); n != 5 {
		t.Errorf("the audit trail has %d purged SIMs, want 5", n)
	}
}

// A row that was deleted without being counted is found by the check.
func TestCheckFindsUncountedPurge(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	f := newTestRequest(t, db, transfer.Validating)
	made := requestOf(t, f, unknownICCID(1))
	validate(t, db, made.ID)
	db.Exec(`DELETE FROM transfers WHERE request = $1`, made.ID)
	findings, err := db.DB.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, finding := range findings {
		n += finding.Violations
	}
	if n != 1 {
		t.Errorf("%d violations, want 1", n)
	}
}

// Concurrent calls do not exceed a limit together, and the error counts what is
// open.
func TestEnforceLimits(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.AwaitingAcceptance) // one request with five SIMs
	create := func(ctx context.Context, d storage.DefaultLimits, n int) error {
		return db.InRetriedTx(ctx, func(tx *storage.Tx) error {
			identifiers := make([]string, n)
			for i := range identifiers {
				identifiers[i] = unknownICCID(i)
			}
			if _, err := tx.CreateRequest(ctx, newRequestOf(f, identifiers...)); err != nil {
				return err
			}
			return tx.EnforceLimits(ctx, f.from, d, 1, n)
		})
	}
	limit := storage.DefaultLimits{OpenRequests: 4}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = create(t.Context(), limit, 1) })
	}
	wg.Wait()
	created := 0
	for _, err := range errs {
		var over *storage.LimitError
		switch {
		case err == nil:
			created++
		case !errors.As(err, &over) || over.Name != storage.LimitOpenRequests || over.Used != 4 || over.Limit != 4:
			t.Errorf("error %v; want 4 of 4 open requests", err)
		}
	}
	if created != 3 {
		t.Errorf("%d requests were created besides the first, want 3", created)
	}

	var over *storage.LimitError
	if err := create(t.Context(), storage.DefaultLimits{OpenSIMs: 10}, 3); !errors.As(err, &over) || over.Name != storage.LimitOpenSIMs || over.Used != 8 || over.Adds != 3 {
		t.Errorf("3 SIMs in addition to 8 with a limit of 10: %v", err)
	}
	if err := create(t.Context(), storage.DefaultLimits{OpenSIMs: 11}, 3); err != nil {
		t.Errorf("3 SIMs in addition to 8 with a limit of 11: %v", err)
	}

	// What is finished does not count, except for SIMs that were not found.
	for _, id := range storagetest.All[string](db, `SELECT id FROM requests WHERE state = 'validating'`) {
		validate(t, db, uuid.MustParse(id))
	}
	u, err := db.Usage(t.Context(), f.from)
	if want := (storage.Usage{OpenRequests: 1, OpenSIMs: 5, UnknownSIMs: 6}); err != nil || u != want {
		t.Errorf("usage %+v, %v; want %+v", u, err, want)
	}
	if err := create(t.Context(), storage.DefaultLimits{UnknownSIMs: 6}, 1); !errors.As(err, &over) || over.Name != storage.LimitUnknownSIMs || over.Used != 6 {
		t.Errorf("with as many unknown SIMs as the limit: %v", err)
	}

	// The account's own limit takes the place of the default.
	none, few := 0, 1
	for own, want := range map[*int]bool{&none: true, &few: false} {
		a, err := db.UpdateAccount(t.Context(), storage.System(), f.from.OperatorID.Ref(), storage.AccountChange{
			Limits: map[storage.LimitName]*int{storage.LimitUnknownSIMs: own},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.from = a
		if err := create(t.Context(), storage.DefaultLimits{UnknownSIMs: 6}, 1); (err == nil) != want {
			t.Errorf("with an own limit of %d: %v", *own, err)
		}
	}
}

// An account cannot create keys without end by revoking them.
func TestKeyLimit(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	db.Exec(`
		INSERT INTO api_keys (hash, hint, role, account, permission, name, created_at, revoked_at)
		SELECT sha256(i::text::bytea), '', 'account', $1, 'owner', 'key ' || i,
			clock_timestamp() - interval '25 hours' * (i % 2), CASE WHEN i % 2 = 0 THEN clock_timestamp() END
		FROM generate_series(1, $2::int) i`, a.ID, transfer.MaxKeys)
	create := func() error {
		return db.InTx(t.Context(), func(tx *storage.Tx) error {
			_, _, err := tx.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: "another"})
			return err
		})
	}
	var over *storage.LimitError
	if err := create(); !errors.As(err, &over) || over.Name != storage.LimitKeys || over.Used != transfer.MaxKeys {
		t.Errorf("with %d keys: %v", transfer.MaxKeys, err)
	}
	db.Exec(`UPDATE api_keys SET revoked_at = clock_timestamp() WHERE name = 'key 1'`) // it is older than a day
	if err := create(); err != nil {
		t.Errorf("with a key less: %v", err)
	}
}
