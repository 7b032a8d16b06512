// Package worker carries out the work that tasks point at: one file per type
// of task, each handler a transaction that ends with the work row gone, or a
// note on the row of what went wrong.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"simtransfer/storage"
	"simtransfer/tasks"
	"simtransfer/transfer"
)

// Answer is what a gateway made of a request to drop a session.
type Answer struct {
	Gone   bool   // the session is over, now or already
	Silent bool   // nobody answered: the gateway may be down
	Why    string // in words, when the session is not gone
}

// Gateways drops data sessions where they are held.
type Gateways interface {
	// Drop asks the gateway that holds a session to end it. The error is for
	// trouble on our side alone.
	Drop(ctx context.Context, s storage.OpenSession) (Answer, error)
}

// Config configures a worker. Zero fields take the values of DefaultConfig. The
// fields with tags are the flags of simtransfer worker.
type Config struct {
	Interactive  int           `env:"SIMTRANSFER_WORKER_INTERACTIVE" help:"Small requests to process at once."`
	Bulk         int           `env:"SIMTRANSFER_WORKER_BULK" help:"Chunks of large requests to process at once. Over all workers, one more than the database has cores is best."`
	Gateway      int           `env:"SIMTRANSFER_WORKER_GATEWAY" help:"Pieces of session work of large requests to process at once, each for about one gateway. Small requests have four slots of their own."`
	DropAttempts int           `env:"SIMTRANSFER_DROP_ATTEMPTS" help:"Attempts to drop a session before its SIM fails with session_not_dropped."`
	DropBackoff  time.Duration `env:"SIMTRANSFER_DROP_BACKOFF" help:"Delay after the first failed attempt; it doubles after each further one."`

	GatewayInteractive int           `kong:"-"` // pieces of session work of small requests at once
	DropSessions       int           `kong:"-"` // sessions dropped at once in each piece of work
	Poll               time.Duration `kong:"-"` // interval between looks into an empty queue
	Shutdown           time.Duration `kong:"-"` // time for running handlers to finish at shutdown
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Interactive:        4,
		Bulk:               3,
		Gateway:            16,
		DropAttempts:       5,
		DropBackoff:        2 * time.Second,
		GatewayInteractive: 4,
		DropSessions:       128,
		Poll:               50 * time.Millisecond,
		Shutdown:           20 * time.Second,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	return Config{
		Interactive:        cmp.Or(c.Interactive, d.Interactive),
		Bulk:               cmp.Or(c.Bulk, d.Bulk),
		Gateway:            cmp.Or(c.Gateway, d.Gateway),
		DropAttempts:       cmp.Or(c.DropAttempts, d.DropAttempts),
		DropBackoff:        cmp.Or(c.DropBackoff, d.DropBackoff),
		GatewayInteractive: cmp.Or(c.GatewayInteractive, d.GatewayInteractive),
		DropSessions:       cmp.Or(c.DropSessions, d.DropSessions),
		Poll:               cmp.Or(c.Poll, d.Poll),
		Shutdown:           cmp.Or(c.Shutdown, d.Shutdown),
	}
}

// concurrency is how many handlers of a queue run at once.
func (c Config) concurrency(queue transfer.Queue) int {
	switch queue {
	case transfer.QueueInteractive:
		return c.Interactive
	case transfer.QueueGatewayInteractive:
		return c.GatewayInteractive
	case transfer.QueueBulk:
		return c.Bulk
	case transfer.QueueGateway:
		return c.Gateway
	}
	panic(fmt.Sprintf("queue %q has no workers", queue)) // a new queue without workers: every test fails
}

// Worker handles tasks. Any number of them may run on one database and Redis.
type Worker struct {
	db       *storage.DB
	gateways Gateways
	silent   *silence
	log      *slog.Logger
	config   Config
}

// New returns a worker.
func New(db *storage.DB, gateways Gateways, log *slog.Logger, c Config) *Worker {
	c = c.withDefaults()
	return &Worker{db: db, gateways: gateways, silent: newSilence(c.DropBackoff), log: log, config: c}
}

// Handler routes each type of task to its handler.
func (w *Worker) Handler() asynq.Handler {
	mux := asynq.NewServeMux()
	for _, kind := range transfer.WorkKinds() {
		mux.Handle(tasks.Type(kind), w.handlerOf(kind))
	}
	return mux
}

func (w *Worker) handlerOf(kind transfer.WorkKind) asynq.Handler {
	switch kind {
	case transfer.WorkValidate:
		return w.chunk(w.validate)
	case transfer.WorkExecute:
		return w.chunk(w.execute)
	case transfer.WorkRelease:
		return w.chunk(w.release)
	case transfer.WorkDropSessions:
		return w.leased(w.dropSessions)
	case transfer.WorkDropStray:
		return w.leased(w.dropStray)
	}
	panic(fmt.Sprintf("work of kind %q has no handler", kind)) // a new kind without a handler: every test fails
}

