// Package servers runs a private PostgreSQL and a private Redis for development,
// demonstrations and tests.
//
// They need no set-up besides the installed programs, share nothing with other
// servers on the machine, and end with the process that started them, however
// that ends: on Linux the kernel tells them, and everywhere a small process that
// outlives this one for a moment cleans up.
package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Options say how to run the servers. The zero value is for tests.
type Options struct {
	// Dir is the folder for all data, which stays when the servers stop and is
	// used again by the next Start. When root runs this, it has to be a folder
	// that every user may pass through, because PostgreSQL refuses to be root.
	// The zero value is a new temporary folder that is removed in the end.
	Dir string
	// Log gets a line for each start of a server; nil discards them. What the
	// servers log themselves goes to files in the folder.
	Log *slog.Logger
	// Durable makes data survive a crash, as in production. Without it
	// everything is faster, and lost when a server is killed.
	Durable bool
	// PostgresSettings and RedisSettings are configuration parameters that win
	// over this package's own.
	PostgresSettings, RedisSettings map[string]string
}

// postgresSignal asks for a fast shutdown, or for an immediate one when there is
// nothing to keep.
func (o Options) postgresSignal() syscall.Signal {
	if o.keeps() {
		return syscall.SIGINT
	}
	return syscall.SIGQUIT
}

func (o Options) redisSignal() syscall.Signal {
	if o.keeps() {
		return syscall.SIGTERM
	}
	return syscall.SIGKILL
}

func (o Options) keeps() bool {
	return o.Durable || o.Dir != ""
}

// Servers are a running PostgreSQL and Redis. Their methods may be called from
// several goroutines.
type Servers struct {
	folder   *folder
	reaper   *reaper
	pg       *postgresInstance
	rd       *redisInstance
	postgres *Server
	redis    *Server
	stopOnce sync.Once
	stopErr  error
}

// Start starts both servers and returns when they answer; ctx bounds the start
// only. A server that is not installed, or too old, is an error that says what
// to install.
func Start(ctx context.Context, o Options) (_ *Servers, err error) {
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	user, err := serverAccount()
	if err != nil {
		return nil, err
	}
	f, err := openFolder(ctx, o, user)
	if err != nil {
		return nil, fmt.Errorf("opening a folder for the servers: %w", err)
	}
	s := &Servers{folder: f}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()

	remove := ""
	if f.temporary {
		remove = f.path
	}
	s.reaper, err = startReaper(signalName(o.postgresSignal()), signalName(o.redisSignal()), remove)
	if err != nil {
		return nil, err
	}
	inherit := []*os.File{f.lock, s.reaper.held}

	var starts errgroup.Group
	starts.Go(func() error {
		pg, err := newPostgres(ctx, f, o, inherit)
		if err != nil {
			return err
		}
		s.pg = pg
		s.postgres = &Server{name: "postgres", log: log, reaper: s.reaper, stopSignal: pg.signal, launch: pg.launch}
		return s.postgres.start(ctx)
	})
	starts.Go(func() error {
		rd, err := newRedis(ctx, f, o, inherit)
		if err != nil {
			return err
		}
		s.rd = rd
		s.redis = &Server{name: "redis", log: log, reaper: s.reaper, stopSignal: rd.signal, launch: rd.launch}
		return s.redis.start(ctx)
	})
	if err := starts.Wait(); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop stops the servers and removes the folder if it is a temporary one. Only
// the first call does something; later ones return the same.
func (s *Servers) Stop() error {
	s.stopOnce.Do(func() {
		var errs []error
		for _, server := range []*Server{s.redis, s.postgres} {
			if server != nil {
				errs = append(errs, server.stop())
			}
		}
		if s.reaper != nil {
			errs = append(errs, s.reaper.dismiss())
		}
		s.stopErr = errors.Join(append(errs, s.folder.close())...)
	})
	return s.stopErr
}

// Postgres is the PostgreSQL server, for tests that want it to fail.
func (s *Servers) Postgres() *Server { return s.postgres }

// Redis is the Redis server, for tests that want it to fail.
func (s *Servers) Redis() *Server { return s.redis }

// DatabaseURL is where to connect to a database of PostgreSQL as superuser, in a
// form that lib/pq and psql take. Only the user of this process is let in. The
// database "postgres" exists from the beginning.
func (s *Servers) DatabaseURL(name string) string { return s.pg.url(name) }

// RedisURL is where to connect to one of Redis's databases, numbered from 0 to
// RedisDatabases-1.
func (s *Servers) RedisURL(database int) string { return s.rd.url(database) }

// Dir returns the folder that holds all files of the servers.
func (s *Servers) Dir() string { return s.folder.path }

// CreateDatabase makes a database as a copy of another one, which nobody may be
// connected to; an empty template makes an empty database. Returns
// ErrDatabaseExists if there is one of that name.
func (s *Servers) CreateDatabase(ctx context.Context, name, template string) error {
	return s.pg.createDatabase(ctx, name, template)
}

// DropDatabase drops a database, and the connections to it. One that is not
// there is none to drop.
func (s *Servers) DropDatabase(ctx context.Context, name string) error {
	return s.pg.dropDatabase(ctx, name)
}

// signalName is the name that kill(1) knows a signal by.
func signalName(signal syscall.Signal) string {
	switch signal {
	case syscall.SIGINT:
		return "INT"
	case syscall.SIGQUIT:
		return "QUIT"
	case syscall.SIGKILL:
		return "KILL"
	default:
		return "TERM"
	}
}
