package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"simtransfer/command/process"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/worker"
)

type workerCommand struct {
	process.Flags
	worker.Config
	DropTimeout time.Duration `min:"1ms" max:"5m" env:"SIMTRANSFER_DROP_TIMEOUT" help:"Time that a gateway has to answer one attempt, retransmissions included."`
}

func defaultWorkerCommand() workerCommand {
	return workerCommand{Config: worker.DefaultConfig(), DropTimeout: radius.DefaultTimeout}
}

// Validate refuses a pool that is too small: handlers of chunks keep a connection
// each, and the leases of work at gateways are renewed by others.
func (c *workerCommand) Validate() error {
	if needed := c.Interactive + c.Bulk + 2; c.MaxConns < needed {
		return fmt.Errorf("--max-conns (SIMTRANSFER_MAX_CONNS) is %d: a worker with --interactive=%d and --bulk=%d needs at least %d connections",
			c.MaxConns, c.Interactive, c.Bulk, needed)
	}
	return nil
}

func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.UntilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *workerCommand) run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.Connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	gateways := radiusGateways{radius.Client{Timeout: c.DropTimeout, Retry: c.DropTimeout / 3}, process.NewDatabaseClock(db)}
	var probes sync.WaitGroup
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probes.Go(func() { worker.NewProber(db, gateways.Probe, log, 0).Run(ctx) })
	return worker.New(db, gateways, log, c.Config).Run(ctx, redis)
}

// radiusGateways drops sessions for a worker by RADIUS Disconnect-Requests.
type radiusGateways struct {
	client radius.Client
	clock  *process.DatabaseClock
}

func (g radiusGateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	result, err := g.client.Disconnect(ctx, radius.Gateway{Address: *s.Server, Secret: []byte(*s.Secret), Signed: s.Signed}, radius.Session{
		ID:               s.AcctSessionID,
		Username:         s.Username,
		CallingStationID: s.CallingStationID,
		NASIPAddress:     s.NASIPAddress,
		ServiceType:      s.ServiceType,
		At:               g.clock.Now(ctx),
	})
	if errors.Is(err, radius.ErrInvalid) {
		return worker.Answer{NotAsked: true, Why: err.Error()}, nil // concerns only this session: the chunk's other sessions proceed
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
