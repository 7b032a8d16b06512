package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/lib/pq"
)

// The errors that callers compare with errors.Is. Errors that carry values,
// such as *ImportError, are declared next to the methods that return them.
var (
	// ErrNotFound is returned when a row does not exist, or when the caller may
	// not see it.
	ErrNotFound = errors.New("not found")

	// ErrExists is returned when the row to create already exists.
	ErrExists = errors.New("already exists")

	// ErrPast is returned for a fee that would be valid from an instant in the
	// past, which would change fees that have already been quoted, and for a key
	// that would expire in the past.
	ErrPast = errors.New("the instant is in the past")

	// ErrExpired is returned for a key that has expired.
	ErrExpired = errors.New("the key has expired")

	// ErrLastAdministrator is returned when no administrator's key that never
	// expires would be left.
	ErrLastAdministrator = errors.New("this is the last administrator's key that never expires")

	// ErrNothingToRetry is returned when a request has no lines that can be
	// retried: none failed, or other requests already retry them all.
	ErrNothingToRetry = errors.New("no lines to retry")

	// ErrStillRunning is returned for a repeated call while the first call with
	// the same idempotency key is in progress.
	ErrStillRunning = errors.New("the first call with this Idempotency-Key is still running")

	// ErrSyncRunning is returned by a sync if another one does not end in time.
	ErrSyncRunning = errors.New("another sync is running")

	// ErrKeyReused is returned for a call whose idempotency key was used for a
	// different call.
	ErrKeyReused = errors.New("this Idempotency-Key was used for a different call")

	// ErrSealed is returned for a repeated call whose stored answer was
	// encrypted with a different key.
	ErrSealed = errors.New("the stored answer is encrypted with a different key")

	// errLostRace is returned by a transaction that checked a fact which another
	// transaction changed before this one could write. InRetriedTx retries it.
	errLostRace = errors.New("another transaction changed the data first")
)

// isLockTimeout reports whether a statement has waited for a lock for too long.
func isLockTimeout(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Code == "55P03"
}

// isUnique reports whether an error is a violation of a unique constraint.
func isUnique(err error, constraint string) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Code == "23505" && e.Constraint == constraint
}

// isConnectionError reports whether the connection was lost, as opposed to a
// statement that the database refused.
func isConnectionError(err error) bool {
	var netErr net.Error
	return errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) ||
		(errors.As(err, &netErr) && !errors.Is(err, context.DeadlineExceeded))
}

// notFound turns the absence of a row into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
