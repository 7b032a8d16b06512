package command

import (
	"context"
	"log/slog"

	"simtransfer/command/process"
	"simtransfer/scheduler"
	"simtransfer/storage"
)

type schedulerCommand struct {
	process.Flags
	scheduler.Config
}

func defaultSchedulerCommand() schedulerCommand {
	return schedulerCommand{Config: scheduler.DefaultConfig()}
}

func (c *schedulerCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.UntilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *schedulerCommand) run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.Connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return scheduler.New(db, redis, log, c.Config).Run(ctx)
}
