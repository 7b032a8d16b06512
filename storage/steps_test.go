package storage_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// step carries out work in a transaction that has locked the work row.
type step func(ctx context.Context, tx *storage.Tx, w storage.Work) error

func validateChunk(ctx context.Context, tx *storage.Tx, w storage.Work) error {
	claims, err := tx.Claim(ctx, w)
	if err != nil {
		return err
	}
	c, err := tx.Judge(ctx, w, claims)
	if err != nil {
		return err
	}
	return tx.CloseValidation(ctx, w, c)
}

func executeChunk(ctx context.Context, tx *storage.Tx, w storage.Work) error {
	if err := tx.LockSIMs(ctx, w, nil); err != nil {
		return err
	}
	c, err := tx.HandOver(ctx, w)
	if err != nil {
		return err
	}
	return tx.CloseChunk(ctx, w, c)
}

func releaseChunk(ctx context.Context, tx *storage.Tx, w storage.Work) error {
	c, err := tx.Release(ctx, w)
	if err != nil {
		return err
	}
	return tx.CloseChunk(ctx, w, c)
}

// workOf lists the work of one kind of a request.
func workOf(db *storagetest.DB, id uuid.UUID, kind transfer.WorkKind) []int64 {
	return storagetest.All[int64](db, `SELECT id FROM work WHERE request = $1 AND kind = $2 ORDER BY id`, id, kind)
}

// carryOut runs a step for work in its own transaction.
func carryOut(ctx context.Context, db *storage.DB, work int64, do step) error {
	return db.InTx(ctx, func(tx *storage.Tx) error {
		w, err := tx.LockWork(ctx, work)
		if err != nil {
			return err
		}
		return do(ctx, tx, w)
	})
}

// carryOutAll runs a step for all work of one kind of a request.
func carryOutAll(t *testing.T, db *storagetest.DB, id uuid.UUID, kind transfer.WorkKind, do step) {
	t.Helper()
	for _, work := range workOf(db, id, kind) {
		if err := carryOut(t.Context(), db.DB, work, do); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
}

func validate(t *testing.T, db *storagetest.DB, id uuid.UUID) {
	t.Helper()
	carryOutAll(t, db, id, transfer.WorkValidate, validateChunk)
}

func execute(t *testing.T, db *storagetest.DB, id uuid.UUID) {
	t.Helper()
	carryOutAll(t, db, id, transfer.WorkExecute, executeChunk)
}

func release(t *testing.T, db *storagetest.DB, id uuid.UUID) {
	t.Helper()
	carryOutAll(t, db, id, transfer.WorkRelease, releaseChunk)
}

// testRequest is a request between two accounts.
type testRequest struct {
	db       *storagetest.DB
	from, to storage.Account
	sims     []storagetest.SIM // three that are ready, two that are active
	id       uuid.UUID
}

// newTestRequest creates a request and brings it to a state.
func newTestRequest(t *testing.T, db *storagetest.DB, state transfer.RequestState) testRequest {
	t.Helper()
	f := testRequest{db: db, from: db.AccountIn("EUR", "global"), to: db.AccountIn("USD", "global")}
	f.sims = append(db.SIMs(3, storagetest.SIM{Account: f.from.ID}), db.SIMs(2, storagetest.SIM{Account: f.from.ID, Status: transfer.Active})...)
	if state == transfer.RequestRejected {
		db.Exec(`UPDATE sims SET status = 'terminated' WHERE account = $1`, f.from.ID)
	}
	f.id = db.Request(storagetest.Request{From: f.from, To: f.to, SIMs: f.sims})
	if state == transfer.Validating {
		return f
	}
	validate(t, db, f.id)
	switch state {
	case transfer.InReview, transfer.RequestRejected, transfer.Validating:
	case transfer.AwaitingAcceptance:
		db.Decide(f.id, transfer.Approve)
	case transfer.Scheduled:
		db.Decide(f.id, transfer.Approve)
		schedule(t, db, f.id)
	case transfer.Transferring, transfer.RequestCompleted:
		db.Decide(f.id, transfer.Approve)
		db.Decide(f.id, transfer.Accept)
		if state == transfer.RequestCompleted {
			execute(t, db, f.id)
		}
	case transfer.RequestCanceled:
		db.Decide(f.id, transfer.Cancel)
	case transfer.RequestDenied:
		db.Decide(f.id, transfer.Deny)
	case transfer.RequestDeclined:
		db.Decide(f.id, transfer.Approve)
		db.Decide(f.id, transfer.Decline)
	case transfer.RequestExpired:
		db.Lapse(f.id)
		db.Decide(f.id, transfer.Expire)
	}
	if got := db.Find(f.id).State; got != state {
		t.Fatalf("the request is %s, want %s", got, state)
	}
	return f
}

// schedule accepts a request for a window that begins in an hour and ends in two.
func schedule(t *testing.T, db *storagetest.DB, id uuid.UUID, sims ...transfer.Identifier) storage.Request {
	t.Helper()
	now := time.Now()
	r, err := db.TryDecide(id, storage.Decision{
		Event: transfer.Accept, SIMs: sims, Window: &transfer.Window{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
