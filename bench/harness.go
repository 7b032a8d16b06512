package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/jmoiron/sqlx"

	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/storage"
)

// harness runs the measurements: it has private servers with durable data, and
// template databases that are copied, so that all runs start with the same data.
type harness struct {
	options
	stack     *stack.Stack
	gateways  []*radius.SimulatedGateway
	tokens    map[string]keyring // API keys by template: copies have the same keys
	templates map[string]bool    // by name, if created
	runs      int
	samples   map[string][]float64
	env       []string // of the processes of the next runs
	started   time.Time
}

// database is the name of the copy that a run works on.
const database = "run"

func newHarness(ctx context.Context, o options) (_ *harness, err error) {
	h := &harness{options: o, tokens: map[string]keyring{}, templates: map[string]bool{}, samples: map[string][]float64{}, started: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.logf("starting PostgreSQL and Redis")
	settings := maps.Clone(o.Settings)
	if o.Explain {
		settings["shared_preload_libraries"] = "pg_stat_statements"
	}
	h.stack, err = stack.Start(ctx, stack.Options{
		Servers: servers.Options{Durable: true, PostgresSettings: settings},
		Program: o.Program,
	})
	if err != nil {
		return nil, err
	}
	// Each run starts its own processes, on its own database.
	for _, p := range h.stack.Processes() {
		if err := p.Shutdown(); err != nil {
			return nil, err
		}
	}
	for range 2 {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), radius.Behavior{})
		if err != nil {
			return nil, err
		}
		h.gateways = append(h.gateways, g)
	}
	return h, nil
}

func (h *harness) close() error {
	var errs []error
	for _, g := range h.gateways {
		errs = append(errs, g.Close())
	}
	if h.stack != nil {
		errs = append(errs, h.stack.Stop())
	}
	return errors.Join(errs...)
}

// logf prints a line with the time since the start to standard error.
func (h *harness) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(h.started).Seconds(), fmt.Sprintf(format, args...))
}

// record adds a sample of a figure.
func (h *harness) record(figure string, value float64) {
	h.samples[figure] = append(h.samples[figure], value)
}

// template creates a template database, unless it exists: a copy of the template
// from or, if that is empty, a new database with the schema. fill inserts its rows.
func (h *harness) template(ctx context.Context, name, from string, fill func(context.Context, *storage.DB) error) (err error) {
	if h.templates[name] {
		return nil
	}
	h.logf("creating database %s", name)
	if err := h.stack.CreateDatabase(ctx, name, from); err != nil {
		return err
	}
	if from == "" {
		err = storage.Migrate(ctx, h.stack.DatabaseURL(name))
	} else {
		h.tokens[name] = h.tokens[from]
	}
	if err != nil {
		return err
	}
	db, err := h.open(ctx, name)
	if err != nil {
		return err
	}
	if err := fill(ctx, db); err != nil {
		return errors.Join(err, db.Close())
	}
	h.templates[name] = true
	return errors.Join(h.vacuumAndCheckpoint(ctx, db), db.Close())
}

// copyTemplate creates the database of a run as a copy of a template.
func (h *harness) copyTemplate(ctx context.Context, template string) (*storage.DB, error) {
	if err := h.stack.DropDatabase(ctx, database); err != nil {
		return nil, err
	}
	if err := h.stack.CreateDatabase(ctx, database, template); err != nil {
		return nil, err
	}
	h.tokens[database] = h.tokens[template]
	return h.open(ctx, database)
}

// open connects to a database. Statements may take an hour.
func (h *harness) open(ctx context.Context, name string) (*storage.DB, error) {
	return storage.Open(ctx, h.stack.DatabaseURL(name), storage.Options{StatementTimeout: time.Hour})
}

// session connects to the run's database with the defaults of PostgreSQL, for work
// that is not done by simtransfer.
func (h *harness) session(ctx context.Context) (*sqlx.DB, error) {
	return sqlx.ConnectContext(ctx, "postgres", h.stack.DatabaseURL(database))
}

// vacuumAndCheckpoint brings a database to the state in which every run starts.
func (h *harness) vacuumAndCheckpoint(ctx context.Context, db *storage.DB) error {
	statements := []string{"VACUUM (ANALYZE)", "CHECKPOINT"}
	if h.Explain {
		statements = append(statements, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()")
	}
	for _, statement := range statements {
		if _, err := db.Pool().ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("preparing a database: %s: %w", statement, err)
		}
	}
	return nil
}

// recordRun records how long a run took, and the processor time of each kind of
// process.
func (h *harness) recordRun(ctx context.Context, db *storage.DB, figure string, took time.Duration, used usage) {
	h.logf("  %s: %.3f s; processor seconds: %s", figure, took.Seconds(), used)
	h.record(figure+"_s", took.Seconds())
	for name, seconds := range used {
		h.record(figure+"_cpu_"+name, seconds)
	}
	if h.Explain {
		h.explain(ctx, db)
	}
}

// explain prints the statements that took the most time since vacuumAndCheckpoint.
func (h *harness) explain(ctx context.Context, db *storage.DB) {
	var list []struct {
		Calls  int     `db:"calls"`
		Millis float64 `db:"millis"`
		Rows   int     `db:"rows"`
		Blocks int     `db:"blocks"`
		WAL    float64 `db:"wal"`
		Query  string  `db:"query"`
	}
	if err := db.Pool().SelectContext(ctx, &list, `
		SELECT
			calls,
			total_exec_time + total_plan_time AS millis,
			rows,
			shared_blks_hit + shared_blks_read AS blocks,
			wal_bytes / 1048576 AS wal,
			left(regexp_replace(query, '\s+', ' ', 'g'), 110) AS query
		FROM pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		ORDER BY total_exec_time + total_plan_time DESC
		LIMIT 20`); err != nil {
		h.logf("reading pg_stat_statements: %v", err)
	}
	for _, q := range list {
		h.logf("  %9.1f ms %6d calls %8d rows %8d blocks %6.1f MiB WAL  %s", q.Millis, q.Calls, q.Rows, q.Blocks, q.WAL, q.Query)
	}
}

// redisURL returns the URL of an unused Redis database.
func (h *harness) redisURL() string {
	h.runs++
	return h.stack.RedisURL(h.runs)
}
