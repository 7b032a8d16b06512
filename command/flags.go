package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hibiken/asynq"
	"github.com/lib/pq"

	"simtransfer/storage"
)

// database is the flag that names PostgreSQL.
type database struct {
	DatabaseURL postgresURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL, such as postgres://user:password@host:5432/simtransfer."`
	MaxConns    maxConns    `default:"20" env:"SIMTRANSFER_MAX_CONNS" help:"Database connections that this process opens at most."`
}

// maxConns is the size of a pool. A transaction holds one connection, and the
// lease on its work is renewed by another.
type maxConns int

// Validate is called by kong.
func (n maxConns) Validate() error {
	if n < 2 {
		return errors.New("SIMTRANSFER_MAX_CONNS has to be at least 2")
	}
	return nil
}

// postgresURL says which database.
type postgresURL string

// check refuses a variable that is set to nothing, or to no URL.
func (u postgresURL) check() error {
	if u == "" {
		return errors.New("set --database-url (SIMTRANSFER_DATABASE_URL) to a URL such as postgres://user:password@host:5432/simtransfer")
	}
	if err := storage.CheckURL(string(u)); err != nil {
		return fmt.Errorf("SIMTRANSFER_DATABASE_URL cannot be used: %w", err)
	}
	return nil
}

// explainTLS says what to do when the server has no TLS, which lib/pq asks for
// where the URL does not say.
func explainTLS(err error) error {
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return fmt.Errorf("%w; give it TLS, or end SIMTRANSFER_DATABASE_URL with ?sslmode=disable where the network can be trusted", err)
	}
	return err
}

// open connects to a database that is at this build's schema.
func (d database) open(ctx context.Context, o storage.Options) (*storage.DB, error) {
	if err := d.DatabaseURL.check(); err != nil {
		return nil, err
	}
	o.MaxConns = int(d.MaxConns)
	db, err := storage.Open(ctx, string(d.DatabaseURL), o)
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return nil, explainTLS(err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; is SIMTRANSFER_DATABASE_URL right, and is PostgreSQL up?", err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// service is what every process of the service has.
type service struct {
	database
	redisServer
}

// connect opens the database, says where Redis is, and warns of their settings.
func (s service) connect(ctx context.Context, log *slog.Logger, o storage.Options) (*storage.DB, asynq.RedisConnOpt, error) {
	redis, err := s.options()
	if err != nil {
		return nil, nil, err
	}
	db, err := s.open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	limitMemory()
	warnOfSettings(ctx, log, db, redis)
	return db, redis, nil
}
