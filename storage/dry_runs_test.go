package storage_test

import (
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

// A dry run of a bulk change locks no SIM, so it neither waits for a transfer nor makes
// one wait.
func TestDryRunLocksNoSIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	s := db.SIM(storagetest.SIM{Account: a.ID})
	change := storage.BulkChange{Account: a.ID, Filter: &storage.SIMFilter{Account: a.ID}, TransferLock: new(true), DryRun: true}
	if err := db.InTx(t.Context(), func(tx *storage.Tx) error {
		got, err := tx.ChangeSIMs(t.Context(), storage.System(), change)
		if err != nil {
			return err
		}
		if got.Selected != 1 || got.Changed != 1 {
			t.Errorf("the dry run says %+v", got)
		}
		_, err = db.Pool().ExecContext(t.Context(), `SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE NOWAIT`, s.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
