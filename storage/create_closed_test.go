package storage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// A request is created in each way while its source or its destination is being
// closed. The creation waits, and is refused once the account is closed. The other way
// round, the closing waits for the creation, and finds the request.
func TestNothingIsCreatedWhileAnAccountIsClosed(t *testing.T) {
	t.Parallel()
	db := storagetest.Open(t)
	closed := storage.StandingClosed
	closing := func(a storage.Account) func(tx *storage.Tx) error {
		return func(tx *storage.Tx) error {
			_, _, err := tx.UpdateAccount(t.Context(), storage.System(), a.OperatorID.Ref(), storage.AccountChange{Standing: &closed})
			return err
		}
	}
	type creation = func(tx *storage.Tx, from, to storage.Account, size int) error
	request := func(from, to storage.Account, size int) storage.NewRequest {
		names := make([]string, size)
		for i := range names {
			names[i] = fmt.Sprintf("8988%015d", i)
		}
		return storage.NewRequest{
			Source: from, Destination: to, Acceptance: time.Hour, Review: time.Hour,
			By: storage.Actor{Party: transfer.PartySource}, Size: size, SIMs: storagetest.Lines(names...),
		}
	}
	inTx := func(tx *storage.Tx, from, to storage.Account, size int) error {
		_, err := tx.CreateRequest(t.Context(), request(from, to, size))
		return err
	}
	batch := func(tx *storage.Tx, from, to storage.Account, size int) error {
		id, err := tx.CreateBatch(t.Context(), from.ID, size, storage.Words{})
		if err != nil {
			return err
		}
		r := request(from, to, size)
		r.Batch = &id
		if _, err := tx.CreateRequest(t.Context(), r); err != nil {
			return err
		}
		return tx.CompleteBatch(t.Context(), id)
	}
	for _, c := range []struct {
		name string
		size int
		do   creation // nil: without a transaction
	}{
		{"one statement", 1, nil}, {"transaction", 1, inTx}, {"large", 1001, inTx}, {"batch", 1, batch},
	} {
		for _, closes := range []string{"source", "destination"} {
			from, to := db.Account(), db.Account()
			account := map[string]storage.Account{"source": from, "destination": to}[closes]
			held := db.Hold(closing(account))
			made := make(chan error, 1)
			go func() {
				if c.do == nil {
					_, err := db.CreateRequest(t.Context(), request(from, to, c.size))
					made <- err
					return
				}
				made <- db.InTx(t.Context(), func(tx *storage.Tx) error { return c.do(tx, from, to, c.size) })
			}()
			db.AwaitBlocked(1)
			held.Commit()
			var refused *storage.AccountClosedError
			if err := <-made; !errors.As(err, &refused) {
				t.Errorf("%s, %s closed: %v", c.name, closes, err)
			}
			if n := storagetest.One[int](db, `SELECT count(*) FROM requests WHERE source = $1`, from.ID) +
				storagetest.One[int](db, `SELECT count(*) FROM transfers t JOIN requests r ON r.id = t.request WHERE r.source = $1`, from.ID); n != 0 {
				t.Errorf("%s, %s closed: %d rows", c.name, closes, n)
			}
			if c.do == nil {
				continue
			}
			from, to = db.Account(), db.Account()
			account = map[string]storage.Account{"source": from, "destination": to}[closes]
			held = db.Hold(func(tx *storage.Tx) error { return c.do(tx, from, to, c.size) })
			done := make(chan error, 1)
			go func() { done <- db.InTx(t.Context(), closing(account)) }()
			db.AwaitBlocked(1)
			held.Commit()
			var inUse *storage.AccountInUseError
			if err := <-done; !errors.As(err, &inUse) || inUse.Sent+inUse.Received != 1 {
				t.Errorf("%s, then the %s is closed: %v", c.name, closes, err)
			}
		}
	}
	if n := storagetest.One[int](db, `SELECT count(*) FROM events e LEFT JOIN requests r ON r.id = e.request WHERE r.id IS NULL`); n != 0 {
		t.Errorf("%d events of no request", n)
	}
}
