package storage_test

import (
	"errors"
	"testing"

	"github.com/lib/pq"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// What locks a request or a SIM keeps every other writer out, from the first
// statement on, but not the locks of foreign keys. A weaker lock that is made
// stronger later is what deadlocks are made of.
func TestStrengthOfLocks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		state  transfer.RequestState
		do     func(db *storagetest.DB, f fixture) func(tx *storage.Tx) error
		locked string
	}{
		{"a chunk, its SIMs", transfer.Transferring, func(db *storagetest.DB, f fixture) func(tx *storage.Tx) error {
			work := workOf(db, f.id, "execute")[0]
			return func(tx *storage.Tx) error {
				w, err := tx.LockWork(ctx, work)
				if err != nil {
					return err
				}
				return tx.LockSIMs(ctx, w, nil)
			}
		}, `SELECT FROM sims WHERE account = (SELECT source FROM requests WHERE id = $1)`},
		{"a decision, its request", transfer.AwaitingAcceptance, func(_ *storagetest.DB, f fixture) func(tx *storage.Tx) error {
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
			f := fixtureIn(t, db, c.state)
			held := db.Hold(c.do(db, f))
			var e *pq.Error
			if _, err := db.Pool().ExecContext(t.Context(), c.locked+` FOR SHARE NOWAIT`, f.id); !errors.As(err, &e) || e.Code != "55P03" {
				t.Errorf("another reader that will write: %v, want a refusal", err)
			}
			if _, err := db.Pool().ExecContext(t.Context(), c.locked+` FOR KEY SHARE NOWAIT`, f.id); err != nil {
				t.Errorf("a foreign key: %v", err)
			}
			held.Rollback()
		})
	}
}
