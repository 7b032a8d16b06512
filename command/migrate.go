package command

import (
	"context"
	"log/slog"

	"simtransfer/command/process"
	"simtransfer/storage"
)

type migrateCommand struct {
	process.DatabaseURLFlag
}

func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.DatabaseURL.Check(); err != nil {
		return err
	}
	if err := storage.Migrate(ctx, string(c.DatabaseURL)); err != nil {
		return process.ExplainConnect(err)
	}
	log.InfoContext(ctx, "the database has the schema of this version")
	return nil
}
