package storage

import (
	"context"
	"errors"
	"slices"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// ErrorKind is what an error says about the operation that failed, which
// decides what happens next.
type ErrorKind string

const (
	// NotOfDatabase is the kind of nil and of errors that neither the database
	// nor the connection to it has caused, such as ErrNotFound.
	NotOfDatabase ErrorKind = ""

	// DataError is caused by the rows that a statement works on. It is the only
	// kind that work may blame on a SIM.
	DataError ErrorKind = "data"

	// ConflictError rolled a transaction back because of another one: running
	// it again is safe and likely to succeed.
	ConflictError ErrorKind = "conflict"

	// TimeoutError ended a statement or an operation that took too long.
	TimeoutError ErrorKind = "timeout"

	// StoppedError ended an operation because its caller stopped waiting: a
	// process that stops, or a client that is gone.
	StoppedError ErrorKind = "stopped"

	// UnavailableError means that there is no connection to a database that
	// accepts changes: it is down, starts, is a standby, has no connection
	// left, or refuses the login.
	UnavailableError ErrorKind = "unavailable"

	// SystemError concerns every operation of the same sort, whatever its data:
	// a right or a column is missing, a disk is full, a file is damaged. It
	// lasts until somebody mends the cause.
	SystemError ErrorKind = "system"
)

// sqlStates are the kinds of PostgreSQL's error codes: of a code, or of a class,
// which is the first two characters. All others are SystemError, so that no new
// code can be blamed on a SIM.
//
// The names of the codes are in PostgreSQL's manual, appendix A.
var sqlStates = map[string]ErrorKind{
	"08": UnavailableError, // connection exception; also what PgBouncer reports
	"21": DataError,        // a subquery returned more than one row
	"22": DataError,        // data exception: out of range, division by zero, invalid text
	"23": DataError,        // constraint violation
	"28": UnavailableError, // login refused
	"3D": UnavailableError, // the database does not exist
	"40": UnavailableError, // transaction rolled back
	"44": DataError,        // WITH CHECK OPTION violation
	"57": UnavailableError, // operator intervention: shutdown, crash, not yet ready
	"P0": DataError,        // RAISE in a trigger

	"2200H": SystemError,      // a sequence has reached its end
	"23502": SystemError,      // null in a NOT NULL column: no statement writes one because of its data, so the column is new
	"25006": UnavailableError, // read-only transaction: the server is a standby, or became one
	"25P03": UnavailableError, // the process was stopped in a transaction, and the connection closed
	"25P04": TimeoutError,     // transaction_timeout
	"40001": ConflictError,    // serialization failure
	"40P01": ConflictError,    // deadlock
	"53300": UnavailableError, // too many connections
	"55P03": ConflictError,    // lock_timeout
	"57014": TimeoutError,     // statement_timeout
}

// ConnectError is the error of opening a connection to the database.
type ConnectError struct{ Err error }

func (e *ConnectError) Error() string { return "connecting to PostgreSQL: " + e.Err.Error() }

func (e *ConnectError) Unwrap() error { return e.Err }

// KindOf returns the kind of an error.
func KindOf(err error) ErrorKind {
	var e *pq.Error
	var connect *ConnectError
	switch {
	case err == nil:
		return NotOfDatabase
	case errors.Is(err, context.Canceled): // even if the database reports another cause
		return StoppedError
	case errors.As(err, &connect): // whatever the reason
		return UnavailableError
	case errors.As(err, &e):
		return kindOfServerError(e)
	case errors.Is(err, errLostRace):
		return ConflictError
	case isConnectionError(err):
		return UnavailableError
	case errors.Is(err, context.DeadlineExceeded):
		return TimeoutError
	}
	return NotOfDatabase
}

func kindOfServerError(e *pq.Error) ErrorKind {
	if e.Severity == pqerror.SeverityFatal || e.Severity == pqerror.SeverityPanic {
		return UnavailableError // the server has ended the connection, or did not open it
	}
	if kind, ok := sqlStates[string(e.Code)]; ok {
		return kind
	}
	if kind, ok := sqlStates[string(e.Code.Class())]; ok {
		return kind
	}
	return SystemError
}

// IsTransient reports whether an error has a cause that passes by itself or is
// mended by an operator, and that no data has caused. The operation is retried
// without limit, and the failure is not counted against it.
func IsTransient(err error) bool {
	return slices.Contains([]ErrorKind{ConflictError, StoppedError, UnavailableError, SystemError}, KindOf(err))
}

// IsBusy reports whether an error was caused by a database that is down,
// overloaded, slow or out of order, rather than by the operation itself.
func IsBusy(err error) bool { return IsTransient(err) || KindOf(err) == TimeoutError }
