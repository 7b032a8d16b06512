package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/lib/pq"
)

// driverConn is what lib/pq's connections implement.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// connection is a connection of the pool.
type connection struct {
	driverConn
	connector *connector
	dialer    *dialer

	// pooled connections lead to a connection pooler. They have no session of
	// their own: nothing stays prepared on them.
	pooled bool

	// server is when the server was started, which tells servers apart.
	server string

	unusable atomic.Bool // not to be used again
}

var _ driverConn = (*connection)(nil)

// sessionFacts is what inspect reads.
const sessionFacts = `
SELECT
	pg_is_in_recovery()::text,
	current_setting('transaction_read_only'),
	(SELECT reset_val FROM pg_settings WHERE name = 'tcp_user_timeout'),
	current_setting('idle_in_transaction_session_timeout'),
	current_setting('lock_timeout'),
	pg_postmaster_start_time()::text`

// unsuitable is the error for a server or a pooler that answers, and cannot be
// used as it is.
type unsuitable string

func (u unsuitable) Error() string { return string(u) }

// inspect returns an error if the server is not one of those to accept, or if
// a connection pooler is not safe to use. The dialer limits its time: canceling
// ctx would make lib/pq dial again.
func (c *connection) inspect(ctx context.Context, accept pq.TargetSessionAttrs) error {
	facts, err := c.readRow(context.WithoutCancel(ctx), sessionFacts)
	if err != nil {
		return err
	}
	standby, readOnly := facts[0] == "true", facts[1] == "on"
	c.server = facts[5]
	switch accept {
	case pq.TargetSessionAttrsReadWrite:
		if standby {
			return unsuitable("the server is a read-only standby")
		}
		if readOnly {
			return unsuitable("the server is read-only: default_transaction_read_only is on")
		}
	case pq.TargetSessionAttrsPrimary:
		if standby {
			return unsuitable("the server is a read-only standby")
		}
	case pq.TargetSessionAttrsStandby:
		if !standby {
			return unsuitable("the server is not a standby")
		}
	case pq.TargetSessionAttrsReadOnly:
		if !standby && !readOnly {
			return unsuitable("the server is not read-only")
		}
	case pq.TargetSessionAttrsAny, pq.TargetSessionAttrsPreferStandby:
	}
	c.pooled = facts[2] != serverUserTimeout
	if !c.pooled {
		return nil
	}
	return c.inspectPooler(context.WithoutCancel(ctx), facts[3], facts[4])
}

// inspectPooler returns an error if the service could not keep its promises
// with a connection pooler as it is set up.
func (c *connection) inspectPooler(ctx context.Context, idleTimeout, lockTimeout string) error {
	// Without these a stopped process would hold the locks on its SIMs forever.
	parameters := c.connector.parameters
	for name, value := range map[string]string{"idle_in_transaction_session_timeout": idleTimeout, "lock_timeout": lockTimeout} {
		if wanted := parameters[name]; value == "0" && wanted != "" && wanted != "0" {
			return unsuitable(fmt.Sprintf("the connection pooler does not pass on %[1]s: run ALTER ROLE … SET %[1]s = %[2]s "+
				"for the user of the database URL, and make the pooler reconnect (see Connection poolers in docs/operations.md)", name, wanted))
		}
	}
	tx, err := c.BeginTx(ctx, driver.TxOptions{})
	if err == nil {
		err = tx.Rollback()
	}
	if err != nil {
		return fmt.Errorf("the connection pooler does not allow transactions: set its pool_mode to transaction or session: %w", err)
	}
	return nil
}

// readRow returns the only row of a query without parameters whose columns are
// text.
func (c *connection) readRow(ctx context.Context, query string) ([]string, error) {
	rows, err := c.driverConn.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	values := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(values); err != nil {
		return nil, err
	}
	texts := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case string:
			texts[i] = v
		case []byte:
			texts[i] = string(v)
		}
	}
	if err := rows.Next(values); !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, errors.New("the query returned more than one row"))
	}
	return texts, nil
}

// ResetSession implements driver.SessionResetter: database/sql calls it before
// it uses a connection again. A connection that the server has closed is
// replaced by another one, without an error.
func (c *connection) ResetSession(ctx context.Context) error {
	if !c.IsValid() || c.dialer.closed() {
		return driver.ErrBadConn
	}
	c.dialer.reset()
	return c.driverConn.ResetSession(ctx)
}

// IsValid implements driver.Validator: database/sql calls it before it puts a
// connection back into the pool.
func (c *connection) IsValid() bool {
	return !c.unusable.Load() && c.driverConn.IsValid()
}

// Close implements driver.Conn.
func (c *connection) Close() error {
	c.connector.remove(c)
	return c.driverConn.Close()
}

// observe makes the pool drop a connection to a server that has become
// read-only.
func (c *connection) observe(err error) error {
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "25006" {
		c.unusable.Store(true)
	}
	return err
}

// ExecContext implements driver.ExecerContext.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.driverConn.ExecContext(ctx, query, args)
	return r, c.observe(err)
}

// QueryContext implements driver.QueryerContext.
func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.driverConn.QueryContext(ctx, query, args)
	if err != nil { // lib/pq's rows are a nil pointer then
		return nil, c.observe(err)
	}
	return r, nil
}

// PrepareContext implements driver.ConnPrepareContext. A connection pooler may
// run each statement on another server connection, where it would not be
// prepared, or where another client has prepared one of the same name. So on a
// pooled connection, a statement is sent as a whole each time it is run.
func (c *connection) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.pooled && !isCopy(query) {
		return &unpreparedStatement{c, query}, nil
	}
	s, err := c.driverConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.observe(err)
	}
	if isCopy(query) {
		return copyStatement{s, c}, nil
	}
	return &preparedStatement{s.(driverStatement), c}, nil
}

// isCopy reports whether a statement is a COPY, which lib/pq begins when it is
// prepared, in a transaction, and never prepares on the server.
func isCopy(query string) bool {
	query = strings.TrimSpace(query)
	return len(query) >= 4 && strings.EqualFold(query[:4], "COPY")
}

// driverStatement is what lib/pq's prepared statements implement.
type driverStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type preparedStatement struct {
	driverStatement
	conn *connection
}

// ExecContext implements driver.StmtExecContext.
func (s *preparedStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	r, err := s.driverStatement.ExecContext(ctx, args)
	return r, s.conn.observe(err)
}

// QueryContext implements driver.StmtQueryContext.
func (s *preparedStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.driverStatement.QueryContext(ctx, args)
	if err != nil {
		return nil, s.conn.observe(err)
	}
	return r, nil
}

// unpreparedStatement is a statement on a pooled connection.
type unpreparedStatement struct {
	conn  *connection
	query string
}

var _ driverStatement = (*unpreparedStatement)(nil)

func (s *unpreparedStatement) Close() error { return nil }

// NumInput implements driver.Stmt: the server checks the number of arguments.
func (s *unpreparedStatement) NumInput() int { return -1 }

// Exec implements driver.Stmt; database/sql calls ExecContext.
func (s *unpreparedStatement) Exec([]driver.Value) (driver.Result, error) {
	return nil, driver.ErrSkip
}

// Query implements driver.Stmt; database/sql calls QueryContext.
func (s *unpreparedStatement) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

// ExecContext implements driver.StmtExecContext.
func (s *unpreparedStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *unpreparedStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}
