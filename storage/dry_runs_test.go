package storage_test

import (
	"context"
	"testing"
	"time"

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
	holder, err := db.Pool().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	if _, err := holder.ExecContext(t.Context(), `SELECT FROM sims WHERE id = $1 FOR NO KEY UPDATE`, s.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := db.InTx(ctx, func(tx *storage.Tx) error {
		got, err := tx.ChangeSIMs(ctx, storage.System(), change)
		if err == nil && (got.Selected != 1 || got.Changed != 1) {
			t.Errorf("the dry run says %+v", got)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
