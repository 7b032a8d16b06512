// Package worker carries out the work that tasks point at.
//
// Start with this file: it routes each kind of task to its handler, and decides
// what happens when a handler fails. Then read one file per kind of task:
//
//	validate.go       judges the SIMs of a chunk
//	execute.go        transfers the SIMs of a chunk
//	release.go        closes the transfers of a chunk
//	drop_sessions.go  disconnects the sessions of SIMs that are to be transferred
//	drop_stray.go     disconnects a session that outlived its SIM's transfer
//	deliver_webhooks.go  sends messages to a webhook endpoint
//	deliver_mails.go  sends mails
//
// The first three run in one transaction, which ends with the work row deleted.
// The others talk to gateways and receivers; they hold a lease instead
// (leases.go), and gateways that are down are not asked (gateway_breaker.go), take
// no more than a few slots (gateway_lanes.go), and are not asked faster than they
// may be (gateway_limits.go).
// Whatever fails is recorded on the work row, and the scheduler dispatches it
// again.
//
// The SQL of each kind is in the file of the same name in package storage.
package worker

import (
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
	"simtransfer/webhook"
)

// Answer is the result of asking a gateway to disconnect a session.
type Answer struct {
	Gone   bool   // the session has ended, now or before
	Silent bool   // the gateway did not answer: it may be down
	Why    string // the reason if the session is not gone, for people

	// Ignored counts what was received and not believed, by what was wrong, such
	// as "forged".
	Ignored map[string]int

	Sent int // how often a request was sent

	// RetryAfter is how long the gateway wants to be left alone; zero: it does not
	// say.
	RetryAfter time.Duration

	// NotAsked means that no request could be made for this session, so that the
	// answer says nothing about the gateway.
	NotAsked bool
}

// Gateways disconnects data sessions at the gateways that hold them.
type Gateways interface {
	// Drop asks the gateway that holds a session to end it. It returns an
	// error only if the request could not be sent; a gateway that refuses or
	// does not answer is an Answer.
	Drop(ctx context.Context, s storage.OpenSession) (Answer, error)
}

// Worker handles tasks. Any number of workers may share a database and a Redis.
type Worker struct {
	db       *storage.DB
	gateways Gateways
	breaker  *breaker
	limits   *gatewayLimits
	lanes    *gatewayLanes
	doubts   *doubts
	webhooks *webhook.Sender
	log      *slog.Logger
	alarm    storage.Alarm
	config   Config
	stopping chan struct{} // closed when Run is told to stop
}

// New returns a worker.
func New(db *storage.DB, gateways Gateways, log *slog.Logger, c Config) *Worker {
	c = c.withDefaults()
	return &Worker{
		db: db, gateways: gateways, breaker: newBreaker(c.DropBackoff), limits: newGatewayLimits(), lanes: newGatewayLanes(),
		doubts: newDoubts(), log: log, config: c, stopping: make(chan struct{}),
		webhooks: webhook.NewSender(webhook.Options{Allow: c.WebhookAllowNetworks, Timeout: c.WebhookTimeout}),
	}
}

// Handler returns the handler for every kind of task.
func (w *Worker) Handler() asynq.Handler {
	mux := asynq.NewServeMux()
	for _, kind := range transfer.WorkKinds() {
		mux.Handle(tasks.Type(kind), w.handlerFor(kind))
	}
	return mux
}

func (w *Worker) handlerFor(kind transfer.WorkKind) asynq.Handler {
	switch kind {
	case transfer.WorkValidate:
		return w.chunk(w.validate)
	case transfer.WorkExecute:
		return w.chunk(w.execute)
	case transfer.WorkRelease:
		return w.chunk(w.release)
	case transfer.WorkDropSessions:
		return w.leased(w.atGateway(w.dropSessions))
	case transfer.WorkDropStray:
		return w.leased(w.atGateway(w.dropStray))
	case transfer.WorkDeliverWebhooks:
		return w.leased(w.deliverWebhooks)
	case transfer.WorkDeliverMails:
		return w.leased(w.deliverMails)
	}
	panic(fmt.Sprintf("work of kind %q has no handler", kind)) // every test fails until a new kind has one
}

