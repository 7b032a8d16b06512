package storage_test

import (
	"errors"
	"testing"

	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The lock on a request or a SIM conflicts with all other writers from the first
// statement on, but not with foreign keys. A weaker lock that is upgraded later
// could deadlock.
func TestLockStrength(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		state  transfer.RequestState
		do     func(db *storagetest.DB, f testRequest) func(tx *storage.Tx) error
		locked string
	}{
		{"SIMs of a chunk", transfer.Transferring, func(db *storagetest.DB, f testRequest) func(tx *storage.Tx) error {
			work := workOf(db, f.id, transfer.WorkExecute)[0]
			return func(tx *storage.Tx) error {
				w, err := tx.LockWork(ctx, work)
				if err != nil {
					return err
				}
				return tx.LockSIMs(ctx, w, nil)
			}
		}, `SELECT FROM sims WHERE account = (SELECT source FROM requests WHERE id = $1)`},
		{"request of a decision", transfer.AwaitingAcceptance, func(_ *storagetest.DB, f testRequest) func(tx *storage.Tx) error {
			return func(tx *storage.Tx) error {
				_, err := tx.Decide(ctx, f.id, storage.Decision{
					Event: transfer.Accept, By: storage.Actor{Party: transfer.PartyDestination},
				})
				return err
			}
		}, `SELECT FROM requests WHERE id = $1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := storagetest.Open(t)
			db.Fee("EUR", 500)
			f := newTestRequest(t, db, c.state)
			held := db.Hold(c.do(db, f))
			var e *pq.Error
			if _, err := db.Pool().ExecContext(t.Context(), c.locked+` FOR SHARE NOWAIT`, f.id); !errors.As(err, &e) || e.Code != "55P03" {
				t.Errorf("FOR SHARE: %v, want an error", err)
			}
			if _, err := db.Pool().ExecContext(t.Context(), c.locked+` FOR KEY SHARE NOWAIT`, f.id); err != nil {
				t.Errorf("FOR KEY SHARE: %v", err)
			}
			held.Rollback()
		})
	}
}
