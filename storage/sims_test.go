package storage_test

import (
	"errors"
	"maps"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

func TestOnlyTheOwnerUpdatesASIM(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	a, b := db.Account(), db.Account()
	s := db.SIM(storagetest.SIM{Account: a.ID})
	lock := true
	if _, err := db.UpdateSIM(t.Context(), storage.System(), b.ID, s.Identifier(), storage.SIMChange{TransferLock: &lock}); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
	if _, err := db.DB.SIM(t.Context(), b.ID, s.Identifier()); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
	got, err := db.UpdateSIM(t.Context(), storage.System(), a.ID, s.Identifier(), storage.SIMChange{TransferLock: &lock})
	if err != nil || !got.TransferLock || got.ICCID != s.ICCID || !maps.Equal(got.Tags, storage.Tags{"site": "north"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := db.DB.SIM(t.Context(), 0, s.Identifier()); err != nil || !got.TransferLock || got.OperatorID != a.OperatorID {
		t.Errorf("%+v %v", got, err)
	}
}