// Run serves every queue, each with a server of its own, until ctx ends; then
// it lets running handlers finish.
func (w *Worker) Run(ctx context.Context, redis asynq.RedisConnOpt) error {
	var servers []*asynq.Server
	for _, queue := range transfer.Queues() {
		s := asynq.NewServer(redis, asynq.Config{
			Queues:                   map[string]int{string(queue): 1},
			Concurrency:              w.config.concurrency(queue),
			TaskCheckInterval:        w.config.Poll,
			DelayedTaskCheckInterval: time.Second,
			ShutdownTimeout:          w.config.Shutdown,
			Logger:                   logger{w.log},
			LogLevel:                 asynq.WarnLevel,
		})
		if err := s.Start(w.Handler()); err != nil {
			for _, started := range servers {
				started.Shutdown()
			}
			return fmt.Errorf("starting the server of queue %s: %w", queue, err)
		}
		servers = append(servers, s)
	}
	w.log.InfoContext(ctx, "worker is serving", "queues", transfer.Queues())
	<-ctx.Done()
	for _, s := range servers {
		s.Stop()
	}
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(s.Shutdown)
	}
	wg.Wait()
	return nil
}

// chunk handles work that is one transaction. do carries it out and ends it.
func (w *Worker) chunk(do func(context.Context, *storage.Tx, storage.Work) error) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		p, err := tasks.Parse(task)
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		var crashed storage.Failure
		err = w.db.InTx(ctx, func(tx *storage.Tx) error {
			work, err := tx.LockWork(ctx, p.Work)
			if err != nil {
				return err
			}
			if !work.Due && !work.Dead {
				return nil
			}
			crashed, err = tx.FailCrashed(ctx, work)
			if crashed != storage.WorkLater || err != nil {
				return err
			}
			return do(ctx, tx, work)
		})
		if err == nil && crashed == storage.WorkDead {
			err = errDead
		}
		return w.conclude(ctx, task, p.Work, uuid.NullUUID{}, err)
	})
}

// leased handles work that talks to gateways: it holds a lease meanwhile, not
// a transaction.
func (w *Worker) leased(do func(context.Context, storage.Work) error) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		p, err := tasks.Parse(task)
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		work, err := w.db.TakeLease(ctx, p.Work)
		if err != nil {
			return w.conclude(ctx, task, p.Work, uuid.NullUUID{}, err)
		}
		ctx, release := w.keepLease(ctx, work)
		defer release()
		if work.KeepsCrashing() {
			err = w.failCrashed(ctx, work)
		} else {
			err = do(ctx, work)
		}
		return w.conclude(ctx, task, work.ID, work.Lease, err)
	})
}

// failCrashed halves leased work whose workers keep dying, or declares it dead.
func (w *Worker) failCrashed(ctx context.Context, work storage.Work) error {
	var what storage.Failure
	err := w.db.InTx(ctx, func(tx *storage.Tx) error {
		work, err := tx.LockLeased(ctx, work)
		if err == nil {
			what, err = tx.FailCrashed(ctx, work)
		}
		return err
	})
	if err == nil && what == storage.WorkDead {
		err = errDead
	}
	return err
}

// errDead ends a handler whose transaction has declared its work dead.
var errDead = errors.New("it waits for an operator")

// conclude writes an error to the work row, which decides when it is tried
// again; to asynq the task is done. Only dead work is left to its archive.
func (w *Worker) conclude(ctx context.Context, task *asynq.Task, id int64, lease uuid.NullUUID, cause error) error {
	if cause == nil || errors.Is(cause, storage.ErrNotFound) {
		return nil
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) { // told to stop, whatever the database called it
		cause = fmt.Errorf("%w: %w", err, cause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	what, err := storage.WorkDead, error(nil)
	if !errors.Is(cause, errDead) {
		what, err = w.db.Fail(ctx, id, lease, cause)
	}
	log := w.log.With("task", task.Type(), "work", id, "error", cause.Error())
	switch {
	case err != nil:
		log.WarnContext(ctx, "work failed and the database could not be told; the scheduler will find it", "then", err.Error())
	case what == storage.WorkDead:
		log.ErrorContext(ctx, "work is dead: see simtransfer work list --dead")
		return fmt.Errorf("work %d is dead: %w: %w", id, cause, asynq.SkipRetry)
	case what == storage.WorkEnded:
		log.ErrorContext(ctx, "a transfer failed with internal_error")
	case what == storage.WorkLater, what == storage.WorkSplit:
		log.WarnContext(ctx, "work failed and will be tried again", "now", string(what))
	}
	return nil
}

// logger gives asynq's own messages to slog.
type logger struct{ log *slog.Logger }

func (l logger) Debug(args ...any) { l.write(slog.LevelDebug, args) }
func (l logger) Info(args ...any)  { l.write(slog.LevelInfo, args) }
func (l logger) Warn(args ...any)  { l.write(slog.LevelWarn, args) }
func (l logger) Error(args ...any) { l.write(slog.LevelError, args) }
func (l logger) Fatal(args ...any) { l.write(slog.LevelError, args) }

func (l logger) write(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, "asynq", "says", fmt.Sprint(args...))
}
