package storage

import (
	"context"
	"fmt"
)

// Warnings says in plain words which settings of the server make less of the
// service's promises.
func (db *DB) Warnings(ctx context.Context) ([]string, error) {
	var s struct {
		Version           int    `db:"version"`
		Fsync             string `db:"fsync"`
		FullPageWrites    string `db:"full_page_writes"`
		SynchronousCommit string `db:"synchronous_commit"`
		IdleInTransaction string `db:"idle_in_transaction"`
		LockTimeout       string `db:"lock_timeout"`
		MaxConnections    int    `db:"max_connections"`
		Recovering        bool   `db:"recovering"`
	}
	if err := db.pool.GetContext(ctx, &s, `
		SELECT
			current_setting('server_version_num')::int AS version,
			current_setting('fsync') AS fsync,
			current_setting('full_page_writes') AS full_page_writes,
			current_setting('synchronous_commit') AS synchronous_commit,
			current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction,
			current_setting('lock_timeout') AS lock_timeout,
			current_setting('max_connections')::int AS max_connections,
			pg_is_in_recovery() AS recovering`); err != nil {
		return nil, fmt.Errorf("reading the database's settings: %w", err)
	}
	var list []string
	warn := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	warn(s.Recovering, "PostgreSQL is a standby: it cannot be written to; name the primary")
	warn(s.Version < 140000, "PostgreSQL is version %d.%d; this needs 14 or later", s.Version/10000, s.Version%10000)
	warn(s.Fsync != "on", "PostgreSQL runs with fsync = %s: a crash of its machine can lose or damage everything; set it on", s.Fsync)
	warn(s.FullPageWrites != "on", "PostgreSQL runs with full_page_writes = %s: a crash of its machine can damage data; set it on", s.FullPageWrites)
	warn(s.SynchronousCommit == "off", "PostgreSQL runs with synchronous_commit = off: a crash can lose requests that the API has accepted and transfers that gateways have acted on; set it to on")
	warn(s.IdleInTransaction == "0", "idle_in_transaction_session_timeout is 0 on this connection, perhaps because of a connection pooler: "+
		"a stopped process would keep its SIMs locked indefinitely; set it to 5s with ALTER ROLE")
	warn(s.LockTimeout == "0", "lock_timeout is 0 on this connection, perhaps because of a connection pooler; set it to 2s with ALTER ROLE")
	warn(s.MaxConnections < 50, "PostgreSQL allows %d connections; three processes of 20 each want more, or fewer by --max-conns", s.MaxConnections)
	return list, nil
}
