package command

import (
	"context"
	"log/slog"

	"simtransfer/storage"
)

type migrateCommand struct {
	databaseURLFlag
}

func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.DatabaseURL.check(); err != nil {
		return err
	}
	if err := storage.Migrate(ctx, string(c.DatabaseURL)); err != nil {
		return explainConnect(err)
	}
	log.InfoContext(ctx, "the database has the schema of this version")
	return nil
}
