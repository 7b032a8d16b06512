package storage

import (
	"context"
	"fmt"
)

// Requirements of the PostgreSQL server.
const (
	minServerVersion  = 140000 // as server_version_num: 14.0
	minMaxConnections = 50
)

var selectServerSettings = newStatement(statement{
	name:    "select_server_settings",
	does:    "Reads the settings of the server and of the connection that Warnings judges.",
	returns: "The settings.",
	text: `
		SELECT
			current_setting('server_version_num')::int AS version,
			current_setting('fsync') AS fsync,
			current_setting('full_page_writes') AS full_page_writes,
			current_setting('synchronous_commit') AS synchronous_commit,
			current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction,
			current_setting('lock_timeout') AS lock_timeout,
			current_setting('max_connections')::int AS max_connections,
			pg_is_in_recovery() AS standby`,
})

// Warnings returns a sentence for each setting of the server with which the
// service cannot keep its promises, for an operator to read.
func (db *DB) Warnings(ctx context.Context) ([]string, error) {
	var s struct {
		Version           int    `db:"version"`
		Fsync             string `db:"fsync"`
		FullPageWrites    string `db:"full_page_writes"`
		SynchronousCommit string `db:"synchronous_commit"`
		IdleInTransaction string `db:"idle_in_transaction"`
		LockTimeout       string `db:"lock_timeout"`
		MaxConnections    int    `db:"max_connections"`
		Standby           bool   `db:"standby"`
	}
	if err := db.get(ctx, &s, selectServerSettings, args{}); err != nil {
		return nil, fmt.Errorf("reading the database's settings: %w", err)
	}
	var list []string
	warnIf := func(condition bool, format string, args ...any) {
		if condition {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	warnIf(s.Standby, "PostgreSQL is a read-only standby: connect to the primary")
	warnIf(s.Version < minServerVersion, "PostgreSQL has version %d.%d: upgrade to %d or later",
		s.Version/10000, s.Version%10000, minServerVersion/10000)
	warnIf(s.Fsync != "on", "PostgreSQL has fsync = %s: a crash of its host can lose or corrupt all data; set it to on", s.Fsync)
	warnIf(s.FullPageWrites != "on", "PostgreSQL has full_page_writes = %s: a crash of its host can corrupt data; set it to on", s.FullPageWrites)
	warnIf(s.SynchronousCommit == "off", "PostgreSQL has synchronous_commit = off: a crash can lose changes that the API has already confirmed; set it to on")
	warnIf(s.IdleInTransaction == "0", "idle_in_transaction_session_timeout is 0 on this connection, perhaps because of a connection pooler: "+
		"a stopped process would keep its SIMs locked; set it to 5s with ALTER ROLE")
	warnIf(s.LockTimeout == "0", "lock_timeout is 0 on this connection, perhaps because of a connection pooler; set it to 2s with ALTER ROLE")
	warnIf(s.MaxConnections < minMaxConnections, "PostgreSQL has max_connections = %d: three processes with 20 connections each need more; "+
		"raise it, or lower --max-conns", s.MaxConnections)
	return list, nil
}
