// Package process has what the subcommands of simtransfer share when they run as
// a process of the service or work on its database: flags and connections, and
// what surrounds the API, the workers and the schedulers.
//
//	process.go         flags of the API, the workers and the schedulers; start and stop
//	database.go        flags and connection of PostgreSQL
//	redis.go           flags and connection of Redis, its sentinels and TLS
//	server_settings.go warnings about unsafe settings of PostgreSQL and Redis
//	memory.go          the memory limit
//	status_server.go   health checks and metrics of a process without an API
//	http_server.go     flags of the HTTP server, TLS, and shutdown without lost requests
//	queue_ui.go        the queue UI
//	redis_ratelimit.go the limit of requests per API key, counted in Redis
//	database_clock.go  the time of the database server
//
// A flag is declared with its default here if several subcommands have it.
package process

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"simtransfer/storage"
)

// Flags are the flags of the API, the worker and the scheduler.
type Flags struct {
	DatabaseFlags
	RedisFlags
	StopFlags
}

// StopFlags are the flags of processes about their end.
type StopFlags struct {
	StopTimeout time.Duration `min:"1s" max:"1h" default:"30s" env:"SIMTRANSFER_STOP_TIMEOUT" help:"Time that the process may take to stop after SIGTERM. It then ends with what is still running: other processes take over its work, and clients can repeat their calls."`

	stop context.CancelCauseFunc // ends the process with an error; set by UntilStopped
}

// UntilStopped calls run and returns its error. If run does not return within
// StopTimeout after ctx has ended, because PostgreSQL or Redis does not answer,
// it returns without waiting for it. If Redis was down at the start and then
// turns out to be one that cannot be used, UntilStopped stops run and returns the
// reason.
func (f *StopFlags) UntilStopped(ctx context.Context, log *slog.Logger, run func(context.Context) error) error {
	ctx, f.stop = context.WithCancelCause(ctx)
	defer f.stop(nil)
	err := f.wait(ctx, log, run)
	var unusable *unusableRedis
	if errors.As(context.Cause(ctx), &unusable) {
		return unusable
	}
	return err
}

func (f *StopFlags) wait(ctx context.Context, log *slog.Logger, run func(context.Context) error) error {
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

// Connect opens the database and reads the Redis URL. It returns an error if the
// database user lacks rights. It logs warnings about the settings of both, and
// limits the memory of this process. Redis need not be up.
func (f *Flags) Connect(ctx context.Context, log *slog.Logger, o storage.Options) (*storage.DB, RedisServer, error) {
	logRedis(log)
	redis, err := f.options()
	if err != nil {
		return nil, redis, err
	}
	db, err := f.ConnectDatabase(ctx, log, o)
	if err != nil {
		return nil, redis, err
	}
	checked, err := checkServers(ctx, log, db, redis)
	if err != nil {
		return nil, redis, errors.Join(err, db.Close())
	}
	if !checked {
		go func() {
			if err := awaitRedis(ctx, db, redis, redisCheckInterval); err != nil {
				f.stop(err)
			}
		}()
	}
	return db, redis, nil
}

// ConnectDatabase opens the database for a process of the service. It returns an
// error if the database user lacks rights. It logs warnings about the settings of
// the database, and limits the memory of this process.
func (f DatabaseFlags) ConnectDatabase(ctx context.Context, log *slog.Logger, o storage.Options) (*storage.DB, error) {
	o.Watch, o.Log = true, log
	db, err := f.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := db.CheckRights(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	limitMemory()
	warnings, err := db.Warnings(ctx)
	if err != nil {
		log.WarnContext(ctx, "cannot read the settings of PostgreSQL", "error", err.Error())
	}
	logWarnings(ctx, log, warnings)
	return db, nil
}

func logWarnings(ctx context.Context, log *slog.Logger, warnings []string) {
	for _, w := range warnings {
		log.WarnContext(ctx, "a setting needs attention", "setting", w)
	}
}
