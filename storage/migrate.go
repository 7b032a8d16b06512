package storage

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings a database to the schema of this build. Several processes may
// run it at the same time: one migrates, the others wait for it. Migrations are
// forward only, and safe while the previous build is still running.
func Migrate(ctx context.Context, dsn string) error {
	c, err := newConnector(dsn, map[string]string{"tcp_user_timeout": serverUserTimeout}, false, nil)
	if err != nil {
		return err
	}
	pool := sqlx.NewDb(sql.OpenDB(c), "postgres")
	defer func() { _ = pool.Close() }()
	p, err := provider(pool)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
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
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("creating the lock for migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, pool.DB, files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return p, nil
}
