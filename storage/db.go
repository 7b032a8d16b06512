// Package storage stores accounts, SIMs, requests, transfers and the work that
// remains to be done in PostgreSQL, which is the source of truth.
//
// A method of DB is a transaction or a single statement; a method of Tx is part
// of a transaction. The isolation level is READ COMMITTED with explicit row
// locks. A transaction takes a lock with one statement and reads what the lock
// protects with a later one. Locks are taken in this order:
//
//	advisory key lock → work row → sims by id → radacct → claims by sim
//	→ own transfers → the request
//
// All times come from the database's clock_timestamp().
//
// Statements have names and named parameters; testdata/sql has the text of each
// as the server gets it.
package storage

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// DB is a pool of connections to one database. It is safe for concurrent use.
type DB struct {
	pool *sqlx.DB

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
}

// Open connects to the database that a postgres:// URL or a lib/pq connection
// string names. Every connection gets the time-outs that the protocol relies on:
// for example, a process that is stopped in the middle of a transaction loses
// its locks after five seconds.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 10
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 50 * time.Second
	}
	if err := CheckURL(dsn); err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	parameters := [][2]string{
		{"idle_in_transaction_session_timeout", "5000"},
		{"lock_timeout", "2000"},
		{"statement_timeout", fmt.Sprint(o.StatementTimeout.Milliseconds())},
		{"tcp_user_timeout", "15000"},
		{"connect_timeout", "5"},
		{"TimeZone", "UTC"},
	}
	if o.GenericPlans {
		parameters = append(parameters, [2]string{"plan_cache_mode", "force_generic_plan"}, [2]string{"enable_seqscan", "off"})
	}
	dsn, err := withParameters(dsn, parameters)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	pool, err := sqlx.Open("postgres", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return &DB{pool: pool, prepared: map[*statement]*sqlx.Stmt{}}, nil
}

// withParameters adds the parameters that the connection string does not set.
func withParameters(dsn string, parameters [][2]string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		for _, p := range parameters {
			if !strings.Contains(dsn, p[0]+"=") {
				dsn += " " + p[0] + "=" + p[1]
			}
		}
		return dsn, nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err // not after CheckURL
	}
	q := u.Query()
	for _, p := range parameters {
		if !q.Has(p[0]) {
			q.Set(p[0], p[1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Close closes every connection.
func (db *DB) Close() error { return db.pool.Close() }

// Ping returns an error if the database does not answer.
func (db *DB) Ping(ctx context.Context) error { return db.pool.PingContext(ctx) }

// Pool returns the connections for callers that run SQL of their own: tests, the
// sample inventory and the benchmark.
func (db *DB) Pool() *sqlx.DB { return db.pool }

// Tx is a transaction in progress. It must not be used after the function that
// received it returns, and that function must not wait for a client or Redis.
type Tx struct {
	tx *sqlx.Tx
	db *DB
}

// InTx runs fn in a transaction and commits it if fn returns nil.
func (db *DB) InTx(ctx context.Context, fn func(*Tx) error) error {
	tx, err := db.pool.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(&Tx{tx, db}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	db.preparePending(ctx)
	return nil
}

// command runs a command that has no parameters and is not a statement of its
// own, such as SAVEPOINT.
func (t *Tx) command(ctx context.Context, command string) error {
	_, err := t.tx.ExecContext(ctx, command)
	return err
}
