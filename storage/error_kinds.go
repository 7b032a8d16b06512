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
	// lasts until the cause is fixed.
	SystemError ErrorKind = "system"
)

// ConnectError is the error of opening a connection to the database.
type ConnectError struct{ Err error }

func (e *ConnectError) Error() string { return "connecting to PostgreSQL: " + e.Err.Error() }

func (e *ConnectError) Unwrap() error { return e.Err }

// KindOf returns the kind of an error.
func KindOf(err error) ErrorKind {
	var e *pq.Error
	var connect *ConnectError
	var rights *MissingRightsError
	switch {
	case err == nil:
		return NotOfDatabase
	case errors.Is(err, context.Canceled): // even if the database reports another cause
		return StoppedError
	case errors.As(err, &connect): // whatever the reason
		return UnavailableError
	case errors.As(err, &e):
		return kindOfServerError(e)
	case errors.As(err, &rights):
		return SystemError
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
	return kindOfCode(string(e.Code))
}

// kindOfCode returns the kind of an error code of PostgreSQL, which begins with
// its class. A code that is not listed is a SystemError, so that no new code can
// be blamed on a SIM. PostgreSQL's manual names all codes in appendix A.
func kindOfCode(code string) ErrorKind {
	switch code {
	case "2200H", // a sequence has reached its end
		"23502": // null in a NOT NULL column: no statement writes one because of its data, so the column is new
		return SystemError
	case "25006", // read-only transaction: the server is a standby, or has become one
		"25P03", // the process was stopped in a transaction, and the connection closed
		"53300": // too many connections
		return UnavailableError
	case "40001", // serialization failure
		"40P01", // deadlock
		"55P03": // lock_timeout
		return ConflictError
	case "25P04", // transaction_timeout
		"57014": // statement_timeout
		return TimeoutError
	}
	switch code[:min(2, len(code))] {
	case "21", // a subquery returned more than one row
		"22", // data exception: out of range, division by zero, invalid text
		"23", // constraint violation
		"44", // WITH CHECK OPTION violation
		"P0": // RAISE in a trigger
		return DataError
	case "08", // connection exception; also what PgBouncer reports
		"28", // login refused
		"3D", // the database does not exist
		"40", // transaction rolled back
		"57": // operator intervention: shutdown, crash, not yet ready
		return UnavailableError
	}
	return SystemError
}

// IsTransient reports whether an error has a cause that passes by itself or is
// fixed by an operator, and that no data has caused. The operation is retried
// without limit, and the failure is not counted against it.
func IsTransient(err error) bool {
	return slices.Contains([]ErrorKind{ConflictError, StoppedError, UnavailableError, SystemError}, KindOf(err))
}

// IsBusy reports whether an error was caused by a database that is down,
// overloaded, slow or damaged, rather than by the operation itself.
func IsBusy(err error) bool { return IsTransient(err) || KindOf(err) == TimeoutError }
