package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/worker"
)

type workerCommand struct {
	service
	Interactive  int           `default:"4" env:"SIMTRANSFER_WORKER_INTERACTIVE" help:"Small requests worked on at once."`
	Bulk         int           `default:"3" env:"SIMTRANSFER_WORKER_BULK" help:"Chunks of large requests worked on at once, by all workers about one more than the database has cores."`
	Gateway      int           `default:"16" env:"SIMTRANSFER_WORKER_GATEWAY" help:"Pieces of a batch's drop work at once, each about the sessions of one gateway. Small requests have four of their own."`
	DropAttempts int           `default:"5" env:"SIMTRANSFER_DROP_ATTEMPTS" help:"Tries to drop a session before its SIM fails with session_not_dropped."`
	DropBackoff  time.Duration `default:"2s" env:"SIMTRANSFER_DROP_BACKOFF" help:"Wait after the first such try; it doubles after each."`
	DropTimeout  time.Duration `default:"3s" env:"SIMTRANSFER_DROP_TIMEOUT" help:"How long a gateway has to answer, retransmissions included."`
}

func (c *workerCommand) Validate() error {
	if c.Interactive < 1 || c.Bulk < 1 || c.Gateway < 1 || c.DropAttempts < 1 {
		return errors.New("--interactive, --bulk, --gateway and --drop-attempts have to be at least 1")
	}
	if c.DropBackoff <= 0 || c.DropTimeout <= 0 {
		return errors.New("--drop-backoff and --drop-timeout have to be above 0, such as 2s")
	}
	return nil
}

func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	gateways := disconnector{radius.Client{Timeout: c.DropTimeout, Retry: c.DropTimeout / 3}, &databaseClock{db: db}}
	return worker.New(db, gateways, log, worker.Config{
		Interactive:  c.Interactive,
		Bulk:         c.Bulk,
		Gateway:      c.Gateway,
		DropAttempts: c.DropAttempts,
		DropBackoff:  c.DropBackoff,
	}).Run(ctx, redis)
}

// disconnector is RADIUS as a worker sees it.
type disconnector struct {
	client radius.Client
	clock  *databaseClock
}

func (d disconnector) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	result, err := d.client.Disconnect(ctx, radius.Gateway{Address: *s.Server, Secret: []byte(*s.Secret)}, radius.Session{
		ID:               s.AcctSessionID,
		Username:         s.Username,
		CallingStationID: s.CallingStationID,
		NASIPAddress:     s.NASIPAddress,
		At:               d.clock.now(ctx),
	})
	if errors.Is(err, radius.ErrInvalid) {
		return worker.Answer{Why: err.Error()}, nil // of this session alone: others of the chunk go on
	}
	if err != nil {
		return worker.Answer{}, err
	}
	return worker.Answer{
		Gone:   result.Gone(),
		Silent: result.Outcome == radius.Silent,
		Why:    fmt.Sprintf("gateway %s: %s", s.NASIPAddress, result),
	}, nil
}
