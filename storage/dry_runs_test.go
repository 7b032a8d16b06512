package storage_test

import (
	"reflect"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
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

// A page waits for the dry run of a change by filter. It needs no temporary tables,
// and says what the change then does.
func TestDryRunByFilterCreatesNoTable(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a := db.Account()
	for _, status := range []transfer.Status{transfer.Ready, transfer.Active, transfer.Active, transfer.Terminated, transfer.Suspended} {
		db.SIM(storagetest.SIM{Account: a.ID, Status: status})
	}
	db.SIM(storagetest.SIM{Account: db.Account().ID})
	change := storage.BulkChange{
		Account: a.ID, Filter: &storage.SIMFilter{Account: a.ID}, Status: new(transfer.Active), StatusBy: transfer.ByAccount, SkipRefused: true,
	}
	db.Exec(`
		CREATE FUNCTION refuse_tables() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a table is created'; END $$;
		CREATE EVENT TRIGGER refuse_tables ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse_tables()`)
	change.DryRun = true
	dry := changed(t, db.DB, change)
	db.Exec(`DROP EVENT TRIGGER refuse_tables`)
	change.DryRun = false
	if got := changed(t, db.DB, change); !reflect.DeepEqual(dry, got) {
		t.Errorf("the dry run says %+v, and the change %+v", dry, got)
	}
	if dry.Selected != 5 || dry.Unchanged != 2 || len(dry.Refused) == 0 {
		t.Errorf("the dry run says %+v", dry)
	}
}

func changed(t *testing.T, db *storage.DB, c storage.BulkChange) (r storage.BulkResult) {
	t.Helper()
	if err := db.InTx(t.Context(), func(tx *storage.Tx) (err error) {
		r, err = tx.ChangeSIMs(t.Context(), storage.System(), c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}
