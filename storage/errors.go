package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
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
	// past: it would change fees that have already been quoted.
	ErrPast = errors.New("the instant is in the past")

	// ErrNothingToRetry is returned when a request has no lines that can be
	// retried: none failed, or other requests already retry them all.
	ErrNothingToRetry = errors.New("no lines to retry")

	// ErrStillRunning is returned for a repeated call while the first call with
	// the same idempotency key is in progress.
	ErrStillRunning = errors.New("the first call with this Idempotency-Key is still running")

	// ErrKeyReused is returned for a call whose idempotency key was used for a
	// different call.
	ErrKeyReused = errors.New("this Idempotency-Key was used for a different call")

	// ErrSealed is returned for a repeated call whose stored answer was
	// encrypted with a different key.
	ErrSealed = errors.New("the stored answer is encrypted with a different key")

	errNotMigrated = errors.New("the database is not at this build's schema: run simtransfer migrate")

	// errLostRace is returned by a transaction that checked a fact which another
	// transaction changed before this one could write. InRetriedTx retries it.
	errLostRace = errors.New("another transaction changed the data first")
)

// IsTransient reports whether an error has a temporary cause: a lost
// connection, a deadlock, a lock time-out, a full disk. The operation is
// retried without limit, and the failure is not counted against it.
func IsTransient(err error) bool {
	if errors.Is(err, context.Canceled) { // the process is stopping, even if the database reports another cause
		return true
	}
	var e *pq.Error
	if errors.As(err, &e) {
		switch e.Code.Class() {
		case "08", "40", "53":
			return true
		}
		return strings.HasPrefix(string(e.Code), "57P") || e.Code == "55P03" || e.Code == "25P03" || e.Code == "58030" ||
			e.Code == "25006" // a standby: the primary has moved
	}
	return isConnectionError(err)
}

// IsBusy reports whether an error was caused by a database that is down,
// overloaded or slow, rather than by the operation itself.
func IsBusy(err error) bool { return IsTransient(err) || isTimeout(err) || isContended(err) }

// isContended reports whether a transaction was rolled back because of a
// conflict with another one, so that retrying it is safe and likely to succeed.
func isContended(err error) bool {
	var e *pq.Error
	if !errors.As(err, &e) {
		return errors.Is(err, errLostRace)
	}
	return e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03"
}

// isTimeout reports whether a statement was canceled because it took too long.
func isTimeout(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Code == "57014" || errors.Is(err, context.DeadlineExceeded)
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
