package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"simtransfer/scheduler"
	"simtransfer/storage"
)

type schedulerCommand struct {
	service
	Dispatch  time.Duration `default:"25ms" env:"SIMTRANSFER_DISPATCH_INTERVAL" help:"How often new work is looked for."`
	Reconcile time.Duration `default:"3s" env:"SIMTRANSFER_RECONCILE_INTERVAL" help:"How often lost work is looked for."`
	Expire    time.Duration `default:"1s" env:"SIMTRANSFER_EXPIRE_INTERVAL" help:"How often expired requests are looked for."`
}

func (c *schedulerCommand) Validate() error {
	if c.Dispatch <= 0 || c.Reconcile <= 0 || c.Expire <= 0 {
		return errors.New("--dispatch, --reconcile and --expire have to be above 0, such as 25ms")
	}
	return nil
}

func (c *schedulerCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return scheduler.New(db, redis, log, scheduler.Config{
		Dispatch:  c.Dispatch,
		Reconcile: c.Reconcile,
		Expire:    c.Expire,
	}).Run(ctx)
}
