// Package scheduler runs the loops that keep work moving. Start with this file,
// which runs them; then read one file per loop:
//
//	dispatch.go   enqueues due work
//	reconcile.go  recovers work that Redis or a worker has lost
//	expire.go     ends requests that were not decided on in time
//	link.go       links data sessions to SIMs imported later
//	stale.go      closes data sessions whose end was lost
//	purge.go      deletes what is no longer needed
//
// Any number of schedulers may run at the same time: they skip rows that another
// one has locked, and use the database's clock.
package scheduler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
)

// Config configures a scheduler: the intervals between the runs of its loops.
// Zero fields take the values of DefaultConfig. The fields with tags are the
// flags of simtransfer scheduler.
type Config struct {
	Dispatch  time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_DISPATCH_INTERVAL" help:"Interval between searches for new work."`
	Reconcile time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_RECONCILE_INTERVAL" help:"Interval between searches for lost work."`
	Expire    time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_EXPIRE_INTERVAL" help:"Interval between searches for expired requests."`

	KeepAddresses     time.Duration `min:"24h" max:"87600h" env:"SIMTRANSFER_KEEP_ADDRESSES" help:"How long the IP addresses of callers are kept in events and in the audit trail."`
	KeepAudit         time.Duration `min:"2160h" max:"262800h" env:"SIMTRANSFER_KEEP_AUDIT" help:"How long entries of the audit trail are kept."`
	SessionMaxSilence time.Duration `min:"0s" max:"3650d" default:"0s" env:"SIMTRANSFER_SESSION_MAX_SILENCE" help:"Close a data session when its gateway has not reported it for this long, such as 7d: its end was lost. Use several times the interval of the gateways' interim updates. 0s disables this."`

	Link  time.Duration `kong:"-"` // sessions of SIMs that were imported later
	Stale time.Duration `kong:"-"` // data sessions without news
	Purge time.Duration `kong:"-"` // rows that are no longer needed
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Dispatch:  25 * time.Millisecond,
		Reconcile: 3 * time.Second,
		Expire:    time.Second,
		Link:      5 * time.Second,
		Stale:     time.Minute,
		Purge:     time.Minute,

		KeepAddresses: storage.DefaultAddresses,
		KeepAudit:     storage.DefaultAuditPeriod,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	return Config{
		Dispatch:  cmp.Or(c.Dispatch, d.Dispatch),
		Reconcile: cmp.Or(c.Reconcile, d.Reconcile),
		Expire:    cmp.Or(c.Expire, d.Expire),
		Link:      cmp.Or(c.Link, d.Link),
		Stale:     cmp.Or(c.Stale, d.Stale),
		Purge:     cmp.Or(c.Purge, d.Purge),

		KeepAddresses:     cmp.Or(c.KeepAddresses, d.KeepAddresses),
		KeepAudit:         cmp.Or(c.KeepAudit, d.KeepAudit),
		SessionMaxSilence: c.SessionMaxSilence,
	}
}

// Scheduler runs the loops.
type Scheduler struct {
	db     *storage.DB
	queue  queue
	log    *slog.Logger
	alarm  storage.Alarm
	config Config

	lastLinked int64 // the last session that Link has looked at; used only by that loop
}

// New returns a scheduler that enqueues tasks in the given Redis.
func New(db *storage.DB, redis asynq.RedisConnOpt, log *slog.Logger, c Config) *Scheduler {
	return &Scheduler{
		db:     db,
		queue:  newQueue(redis),
		log:    log,
		config: c.withDefaults(),
	}
}

// Run runs all loops until ctx is canceled.
func (s *Scheduler) Run(ctx context.Context) error {
	s.log.InfoContext(ctx, "scheduler is running")
	var wg sync.WaitGroup
	wg.Go(func() { s.loop(ctx, "dispatch", s.config.Dispatch, s.Dispatch) })
	wg.Go(func() { s.loop(ctx, "reconcile", s.config.Reconcile, s.Reconcile) })
	wg.Go(func() { s.loop(ctx, "expire", s.config.Expire, s.Expire) })
	wg.Go(func() { s.loop(ctx, "link", s.config.Link, s.Link) })
	wg.Go(func() { s.loop(ctx, "stale", s.config.Stale, s.CloseStale) })
	wg.Go(func() { s.loop(ctx, "purge", s.config.Purge, s.Purge) })
	wg.Wait()
	return s.queue.redis.Close()
}

// errorPause is the minimum delay of a loop after an error, so that an outage
// does not fill the log.
const errorPause = time.Second

// loop calls once after each interval, and immediately while there is more to do.
func (s *Scheduler) loop(ctx context.Context, name string, every time.Duration, once func(context.Context) (more bool, err error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		more, err := once(ctx)
		wait := every
		var connect *storage.ConnectError
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case errors.As(err, &connect): // package storage logs it
			s.db.WaitAvailable(ctx)
			wait = max(every, errorPause)
		case err != nil:
			level := slog.LevelDebug
			if s.alarm.IsNews(err) {
				level = slog.LevelError
			}
			s.log.Log(ctx, level, "scheduler loop failed and will continue", "loop", name, "error", err.Error())
			wait = max(every, errorPause)
		case more:
			wait = 0
		}
		timer.Reset(wait)
	}
}
