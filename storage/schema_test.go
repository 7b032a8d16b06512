package storage_test

import (
	"errors"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The schema refuses invalid data, even if the code has an error.
func TestSchemaRefusesInvalidData(t *testing.T) {
	t.Parallel()
	const unique, check = "23505", "23514"
	for _, c := range []struct {
		name  string
		state transfer.RequestState // of the request that $1 names
		wrong string
		code  pqerror.Code
	}{
		{
			"two claims on a SIM", transfer.AwaitingAcceptance,
			`INSERT INTO open_transfers SELECT sim, gen_random_uuid(), 0 FROM open_transfers WHERE request = $1`, unique,
		},
		{
			"two owners of a SIM at one instant", transfer.RequestCompleted,
			`INSERT INTO registrations SELECT sim, since, 1 FROM registrations WHERE request = $1`, unique,
		},
		{
			"two fees for a transfer", transfer.RequestCompleted,
			`INSERT INTO charges SELECT request, n, account, amount, currency FROM charges WHERE request = $1`, unique,
		},
		{
			"two events with one number", transfer.Validating,
			`INSERT INTO events (request, seq, kind, party) VALUES ($1, 1, 'create', 'source')`, unique,
		},
		{"less than nothing left to do", transfer.Validating, `UPDATE requests SET n_left = -1 WHERE id = $1`, check},
		{"more left to do than there is", transfer.Validating, `UPDATE requests SET n_left = size + 1 WHERE id = $1`, check},
		{"work that does not count what it holds", transfer.Validating, `UPDATE work SET n = n + 1 WHERE request = $1`, check},
		{"work that holds nothing", transfer.Validating, `UPDATE work SET hi = lo, n = 0 WHERE request = $1`, check},
		{"a decision while there is work", transfer.Validating, `
			UPDATE requests
			SET state = 'awaiting_acceptance', n_eligible = 1, offered_at = clock_timestamp(), expires_at = clock_timestamp()
			WHERE id = $1`, check},
		{"waiting for a destination that cannot see it", transfer.AwaitingAcceptance, `UPDATE requests SET offered_at = NULL WHERE id = $1`, check},
		{"more withheld than canceled", transfer.AwaitingAcceptance, `UPDATE requests SET n_withheld = 1 WHERE id = $1`, check},
		{"waiting without an expiry", transfer.AwaitingAcceptance, `UPDATE requests SET expires_at = NULL WHERE id = $1`, check},
		{"scheduled without a beginning", transfer.Scheduled, `UPDATE requests SET not_before = NULL WHERE id = $1`, check},
		{"scheduled with work left", transfer.Scheduled, `UPDATE requests SET n_left = 1 WHERE id = $1`, check},
		{"scheduled for nothing", transfer.Scheduled, `UPDATE requests SET n_eligible = 0, n_support = 0 WHERE id = $1`, check},
		{"an open request that was ended", transfer.AwaitingAcceptance, `
			UPDATE requests SET ended_at = clock_timestamp(), ended_by = 'source', ended_from = state, ended_open = 1 WHERE id = $1`, check},
		{"waiting for nothing", transfer.AwaitingAcceptance, `UPDATE requests SET n_eligible = 0, n_support = 0 WHERE id = $1`, check},
		{"completed and not finished", transfer.RequestCompleted, `UPDATE requests SET finished_at = NULL WHERE id = $1`, check},
		{"rejected and not finished", transfer.RequestRejected, `UPDATE requests SET finished_at = NULL WHERE id = $1`, check},
		{"finished with work left", transfer.RequestCompleted, `UPDATE requests SET n_left = 1 WHERE id = $1`, check},
		{"finished with an open transfer", transfer.RequestCompleted, `
			UPDATE requests SET n_eligible = 1 WHERE id = $1`, check},
		{"finished, with a transfer unaccounted for", transfer.RequestCompleted, `
			UPDATE requests SET n_completed = n_completed - 1 WHERE id = $1`, check},
		{"finished and undecided", transfer.RequestCompleted, `UPDATE requests SET state = 'transferring' WHERE id = $1`, check},
		{"to oneself", transfer.Validating, `UPDATE requests SET destination = source WHERE id = $1`, check},
		{"a failure without a reason", transfer.RequestRejected, `UPDATE transfers SET reason = NULL WHERE request = $1`, check},
		{"a reason without a failure", transfer.RequestCompleted, `
			UPDATE transfers SET reason = 'internal_error' WHERE request = $1`, check},
		{"an open transfer that has ended", transfer.AwaitingAcceptance, `
			UPDATE transfers SET finished_at = clock_timestamp() WHERE request = $1`, check},
		{"an open transfer of no SIM", transfer.AwaitingAcceptance, `UPDATE transfers SET sim = NULL WHERE request = $1`, check},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			db.Fee("EUR", 500)
			f := newTestRequest(t, db, c.state)
			was := db.Dump()
			_, err := db.Pool().ExecContext(t.Context(), c.wrong, f.id)
			var e *pq.Error
			if !errors.As(err, &e) || e.Code != c.code {
				t.Errorf("%v, want a refusal with code %s", err, c.code)
			}
			db.Unchanged(was)
		})
	}
}

