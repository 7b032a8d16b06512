package storage

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings a database to the schema of this build. Several processes may
// run it at the same time: one migrates, the others wait for it. Migrations are
// forward only, and safe while the previous build is still running.
func Migrate(ctx context.Context, dsn string) error {
	if err := CheckURL(dsn); err != nil {
		return fmt.Errorf("reading the database URL: %w", err)
	}
	pool, err := sqlx.Open("postgres", dsn)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
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

// CheckURL validates a postgres:// URL or a lib/pq connection string. The error
// quotes nothing of it: a password with characters that are special in a URL
// can be mistaken for any other part.
func CheckURL(dsn string) error {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		if _, err := pq.NewConfig(dsn); err != nil {
			return errors.New("not a URL such as postgres://user:password@host:5432/simtransfer, nor a connection string such as 'host=host dbname=simtransfer'")
		}
		return nil
	}
	u, err := url.Parse(dsn)
	if err != nil || misread(u) {
		return errors.New("not a URL such as postgres://user:password@host:5432/simtransfer; percent-encode special characters of the password")
	}
	_, err = pq.NewConfig(dsn)
	return err
}

// misread reports whether a part of the URL may really be the end of a
// password: a parser takes "user" for the host of postgres://user:12/34@host.
func misread(u *url.URL) bool {
	odd := u.Fragment != "" || strings.Contains(u.Path, "@")
	for name := range u.Query() {
		odd = odd || strings.ContainsAny(name, "@/: ")
	}
	return odd
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
