package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/storage"
)

// DatabaseURLFlag is the flag that names the database.
type DatabaseURLFlag struct {
	DatabaseURL DatabaseURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL URL, such as postgres://user:password@host:5432/simtransfer. Several servers are separated by commas, as in host1:5432,host2:5432; the first that accepts changes is used. A flag is visible to every user of the host (ps): set the variable if the URL has a password."`
}

// DatabaseFlags are the flags of commands that use a migrated database.
// storage.Open, in storage/db.go, builds the pool of connections.
type DatabaseFlags struct {
	DatabaseURLFlag

	// Two is the minimum because a handler's transaction holds one connection
	// while the lease on its work is renewed through another.
	MaxConns int `min:"2" max:"10000" default:"20" env:"SIMTRANSFER_MAX_CONNS" help:"Maximum number of database connections of this process."`
}

// DatabaseURL is the URL of a PostgreSQL database.
type DatabaseURL string

// Check refuses an empty variable and what is not a URL. (Kong's Validate would
// not be called for an empty one.)
func (u DatabaseURL) Check() error {
	if u == "" {
		return errors.New("set --database-url (SIMTRANSFER_DATABASE_URL) to a URL such as postgres://user:password@host:5432/simtransfer")
	}
	if err := storage.CheckURL(string(u)); err != nil {
		return fmt.Errorf("SIMTRANSFER_DATABASE_URL cannot be used: %w", err)
	}
	return nil
}

// ExplainConnect adds what to do to an error of connecting to the database.
// (Unlike libpq, lib/pq requires TLS unless the URL has an sslmode.)
func ExplainConnect(err error) error {
	var connect *storage.ConnectError
	switch {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return fmt.Errorf("%w; enable TLS on the server, or add ?sslmode=disable to SIMTRANSFER_DATABASE_URL if you trust the network", err)
	case errors.As(err, &connect):
		return fmt.Errorf("%w; check that SIMTRANSFER_DATABASE_URL is right and that PostgreSQL is running", err)
	}
	return err
}

// Open connects to the database and returns an error if its schema is not the
// one of this version.
func (f DatabaseFlags) Open(ctx context.Context, o storage.Options) (*storage.DB, error) {
	if err := f.DatabaseURL.Check(); err != nil {
		return nil, err
	}
	o.MaxConns = f.MaxConns
	db, err := storage.Open(ctx, string(f.DatabaseURL), o)
	if err != nil {
		return nil, ExplainConnect(err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
