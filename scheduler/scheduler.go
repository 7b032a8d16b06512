// Package scheduler keeps work moving: it dispatches due work to the queues,
// brings back what Redis or a worker has lost, expires requests that nobody
// decided on, links late sessions, and purges what is no longer needed. Each is a loop of its own.
//
// Any number of schedulers may run at once: row locks that are skipped, and the
// database's clock, keep them out of each other's way.
package scheduler

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"simtransfer/storage"
)

// Config is what a scheduler may be told. Zero fields take the defaults named.
type Config struct {
	Dispatch  time.Duration // how often new work is looked for; 25 ms
	Reconcile time.Duration // how often lost work is looked for; 3 s
	Expire    time.Duration // how often expired requests are looked for; 1 s
	Link      time.Duration // how often sessions of SIMs imported since are looked for; 5 s
	Purge     time.Duration // how often old notes are deleted; 1 minute
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.Dispatch, 25*time.Millisecond)
	def(&c.Reconcile, 3*time.Second)
	def(&c.Expire, time.Second)
	def(&c.Link, 5*time.Second)
	def(&c.Purge, time.Minute)
	return c
}

// Scheduler runs the loops.
type Scheduler struct {
	db     *storage.DB
	queue  queue
	log    *slog.Logger
	config Config

	linked int64 // the session up to which Link has looked; of that loop alone
}

// New returns a scheduler that enqueues to the given Redis.
func New(db *storage.DB, redis asynq.RedisConnOpt, log *slog.Logger, c Config) *Scheduler {
	return &Scheduler{
		db:     db,
		queue:  newQueue(redis),
		log:    log,
		config: c.withDefaults(),
	}
}

// Run runs every loop until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	s.log.InfoContext(ctx, "scheduler is running")
	var wg sync.WaitGroup
	wg.Go(func() { s.loop(ctx, "dispatch", s.config.Dispatch, s.Dispatch) })
	wg.Go(func() { s.loop(ctx, "reconcile", s.config.Reconcile, s.Reconcile) })
	wg.Go(func() { s.loop(ctx, "expire", s.config.Expire, s.Expire) })
	wg.Go(func() { s.loop(ctx, "link", s.config.Link, s.Link) })
	wg.Go(func() { s.loop(ctx, "purge", s.config.Purge, s.Purge) })
	wg.Wait()
	return s.queue.redis.Close()
}

// pause is how long a loop rests after an error, so that an outage does not
// fill the log.
const pause = time.Second

// loop calls once after each interval, and again at once while there is more
// to do.
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
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			s.log.ErrorContext(ctx, "scheduler loop failed and will go on", "loop", name, "error", err.Error())
			wait = max(every, pause)
		case more:
			wait = 0
		}
		timer.Reset(wait)
	}
}
