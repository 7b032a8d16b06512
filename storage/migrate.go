package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsLock is the key of the advisory lock on migrations.
const migrationsLock = 5_887_940_537_704_921_958

var setNoTimeouts = newStatement(statement{
	name:    "set_no_timeouts",
	does:    "Lets the transaction wait, and be idle, for as long as it takes.",
	returns: "A row.",
	text: `
		SELECT
			set_config('idle_in_transaction_session_timeout', '0', true),
			set_config('lock_timeout', '0', true),
			set_config('statement_timeout', '0', true)`,
})

var lockMigrations = newStatement(statement{
	name:    "lock_migrations",
	does:    "Waits until no other process migrates the database.",
	given:   "@key of the lock.",
	returns: "A row.",
	locks:   "Takes the advisory lock of migrations, until the end of the transaction.",
	text: `
		SELECT pg_advisory_xact_lock(@key)`,
})

var errNotMigrated = errors.New("the database is not at this build's schema: run simtransfer migrate")

// Migrate brings a database to the schema of this build. Several processes may
// run it at the same time: one migrates, the others wait for it. Migrations are
// forward only, and safe while the previous build is still running.
//
// The lock belongs to a transaction, not to a session, which a connection
// pooler might give to another client.
func Migrate(ctx context.Context, dsn string) error {
	c, err := newConnector(dsn, map[string]string{"tcp_user_timeout": serverUserTimeout}, false, nil)
	if err != nil {
		return err
	}
	db := &DB{pool: sqlx.NewDb(sql.OpenDB(c), "postgres"), prepared: map[*statement]*sqlx.Stmt{}}
	defer func() { _ = db.pool.Close() }()
	p, err := provider(db.pool)
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, setNoTimeouts, args{}); err != nil {
			return fmt.Errorf("preparing to migrate the database: %w", err)
		}
		if _, err := t.exec(ctx, lockMigrations, args{"key": int64(migrationsLock)}); err != nil {
			return fmt.Errorf("waiting for other migrations: %w", err)
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrating the database: %w", err)
		}
		return nil
	})
}

var hasMigrations = newStatement(statement{
	name:    "has_migrations",
	does:    "Looks for the table in which goose records migrations.",
	given:   "@table: its name.",
	returns: "Whether it exists.",
	text: `
		SELECT EXISTS (
			SELECT 1
			FROM pg_tables
			WHERE tablename = @table
			  AND (current_schema() IS NULL OR schemaname = current_schema())
		)`,
})

// CheckSchema returns an error with a remedy if the database is not at the
// schema of this build. It changes nothing.
func (db *DB) CheckSchema(ctx context.Context) error {
	var migrated bool // if not, goose would create its table
	if err := db.get(ctx, &migrated, hasMigrations, args{"table": goose.DefaultTablename}); err != nil {
		return fmt.Errorf("looking for the schema's version: %w", err)
	}
	if !migrated {
		return errNotMigrated
	}
	p, err := provider(db.pool)
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if pending {
		return errNotMigrated
	}
	return nil
}

func provider(pool *sqlx.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, pool.DB, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return p, nil
}
