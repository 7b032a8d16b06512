package storage_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"simtransfer/storage"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want storage.ErrorKind
	}{
		{code("22012"), storage.DataError},   // division by zero
		{code("22003"), storage.DataError},   // number out of range
		{code("23505"), storage.DataError},   // unique violation
		{code("23514"), storage.DataError},   // check violation
		{code("P0001"), storage.DataError},   // RAISE in a trigger
		{code("21000"), storage.DataError},   // more than one row
		{code("23502"), storage.SystemError}, // a new NOT NULL column
		{code("2200H"), storage.SystemError}, // a sequence at its end

		{code("40001"), storage.ConflictError}, // serialization failure
		{code("40P01"), storage.ConflictError}, // deadlock
		{code("55P03"), storage.ConflictError}, // lock time-out

		{code("57014"), storage.TimeoutError}, // statement time-out
		{code("25P04"), storage.TimeoutError}, // transaction time-out
		{context.DeadlineExceeded, storage.TimeoutError},
		{&net.OpError{Op: "read", Err: context.DeadlineExceeded}, storage.TimeoutError},

		{context.Canceled, storage.StoppedError},
		{errors.Join(context.Canceled, code("23505")), storage.StoppedError},

		{code("08006"), storage.UnavailableError},        // connection failure
		{code("25006"), storage.UnavailableError},        // a standby
		{code("25P03"), storage.UnavailableError},        // idle in transaction
		{code("28000"), storage.UnavailableError},        // pg_hba.conf refuses
		{code("28P01"), storage.UnavailableError},        // wrong password
		{code("3D000"), storage.UnavailableError},        // no such database
		{code("40003"), storage.UnavailableError},        // unknown whether it is committed
		{code("53300"), storage.UnavailableError},        // too many connections
		{code("57P01"), storage.UnavailableError},        // shutdown
		{code("57P02"), storage.UnavailableError},        // crash
		{code("57P03"), storage.UnavailableError},        // starting
		{code("57P05"), storage.UnavailableError},        // idle session
		{driver.ErrBadConn, storage.UnavailableError},    // how the driver reports a lost connection
		{sql.ErrConnDone, storage.UnavailableError},      //
		{io.ErrUnexpectedEOF, storage.UnavailableError},  //
		{syscall.ECONNREFUSED, storage.UnavailableError}, //
		{fmt.Errorf("x: %w", io.EOF), storage.UnavailableError},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, storage.UnavailableError},
		{&net.DNSError{}, storage.UnavailableError},
		{&pq.Error{Severity: pqerror.SeverityFatal, Code: "42501"}, storage.UnavailableError}, // no right to connect
		{&pq.Error{Severity: pqerror.SeverityFatal, Code: "22023"}, storage.UnavailableError}, // a parameter of the connection

		{code("0A000"), storage.SystemError}, // cached plan must not change result type
		{code("26000"), storage.SystemError}, // prepared statement does not exist
		{code("3F000"), storage.SystemError}, // no such schema
		{code("42501"), storage.SystemError}, // a right is missing
		{code("42P01"), storage.SystemError}, // undefined table
		{code("42703"), storage.SystemError}, // undefined column
		{code("42804"), storage.SystemError}, // a column has another type
		{code("42883"), storage.SystemError}, // undefined function
		{code("53100"), storage.SystemError}, // disk full
		{code("53200"), storage.SystemError}, // out of memory
		{code("54000"), storage.SystemError}, // a limit of PostgreSQL
		{code("55000"), storage.SystemError}, // object not ready
		{code("58030"), storage.SystemError}, // I/O error
		{code("58P01"), storage.SystemError}, // a file is missing
		{code("F0000"), storage.SystemError}, // configuration file
		{code("XX000"), storage.SystemError}, // internal error
		{code("XX001"), storage.SystemError}, // data corrupted
		{code("ZZ999"), storage.SystemError}, // unknown

		{nil, storage.NotOfDatabase},
		{storage.ErrNotFound, storage.NotOfDatabase},
		{errors.New("something else"), storage.NotOfDatabase},
	} {
		if got := storage.KindOf(c.err); got != c.want {
			t.Errorf("%v (%T): %q, want %q", c.err, c.err, got, c.want)
		}
	}
}
