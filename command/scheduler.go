package command

import (
	"context"
	"errors"
	"log/slog"

	"simtransfer/scheduler"
	"simtransfer/storage"
)

type schedulerCommand struct {
	serverFlags
	scheduler.Config
}

func defaultSchedulerCommand() schedulerCommand {
	return schedulerCommand{Config: scheduler.DefaultConfig()}
}

func (c *schedulerCommand) Validate() error {
	if c.Dispatch <= 0 || c.Reconcile <= 0 || c.Expire <= 0 {
		return errors.New("--dispatch, --reconcile and --expire must be greater than 0, such as 25ms")
	}
	return nil
}

func (c *schedulerCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return scheduler.New(db, redis, log, c.Config).Run(ctx)
}
