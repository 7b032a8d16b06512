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

// bed is what everything is measured on: private servers with durable data,
// and databases that are copied for each run, so that all begin alike.
type bed struct {
	options
	stack     *stack.Stack
	gateways  []*radius.SimulatedGateway
	tokens    map[string]keyring // by template: copies have the same keys
	templates map[string]bool    // that are made
	runs      int
	samples   map[string][]float64
	started   time.Time
}

// database is the name of the copy that a run works on.
const database = "run"

func newBed(ctx context.Context, o options) (_ *bed, err error) {
	b := &bed{options: o, tokens: map[string]keyring{}, templates: map[string]bool{}, samples: map[string][]float64{}, started: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	b.say("starting PostgreSQL and Redis")
	settings := maps.Clone(o.Settings)
	if o.Explain {
		settings["shared_preload_libraries"] = "pg_stat_statements"
	}
	b.stack, err = stack.Start(ctx, stack.Options{
		Servers: servers.Options{Durable: true, PostgresSettings: settings},
		Program: o.Program,
	})
	if err != nil {
		return nil, err
	}
	// They are started again for each run, on its database.
	for _, p := range b.stack.Processes() {
		if err := p.Shutdown(); err != nil {
			return nil, err
		}
	}
	for range 2 {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), radius.Behavior{})
		if err != nil {
			return nil, err
		}
		b.gateways = append(b.gateways, g)
	}
	return b, nil
}

func (b *bed) close() error {
	var errs []error
	for _, g := range b.gateways {
		errs = append(errs, g.Close())
	}
	if b.stack != nil {
		errs = append(errs, b.stack.Stop())
	}
	return errors.Join(errs...)
}

// say tells on standard error what is going on.
func (b *bed) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// add notes a sample of a figure.
func (b *bed) add(figure string, value float64) {
	b.samples[figure] = append(b.samples[figure], value)
}

// template makes a database to copy from, unless it is there: a copy of
// another one, or a new one with the product's schema, that fill has filled.
func (b *bed) template(ctx context.Context, name, from string, fill func(context.Context, *storage.DB) error) (err error) {
	if b.templates[name] {
		return nil
	}
	b.say("making the database %s", name)
	if err := b.stack.CreateDatabase(ctx, name, from); err != nil {
		return err
	}
	if from == "" {
		err = storage.Migrate(ctx, b.stack.DatabaseURL(name))
	} else {
		b.tokens[name] = b.tokens[from]
	}
	if err != nil {
		return err
	}
	db, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	if err := fill(ctx, db); err != nil {
		return errors.Join(err, db.Close())
	}
	b.templates[name] = true
	return errors.Join(b.settle(ctx, db), db.Close())
}

// fresh makes the run's database, as a copy of a template.
func (b *bed) fresh(ctx context.Context, template string) (*storage.DB, error) {
	if err := b.stack.DropDatabase(ctx, database); err != nil {
		return nil, err
	}
	if err := b.stack.CreateDatabase(ctx, database, template); err != nil {
		return nil, err
	}
	b.tokens[database] = b.tokens[template]
	return b.open(ctx, database)
}

// open connects to a database, for looking and for statements that take long.
func (b *bed) open(ctx context.Context, name string) (*storage.DB, error) {
	return storage.Open(ctx, b.stack.DatabaseURL(name), storage.Options{StatementTimeout: time.Hour})
}

// session connects to the run's database with nothing set: for work that is
// not the product's.
func (b *bed) session(ctx context.Context) (*sqlx.DB, error) {
	return sqlx.ConnectContext(ctx, "postgres", b.stack.DatabaseURL(database))
}

// settle brings a database to the condition in which every run begins.
func (b *bed) settle(ctx context.Context, db *storage.DB) error {
	statements := []string{"VACUUM (ANALYZE)", "CHECKPOINT"}
	if b.Explain {
		statements = append(statements, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT pg_stat_statements_reset()")
	}
	for _, statement := range statements {
		if _, err := db.Pool().ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("settling a database: %s: %w", statement, err)
		}
	}
	return nil
}

// took notes how long something took, and which processes worked on it for
// how many seconds.
func (b *bed) took(ctx context.Context, db *storage.DB, figure string, took time.Duration, used usage) {
	b.say("  %s: %.3f s; processor seconds: %s", figure, took.Seconds(), used)
	b.add(figure+"_s", took.Seconds())
	for name, seconds := range used {
		b.add(figure+"_cpu_"+name, seconds)
	}
	if b.Explain {
		b.explain(ctx, db)
	}
}

// explain prints the statements that have taken the most time since settle.
func (b *bed) explain(ctx context.Context, db *storage.DB) {
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
		b.say("explaining: %v", err)
	}
	for _, q := range list {
		b.say("  %9.1f ms %6d calls %8d rows %8d blocks %6.1f MiB WAL  %s", q.Millis, q.Calls, q.Rows, q.Blocks, q.WAL, q.Query)
	}
}

// redisURL is a Redis database that has not been used.
func (b *bed) redisURL() string {
	b.runs++
	return b.stack.RedisURL(b.runs)
}