// Run serves all queues, with a separate server for each, until ctx is
// canceled. It then waits for running handlers, up to Config.Shutdown.
func (w *Worker) Run(ctx context.Context, redis asynq.RedisConnOpt) error {
	var servers []*asynq.Server
	for _, queue := range transfer.Queues() {
		if queue == transfer.QueueMail && w.config.Mail == nil {
			continue // another worker sends them
		}
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
	context.AfterFunc(ctx, func() { close(w.stopping) })
	var mail sync.WaitGroup
	defer mail.Wait()
	mail.Go(func() { w.keepMailActive(ctx) })
	w.log.InfoContext(ctx, "worker is running", "queues", transfer.Queues())
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

// chunk returns the handler for work that is one transaction. In it, do carries
// out the work and deletes its row.
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

// errDead is the error of a handler whose transaction marked its work dead.
var errDead = errors.New("it waits for an operator")

// conclude records a handler's error on the work row, which decides when the
// work is tried again. It returns nil, so that asynq does not retry, except for
// dead work, which asynq archives.
func (w *Worker) conclude(ctx context.Context, task *asynq.Task, id int64, lease uuid.NullUUID, cause error) error {
	if cause == nil || errors.Is(cause, storage.ErrNotFound) {
		return nil
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) { // a shutdown, however the database reports it
		cause = fmt.Errorf("%w: %w", err, cause)
	}
	taskCtx := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	result, err := storage.WorkDead, error(nil)
	if !errors.Is(cause, errDead) {
		result, err = w.db.Fail(ctx, id, lease, cause)
	}
	log := w.log.With("task", task.Type(), "work", id, "error", cause.Error())
	switch {
	case isConnectError(err):
		w.awaitDatabase(taskCtx)
	case err != nil:
		w.logRecurring(ctx, log, err, "not recorded", err.Error()) // the scheduler will retry the work
	case result == storage.WorkDead:
		log.ErrorContext(ctx, "work is dead: see simtransfer work list --dead")
		return fmt.Errorf("work %d is dead: %w: %w", id, cause, asynq.SkipRetry)
	case result == storage.WorkEnded:
		log.ErrorContext(ctx, "a transfer failed with internal_error")
	case result == storage.WorkLater, result == storage.WorkSplit:
		w.logRecurring(ctx, log, cause, "result", string(result))
	}
	return nil
}

// isConnectError reports whether the database could not be connected to, which
// package storage logs once.
func isConnectError(err error) bool {
	var e *storage.ConnectError
	return errors.As(err, &e)
}

// outagePause is the minimum delay of a handler after it could not connect to
// the database.
const outagePause = time.Second

// awaitDatabase keeps a handler busy until the database is available or the
// worker stops. Otherwise the worker would take all tasks from the queue during
// an outage, and fail each.
func (w *Worker) awaitDatabase(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	select {
	case <-ctx.Done():
	case <-time.After(outagePause):
		w.db.WaitAvailable(ctx)
	}
}

// logRecurring logs a failure of work that will be retried. If the cause stops
// all such work until someone fixes it, it is logged as an error, once until it
// has not occurred for a minute.
func (w *Worker) logRecurring(ctx context.Context, log *slog.Logger, cause error, args ...any) {
	kind := storage.KindOf(cause)
	switch {
	case kind != storage.SystemError && kind != storage.NotOfDatabase:
		log.WarnContext(ctx, "work failed and will be retried", args...)
	case w.alarm.IsNews(cause):
		log.ErrorContext(ctx, "work cannot be done until the cause of this error is fixed; it is retried until then: see simtransfer work list", args...)
	default:
		log.DebugContext(ctx, "work failed and will be retried", args...)
	}
}

// logger passes asynq's own messages to slog.
type logger struct{ log *slog.Logger }

func (l logger) Debug(args ...any) { l.write(slog.LevelDebug, args) }
func (l logger) Info(args ...any)  { l.write(slog.LevelInfo, args) }
func (l logger) Warn(args ...any)  { l.write(slog.LevelWarn, args) }
func (l logger) Error(args ...any) { l.write(slog.LevelError, args) }
func (l logger) Fatal(args ...any) { l.write(slog.LevelError, args) }

func (l logger) write(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, "asynq", "message", fmt.Sprint(args...))
}
