package storage

import (
	"context"
	"fmt"
	mrand "math/rand/v2"
	"time"
)

// maxTries is how many times InRetriedTx runs a transaction that keeps
// conflicting with others.
const maxTries = 4

// InRetriedTx is InTx for a caller that waits for the result: a transaction
// that was rolled back because of a conflict with another one (a deadlock, a
// lock time-out), or because a prepared statement no longer fits the schema, is
// run again a few times, after growing pauses.
func (db *DB) InRetriedTx(ctx context.Context, fn func(*Tx) error) error {
	return retried(ctx, func() error { return db.InTx(ctx, fn) })
}

func retried(ctx context.Context, run func() error) error {
	for try := 1; ; try++ {
		err := run()
		if KindOf(err) != ConflictError && !isStale(err) || try == maxTries {
			return err
		}
		pause := time.Duration(10<<try)*time.Millisecond + mrand.N(20*time.Millisecond)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

var setStatementTimeout = newStatement(statement{
	name:    "set_statement_timeout",
	does:    "Sets the time-out of the transaction's following statements.",
	given:   "@milliseconds, as text.",
	returns: "The new time-out.",
	text: `
SELECT set_config('statement_timeout', @milliseconds, true)`,
})

// AllowLong raises the time-out of the transaction's following statements, for
// operations on many rows.
func (t *Tx) AllowLong(ctx context.Context, limit time.Duration) error {
	if _, err := t.exec(ctx, setStatementTimeout, args{"milliseconds": fmt.Sprint(limit.Milliseconds())}); err != nil {
		return fmt.Errorf("raising the statement time-out: %w", err)
	}
	return nil
}
