package storage

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Tx is a transaction in progress. It must not be used after the function that
// received it returns, and that function must not wait for a client or Redis.
type Tx struct {
	tx       *sqlx.Tx
	db       *DB
	noEvents bool // DeclareNoEvents was called
}

// InTx runs fn in a transaction and commits it if fn returns nil.
func (db *DB) InTx(ctx context.Context, fn func(*Tx) error) error {
	tx, err := db.pool.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(&Tx{tx: tx, db: db}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &commitError{err}
	}
	db.preparePending(ctx)
	return nil
}

// maxTries is how many times InRetriedTx runs a transaction that keeps
// conflicting with others.
const maxTries = 4

// InRetriedTx is InTx for a caller that waits for the result: a transaction
// that was rolled back because of a conflict with another one (a deadlock, a
// lock time-out), because a prepared statement no longer fits the schema, or
// because its connection was lost before the commit, is run again a few times,
// after growing pauses.
func (db *DB) InRetriedTx(ctx context.Context, fn func(*Tx) error) error {
	return retried(ctx, func() error { return db.InTx(ctx, fn) }, isLost)
}

// commitError is the error of a commit. Whether it took place is unknown if the
// connection was lost.
type commitError struct{ err error }

func (e *commitError) Error() string { return "committing: " + e.err.Error() }

func (e *commitError) Unwrap() error { return e.err }

// isLost reports whether a transaction was certainly not committed because its
// connection was lost. If there is no new connection, there is no point in
// running it again.
func isLost(err error) bool {
	var commit *commitError
	var connect *ConnectError
	return KindOf(err) == UnavailableError && !errors.As(err, &commit) && !errors.As(err, &connect)
}

// retried runs again what failed because of a conflict, a stale statement, or
// for one of the given reasons.
func retried(ctx context.Context, run func() error, reasons ...func(error) bool) error {
	for try := 1; ; try++ {
		err := run()
		again := KindOf(err) == ConflictError || isStale(err) || slices.ContainsFunc(reasons, func(is func(error) bool) bool { return is(err) })
		if !again || try == maxTries {
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

// attempt runs a part of a transaction. If it fails, only that part is undone.
func (t *Tx) attempt(ctx context.Context, part func() error) error {
	if err := t.command(ctx, `SAVEPOINT attempt`); err != nil {
		return fmt.Errorf("beginning an attempt: %w", err)
	}
	end, err := `RELEASE SAVEPOINT attempt`, part()
	if err != nil {
		end = `ROLLBACK TO SAVEPOINT attempt`
	}
	if undone := t.command(ctx, end); undone != nil {
		return errors.Join(err, fmt.Errorf("ending an attempt: %w", undone))
	}
	return err
}

// command runs a command that has no parameters and is not a statement of its
// own, such as SAVEPOINT.
func (t *Tx) command(ctx context.Context, command string) error {
	_, err := t.tx.ExecContext(ctx, command)
	return err
}
