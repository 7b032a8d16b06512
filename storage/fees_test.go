package storage_test

import (
	"errors"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestFeesCannotChangeThePast(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	now := storagetest.One[time.Time](db, `SELECT clock_timestamp()`)
	for _, test := range []struct {
		from time.Time
		want error
	}{
		{time.Time{}, nil},
		{now.Add(-time.Second), storage.ErrPast},
		{now, storage.ErrPast},
		{now.Add(time.Hour), nil},
		{now.Add(time.Hour), storage.ErrExists},
	} {
		err := db.InTx(t.Context(), func(tx *storage.Tx) error {
			f, err := tx.CreateFee(t.Context(), storage.System(), storage.Fee{Method: transfer.SupportAssisted, Currency: "CHF", Amount: 5, ValidFrom: test.from}, nil)
			if err == nil && f.Current != test.from.IsZero() {
				t.Errorf("%+v", f)
			}
			return err
		})
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("from %s: %v", test.from, err)
		}
	}
	if fees, err := db.Fees(t.Context(), 0); err != nil || len(fees) != 2 || fees[0].Current || !fees[1].Current {
		t.Errorf("%+v %v", fees, err)
	}
}

func TestFeesOfARequest(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	db.Fee("EUR", 250)
	a, b := db.AccountIn("EUR", "global"), db.Account()
	sims := append(db.SIMs(2, storagetest.SIM{Account: a.ID, Status: transfer.Active}), db.SIM(storagetest.SIM{Account: a.ID}))
	id := db.Request(storagetest.Request{From: a, To: b, SIMs: sims})
	fees := func() storage.RequestFees { return db.Find(id).Fees() }
	if f := fees(); f != (storage.RequestFees{}) {
		t.Errorf("before validation %+v", f)
	}
	validate(t, db, id)
	if f := fees(); f != (storage.RequestFees{Quoted: 500}) {
		t.Errorf("quoted %+v", f)
	}
	waived := int64(3)
	if _, err := db.TryDecide(id, storage.Decision{Event: transfer.Approve, Ticket: "T", FeeOverride: &waived, Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	if f := fees(); f != (storage.RequestFees{Quoted: 6}) {
		t.Errorf("changed %+v", f)
	}
	db.Decide(id, transfer.Accept)
	execute(t, db, id)
	if f := fees(); f != (storage.RequestFees{Charged: 6}) {
		t.Errorf("charged %+v", f)
	}
	db.Check()
}
