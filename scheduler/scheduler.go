// Package scheduler runs the loops that keep work moving. Start with this file,
// which runs them; then read one file per loop:
//
//	dispatch.go   enqueues due work
//	reconcile.go  recovers work that Redis or a worker has lost
//	expire.go     ends requests that were not decided on in time
//	start.go      starts requests that were accepted for later
//	remind.go     records reminders of requests that wait for a decision
//	number.go     gives changes of SIMs their places in the changes feed
//	notify.go     makes messages of events
//	link.go       links data sessions to SIMs imported later
//	stale.go      closes data sessions whose end was lost
//	purge.go      deletes what is no longer needed
//
// Any number of schedulers may run at the same time: they skip rows that another
// one has locked, and use the database's clock.
package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
)

// Scheduler runs the loops.
type Scheduler struct {
	db     *storage.DB
	queue  queue
	log    *slog.Logger
	alarm  storage.Alarm
	config Config

	lastLinked int64 // the last session that Link has looked at; used only by that loop

	unknown        int       // how many open sessions named no SIM; used only by Link
	unknownCounted time.Time // when they were counted
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
	wg.Go(func() { s.loop(ctx, "start", s.config.Start, s.Start) })
	wg.Go(func() { s.loop(ctx, "remind", s.config.Remind, s.Remind) })
	wg.Go(func() { s.loop(ctx, "number", s.config.Number, s.Number) })
	wg.Go(func() { s.loop(ctx, "notify", s.config.Notify, s.Notify) })
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
