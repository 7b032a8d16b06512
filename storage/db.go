package storage

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	pool         *sqlx.DB
	availability *availability
	feeds        feedHorizon
	changePages  chan struct{} // has an item for each page of the changes feed that is being read

	mu       sync.Mutex
	prepared map[*statement]*sqlx.Stmt // nil until it is prepared
	pending  []*statement              // to be prepared
}

// Options configure a pool. The zero value suits a small process.
type Options struct {
	MaxConns int // maximum number of open connections; zero means 10

	// GenericPlans makes each connection plan a prepared statement once, for all
	// arguments, and prefer indexes even while tables are small. It suits a
	// process that runs a few statements often, but not lists with filters.
	GenericPlans bool

	// StatementTimeout cancels a statement that runs longer. Zero means 50 s,
	// which is less than the time-out of a task.
	StatementTimeout time.Duration

	// Standby lets the database be a read-only standby, unless the connection
	// string has a target_session_attrs.
	Standby bool

	// Watch checks the database every second, on one more connection. So a
	// server that no longer answers, or that another one has replaced, is noticed
	// within seconds, and statements that wait for it fail.
	Watch bool

	Log *slog.Logger // of failures to connect; nil discards them
}

// connLifetime is how long a connection is used, so that a pool follows the
// name in its connection string to another server.
const connLifetime = 5 * time.Minute

// Open connects to the database that a postgres:// URL or a connection string
// of keywords names, as libpq does: with several hosts, it uses the first that
// accepts changes. Every connection gets the time-outs that the protocol relies
// on: for example, a process that is stopped in the middle of a transaction
// loses its locks after five seconds.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 10
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 50 * time.Second
	}
	parameters := map[string]string{
		"idle_in_transaction_session_timeout": "5000",
		"lock_timeout":                        "2000",
		"statement_timeout":                   fmt.Sprint(o.StatementTimeout.Milliseconds()),
		"tcp_user_timeout":                    serverUserTimeout,
		"TimeZone":                            "UTC",
	}
	if o.GenericPlans {
		parameters["plan_cache_mode"] = "force_generic_plan"
		parameters["enable_seqscan"] = "off"
	}
	c, err := newConnector(dsn, parameters, o.Standby, o.Log)
	if err != nil {
		return nil, err
	}
	pool := sqlx.NewDb(sql.OpenDB(c), "postgres")
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(connLifetime)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	db := &DB{
		pool:         pool,
		prepared:     map[*statement]*sqlx.Stmt{},
		availability: newAvailability(c),
		changePages:  make(chan struct{}, max(1, o.MaxConns*2/5)), // readers of the feed leave connections for others
	}
	if o.Watch {
		db.availability.watch(ctx)
	}
	return db, nil
}

// Close closes every connection.
func (db *DB) Close() error {
	db.availability.close()
	return db.pool.Close()
}

// Pool returns the connections for callers that run SQL of their own: tests, the
// sample inventory and the benchmark.
func (db *DB) Pool() *sqlx.DB { return db.pool }