// If a fee of a chunk was already charged, the whole chunk fails: the fee is
// neither charged twice nor skipped.
func TestSecondFeeFails(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 500)
	f := newTestRequest(t, db, transfer.Transferring)
	db.Exec(`
		INSERT INTO charges (request, n, account, amount, currency)
		SELECT request, max(n), $2, 500, 'EUR' FROM transfers WHERE request = $1 AND method = 'support_assisted' GROUP BY request`, f.id, f.from.ID)
	was := db.Dump()
	var e *pq.Error
	if err := carryOut(t.Context(), db.DB, workOf(db, f.id, transfer.WorkExecute)[0], executeChunk); !errors.As(err, &e) || e.Code != "23505" {
		t.Errorf("%v, want a refusal of the second fee", err)
	}
	db.Unchanged(was)
}

// In every phase, a chunk locks its request last, so another chunk of the request
// can begin and end while the first one works on its SIMs.
func TestChunksLockTheirRequestLast(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	from, to := db.Account(), db.Account()
	sims := db.SIMs(transfer.ChunkSize+1, storagetest.SIM{Account: from.ID})
	ask := func() (r storagetest.Request) { return storagetest.Request{From: from, To: to, SIMs: sims} }
	ctx := t.Context()
	meet := func(work []int64, prepare func(tx *storage.Tx, w storage.Work) (storage.Counts, error), finish func(tx *storage.Tx, w storage.Work, c storage.Counts) error, whole step) {
		t.Helper()
		if len(work) != 2 {
			t.Fatalf("%d chunks, want 2", len(work))
		}
		err := db.InTx(ctx, func(tx *storage.Tx) error {
			w, err := tx.LockWork(ctx, work[0])
			if err != nil {
				return err
			}
			c, err := prepare(tx, w)
			if err != nil {
				return err
			}
			if err := carryOut(ctx, db.DB, work[1], whole); err != nil {
				t.Errorf("the chunk that came second: %v", err)
			}
			return finish(tx, w, c)
		})
		if err != nil {
			t.Errorf("the chunk that came first: %v", err)
		}
		db.Check()
	}
	validating := func(id []int64) {
		t.Helper()
		meet(id, func(tx *storage.Tx, w storage.Work) (storage.Counts, error) {
			claims, err := tx.Claim(ctx, w)
			if err != nil {
				return storage.Counts{}, err
			}
			return tx.Judge(ctx, w, claims)
		}, func(tx *storage.Tx, w storage.Work, c storage.Counts) error { return tx.CloseValidation(ctx, w, c) }, validateChunk)
	}
	closing := func(tx *storage.Tx, w storage.Work, c storage.Counts) error { return tx.CloseChunk(ctx, w, c) }

	id := db.Request(ask())
	validating(workOf(db, id, transfer.WorkValidate))
	db.Decide(id, transfer.Decline)
	meet(workOf(db, id, transfer.WorkRelease), func(tx *storage.Tx, w storage.Work) (storage.Counts, error) { return tx.Release(ctx, w) }, closing, releaseChunk)
	if r := db.Find(id); r.Declined != len(sims) || r.FinishedAt == nil {
		t.Errorf("the request that was declined: %+v", r)
	}

	id = db.Request(ask())
	validating(workOf(db, id, transfer.WorkValidate))
	db.Decide(id, transfer.Accept)
	meet(workOf(db, id, transfer.WorkExecute), func(tx *storage.Tx, w storage.Work) (storage.Counts, error) {
		if err := tx.LockSIMs(ctx, w, nil); err != nil {
			return storage.Counts{}, err
		}
		return tx.HandOver(ctx, w)
	}, closing, executeChunk)
	if r := db.Find(id); r.Completed != len(sims) || r.FinishedAt == nil {
		t.Errorf("the request that was accepted: %+v", r)
	}
}
