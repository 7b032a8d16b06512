package command

import (
	"context"
	"log/slog"

	"simtransfer/storage"
)

type migrateCommand struct {
	DatabaseURL postgresURL `required:"" env:"SIMTRANSFER_DATABASE_URL" placeholder:"URL" help:"PostgreSQL, such as postgres://user:password@host:5432/simtransfer."`
}

func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.DatabaseURL.check(); err != nil {
		return err
	}
	if err := storage.Migrate(ctx, string(c.DatabaseURL)); err != nil {
		return explainTLS(err)
	}
	log.InfoContext(ctx, "the database is at this build's schema")
	return nil
}
