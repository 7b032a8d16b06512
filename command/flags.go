package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lib/pq"

	"simtransfer/storage"
)

// useValuesAsDefaults makes the value that a field has before the arguments are
// parsed the default of its flag, as package flag does. So the packages that
// use a setting define its default, and the help shows it.
func useValuesAsDefaults(k *kong.Kong) error {
	return kong.Visit(k.Model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && !f.HasDefault && !f.Target.IsZero() {
			f.Default, f.HasDefault = fmt.Sprint(f.Target), true
			if d, ok := f.Target.Interface().(time.Duration); ok {
				f.Default = shortDuration(d)
			}
		}
		return next(nil)
	})
}

// shortDuration is 168h where String would return 168h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// databaseURLFlag is the flag that names the database.
type databaseURLFlag struct {
	DatabaseURL databaseURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL URL, such as postgres://user:password@host:5432/simtransfer. Several servers are separated by commas, as in host1:5432,host2:5432; the first that accepts changes is used. A flag is visible to every user of the host (ps): set the variable if the URL has a password."`
}

// databaseFlags are the flags of commands that use a migrated database.
type databaseFlags struct {
	databaseURLFlag

	// Two is the minimum because a handler's transaction holds one connection
	// while the lease on its work is renewed through another.
	MaxConns int `min:"2" max:"10000" default:"20" env:"SIMTRANSFER_MAX_CONNS" help:"Maximum number of database connections of this process."`
}

// databaseURL is the URL of a PostgreSQL database.
type databaseURL string

// check refuses an empty variable and what is not a URL. (Kong's Validate would
// not be called for an empty one.)
func (u databaseURL) check() error {
	if u == "" {
		return errors.New("set --database-url (SIMTRANSFER_DATABASE_URL) to a URL such as postgres://user:password@host:5432/simtransfer")
	}
	if err := storage.CheckURL(string(u)); err != nil {
		return fmt.Errorf("SIMTRANSFER_DATABASE_URL cannot be used: %w", err)
	}
	return nil
}

// explainConnect adds what to do to an error of connecting to the database.
// (Unlike libpq, lib/pq requires TLS unless the URL has an sslmode.)
func explainConnect(err error) error {
	var connect *storage.ConnectError
	switch {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return fmt.Errorf("%w; enable TLS on the server, or add ?sslmode=disable to SIMTRANSFER_DATABASE_URL if you trust the network", err)
	case errors.As(err, &connect):
		return fmt.Errorf("%w; check that SIMTRANSFER_DATABASE_URL is right and that PostgreSQL is running", err)
	}
	return err
}

// open connects to the database and returns an error if its schema is not the
// one of this version.
func (f databaseFlags) open(ctx context.Context, o storage.Options) (*storage.DB, error) {
	if err := f.DatabaseURL.check(); err != nil {
		return nil, err
	}
	o.MaxConns = f.MaxConns
	db, err := storage.Open(ctx, string(f.DatabaseURL), o)
	if err != nil {
		return nil, explainConnect(err)
	}
	if err := db.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// serverFlags are the flags of the API, the worker and the scheduler.
type serverFlags struct {
	databaseFlags
	redisFlags
	StopTimeout time.Duration `min:"1s" max:"1h" default:"30s" env:"SIMTRANSFER_STOP_TIMEOUT" help:"Time that the process may take to stop after SIGTERM. It then ends with what is still running: other processes take over its work, and clients can repeat their calls."`
}

// untilStopped calls run and returns its error. If run does not return within
// StopTimeout after ctx has ended, because PostgreSQL or Redis does not answer,
// it returns without waiting for it.
func (f serverFlags) untilStopped(ctx context.Context, log *slog.Logger, run func(context.Context) error) error {
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(f.StopTimeout):
		log.WarnContext(ctx, "the process did not stop in time and ends with what is still running", "timeout", f.StopTimeout)
		return nil
	}
}

// connect opens the database and reads the Redis URL. It logs warnings about
// the settings of both, and limits the memory of this process. Redis need not
// be up.
func (f serverFlags) connect(ctx context.Context, log *slog.Logger, o storage.Options) (*storage.DB, redisServer, error) {
	logRedis(log)
	redis, err := f.options()
	if err != nil {
		return nil, redis, err
	}
	o.Watch, o.Log = true, log
	db, err := f.open(ctx, o)
	if err != nil {
		return nil, redis, err
	}
	limitMemory()
	if err := preflight(ctx, log, db, redis); err != nil {
		return nil, redis, errors.Join(err, db.Close())
	}
	return db, redis, nil
}
