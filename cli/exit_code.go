package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"simtransfer/client"
)

// The exit codes of commands. Scripts rely on them.
const (
	ExitOK           = 0
	ExitFailed       = 1
	ExitUsage        = 2
	ExitNotFound     = 3
	ExitUnauthorized = 4   // no key, an unknown key, or one without the permission
	ExitConflict     = 5   // the request is in another state, or the object exists already
	ExitUnavailable  = 6   // the service does not answer, or is busy
	ExitIncomplete   = 7   // what was watched has finished, but not every SIM was transferred; or rows of a file were refused
	ExitInterrupted  = 130 // by Ctrl-C
)

// ExitCodes describes the exit codes in the help text.
const ExitCodes = `Exit codes of the commands that call the API:

    0    success
    1    the service refused the command, the command failed, or the server at
         the URL is not simtransfer
    2    wrong usage: nothing was changed
    3    not found
    4    no API key, or the key does not permit the command
    5    conflict: the request is in another state, the object exists already, or
         the first call with this Idempotency-Key is still running
    6    the service does not answer or is busy, such as with another sync, or
         its answer was cut off
    7    watch: finished, but some SIMs were not transferred
         sims sync, accounts import: applied, but some rows were refused
         requests approve, deny: some of several requests were not decided
    130  interrupted`

// ExitCode returns the exit code for the error of a command.
func ExitCode(err error) int {
	var coded *exitError
	var p *client.Problem
	var other *client.NotServiceError
	var unreachable *client.UnreachableError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &p):
		return problemExitCode(p)
	case errors.As(err, &other):
		if other.Temporary() {
			return ExitUnavailable
		}
		return ExitFailed
	case errors.As(err, &unreachable):
		return ExitUnavailable
	}
	return ExitFailed
}

func problemExitCode(p *client.Problem) int {
	switch {
	case p.Temporary(), p.Code == "sync_running": // the same call succeeds later
		return ExitUnavailable
	case p.Status == http.StatusUnauthorized, p.Status == http.StatusForbidden:
		return ExitUnauthorized
	case p.Status == http.StatusNotFound:
		return ExitNotFound
	case p.Status == http.StatusConflict, p.Status == http.StatusPreconditionFailed:
		return ExitConflict
	}
	return ExitFailed
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...)}
}

// ErrReported matches, with errors.Is, the error of a command that has already
// printed it. Such an error only determines the exit code.
var ErrReported = errors.New("already reported")

// Reported makes err match ErrReported.
func Reported(err error) error { return reported{err} }

type reported struct{ error }

func (e reported) Unwrap() error        { return e.error }
func (e reported) Is(target error) bool { return target == ErrReported }
