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

// A change of a SIM finds it by an identifier and then waits for its lock. If
// the SIM loses the identifier in the meantime, the change is for the SIM that has
// it by then, or for none.
func TestChangesOfASIMThatLosesItsIdentifier(t *testing.T) {
	t.Parallel()
	by := storage.Actor{Name: "root"}
	for _, loses := range []struct {
		name string
		lose func(s, other storagetest.SIM) func(tx *storage.Tx) error
	}{
		{"retired", func(s, _ storagetest.SIM) func(tx *storage.Tx) error {
			return func(tx *storage.Tx) error {
				_, err := tx.RetireSIM(t.Context(), by, s.Identifier(), "a wrong import", nil)
				return err
			}
		}},
		{"moved to another SIM", func(s, other storagetest.SIM) func(tx *storage.Tx) error {
			return func(tx *storage.Tx) error {
				_, err := tx.SwapSIM(t.Context(), by, s.Identifier(), storage.Swap{ICCID: other.Identifier(), Why: "a new card"})
				return err
			}
		}},
	} {
		for _, c := range []struct {
			name string
			do   func(db *storagetest.DB, id transfer.Identifier, to storage.Account) error
		}{
			{"its status", func(db *storagetest.DB, id transfer.Identifier, _ storage.Account) error {
				_, err := db.UpdateSIM(t.Context(), by, 0, id, storage.SIMChange{Status: new(transfer.Active), StatusBy: transfer.BySupport})
				return err
			}},
			{"its external id", func(db *storagetest.DB, id transfer.Identifier, _ storage.Account) error {
				_, err := db.UpdateSIM(t.Context(), by, 0, id, storage.SIMChange{ExternalID: new("inventory-1")})
				return err
			}},
			{"its owner", func(db *storagetest.DB, id transfer.Identifier, to storage.Account) error {
				return db.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
					_, err := tx.CorrectOwner(t.Context(), by, id, storage.OwnerCorrection{To: to, Why: "a wrong owner"})
					return err
				})
			}},
			{"many SIMs", func(db *storagetest.DB, id transfer.Identifier, _ storage.Account) error {
				return db.InRetriedTx(t.Context(), func(tx *storage.Tx) error {
					_, err := tx.ChangeSIMs(t.Context(), by, storage.BulkChange{
						SIMs: []transfer.SIMRef{{ID: id}}, Group: new("gadgets"), SkipRefused: true, Described: "a test",
					})
					return err
				})
			}},
		} {
			t.Run(fmt.Sprintf("%s, %s", loses.name, c.name), func(t *testing.T) {
				t.Parallel()
				db := storagetest.Open(t)
				owner, to := db.Account(), db.Account()
				pair := db.SIMs(2, storagetest.SIM{Account: owner.ID})
				db.Exec(`UPDATE sims SET termination_protection = false`)
				s, other := pair[0], pair[1]
				held := db.Hold(loses.lose(s, other))
				done := storagetest.Go(func() error { return c.do(db, storagetest.Identifier(s.MSISDN), to) })
				db.AwaitBlocked(1)
				held.Commit()
				err := <-done
				changed := storagetest.All[int64](db, `
					SELECT s.id
					FROM sims s
					LEFT JOIN sim_details d ON d.sim = s.id
					WHERE s.account = $1 OR s.sim_group = 'gadgets' OR d.external_id = 'inventory-1' OR s.status = 'active'`, to.ID)
				switch {
				case loses.name == "retired" && len(changed) > 0:
					t.Errorf("the SIMs %v were changed, but %d, which was named, was retired", changed, s.ID)
				case loses.name == "retired" && c.name != "many SIMs" && !errors.Is(err, storage.ErrNotFound):
					t.Errorf("the change of a SIM that was retired: %v", err)
				case loses.name != "retired" && (err != nil || !slices.Equal(changed, []int64{other.ID})):
					t.Errorf("%v; the SIMs %v were changed, want %d, which has the number now", err, changed, other.ID)
				}
				db.Check()
			})
		}
	}
}
