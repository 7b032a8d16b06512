package storagetest

import (
	"errors"
	"testing"
	"time"

	"simtransfer/storage"
)

// patience is how long a test waits for a condition before it fails. It is long
// for the sake of busy machines; tests that pass wait much less.
const patience = 30 * time.Second

// Await waits until a condition holds.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s without success for: %s", patience, what)
		}
	}
}

// AwaitBlocked waits until n transactions are waiting for locks.
func (d *DB) AwaitBlocked(n int) {
	d.t.Helper()
	Await(d.t, "transactions that wait for a lock", func() bool {
		return One[int](d, `
			SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= n
	})
}

// Held is a transaction that is kept open before its commit.
type Held struct {
	t      testing.TB
	finish chan error
	ended  chan error
}

// errRolledBack makes a held transaction roll back.
type errRolledBack struct{}

func (errRolledBack) Error() string { return "the test rolls this transaction back" }

// Hold begins a transaction, calls do in it and keeps it open. It is rolled back
// at the end of the test unless it has ended before.
func (d *DB) Hold(do func(tx *storage.Tx) error) *Held {
	d.t.Helper()
	h := &Held{t: d.t, finish: make(chan error), ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		h.ended <- d.InTx(d.t.Context(), func(tx *storage.Tx) error {
			if err := do(tx); err != nil {
				return err
			}
			close(done)
			select {
			case err := <-h.finish:
				return err
			case <-d.t.Context().Done():
				return errRolledBack{}
			}
		})
	}()
	select {
	case <-done:
	case err := <-h.ended:
		d.t.Fatalf("the transaction to hold: %v", err)
	}
	return h
}

// HoldSQL is Hold for one statement. It returns a function that commits it.
func (d *DB) HoldSQL(statement string, args ...any) (commit func()) {
	d.t.Helper()
	tx, err := d.Pool().BeginTxx(d.t.Context(), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = tx.Rollback() }) // after a commit this does nothing
	if _, err := tx.ExecContext(d.t.Context(), statement, args...); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
	return func() {
		d.t.Helper()
		if err := tx.Commit(); err != nil {
			d.t.Fatal(err)
		}
	}
}

// Commit commits the transaction.
func (h *Held) Commit() {
	h.t.Helper()
	h.finish <- nil
	if err := <-h.ended; err != nil {
		h.t.Fatalf("committing a held transaction: %v", err)
	}
}

// Rollback rolls the transaction back.
func (h *Held) Rollback() {
	h.t.Helper()
	h.finish <- errRolledBack{}
	if err := <-h.ended; !errors.Is(err, errRolledBack{}) {
		h.t.Errorf("rolling back a held transaction: %v", err)
	}
}

// Go runs do concurrently with the test. It returns the channel that receives
// the error of do.
func Go(do func() error) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	return ended
}
