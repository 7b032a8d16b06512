// Package servers runs a private PostgreSQL and a private Redis for development,
// demonstrations and tests.
//
// They need no configuration, only the installed programs, and share nothing with
// other servers on the machine. They end with the process that started them, even
// if it is killed: on Linux the kernel signals them, and on every system a small
// process, the reaper, cleans up afterwards.
//
// All code that differs between operating systems is in the system_*.go files.
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

// Options configure the servers. The zero value is for tests.
type Options struct {
	// Dir is the folder for all data. It is kept when the servers stop, and the
	// next Start uses it again. If this process runs as root, every user must be
	// able to enter the folder, because PostgreSQL then runs as nobody.
	// Empty means a new temporary folder, which Stop removes.
	Dir string
	// Log gets a debug line for each start of a server; nil discards them. The
	// servers themselves log to files in the folder.
	Log *slog.Logger
	// Durable makes data survive a crash, as in production. Without it, the servers
	// are faster, and lose their data when they are killed.
	Durable bool
	// PostgresSettings and RedisSettings are configuration parameters that override
	// those of this package.
	PostgresSettings, RedisSettings map[string]string
}

// postgresSignal returns the signal for a fast shutdown, or for an immediate one if
// there is no data to keep.
func (o Options) postgresSignal() syscall.Signal {
	if o.keepsData() {
		return syscall.SIGINT
	}
	return syscall.SIGQUIT
}

func (o Options) redisSignal() syscall.Signal {
	if o.keepsData() {
		return syscall.SIGTERM
	}
	return syscall.SIGKILL
}

func (o Options) keepsData() bool {
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

// Start starts both servers and returns when they answer. ctx limits only the
// start. If a server is not installed or too old, the error says what to install.
// On Windows, Start always returns an error.
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

// Stop stops the servers, and removes the folder if it is temporary. Later calls
// return the result of the first.
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

// Postgres returns the PostgreSQL server, for tests that make it fail.
func (s *Servers) Postgres() *Server { return s.postgres }

// Redis returns the Redis server, for tests that make it fail.
func (s *Servers) Redis() *Server { return s.redis }

// DatabaseURL returns the URL of a database for a superuser, in a form that lib/pq
// and psql accept. Only the user of this process can connect. The database
// "postgres" always exists.
func (s *Servers) DatabaseURL(name string) string { return s.pg.url(name) }

// RedisURL returns the URL of a Redis database. Databases are numbered from 0 to
// RedisDatabases-1.
func (s *Servers) RedisURL(database int) string { return s.rd.url(database) }

// Dir returns the folder that holds all files of the servers.
func (s *Servers) Dir() string { return s.folder.path }

// CreateDatabase creates a database as a copy of template, to which no connection may
// be open. An empty template means an empty database. Returns ErrDatabaseExists
// if there is one of that name.
func (s *Servers) CreateDatabase(ctx context.Context, name, template string) error {
	return s.pg.createDatabase(ctx, name, template)
}

// DropDatabase drops a database and closes the connections to it. It is not an
// error if the database does not exist.
func (s *Servers) DropDatabase(ctx context.Context, name string) error {
	return s.pg.dropDatabase(ctx, name)
}

// signalName returns the name of a signal for kill(1).
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
