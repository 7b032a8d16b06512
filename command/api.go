package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hibiken/asynqmon"

	"simtransfer/api"
	"simtransfer/storage"
)

type apiCommand struct {
	service
	Listen      string        `default:":8080" env:"SIMTRANSFER_LISTEN" help:"Address to serve HTTP on."`
	Review      time.Duration `default:"168h" env:"SIMTRANSFER_REVIEW_PERIOD" help:"How long support has to review a request."`
	Acceptance  time.Duration `default:"24h" env:"SIMTRANSFER_ACCEPTANCE_PERIOD" help:"How long the destination has to accept, where a request does not say (1s to 720h)."`
	TrustProxy  bool          `env:"SIMTRANSFER_TRUST_PROXY" help:"Take clients' addresses, for the audit trail, from X-Forwarded-For as the proxy in front wrote it."`
	RateLimit   int           `default:"100" env:"SIMTRANSFER_RATE_LIMIT" help:"Calls per second of each API key, and twice as many at once; 0 sets no limit. While Redis is away there is none."`
	OpsReadOnly bool          `env:"SIMTRANSFER_OPS_READ_ONLY" help:"Make the page on the queues show and change nothing."`
}

func (c *apiCommand) Validate() error {
	if c.Review < time.Second {
		return errors.New("--review (SIMTRANSFER_REVIEW_PERIOD) has to be at least 1s")
	}
	if c.Acceptance < time.Second || c.Acceptance > 720*time.Hour {
		return errors.New("--acceptance (SIMTRANSFER_ACCEPTANCE_PERIOD) has to be from 1s to 720h")
	}
	if c.RateLimit < 0 {
		return errors.New("--rate-limit (SIMTRANSFER_RATE_LIMIT) has to be 0 or more")
	}
	return nil
}

func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	queues := asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: redis, ReadOnly: c.OpsReadOnly})
	defer func() { _ = queues.Close() }()
	limits, err := newLimiter(redis, c.RateLimit)
	if err != nil {
		return err
	}
	defer func() { _ = limits.Close() }()
	handler := api.New(api.Config{ //nolint:contextcheck // a handler's context is its request's
		DB:               db,
		Ops:              queues,
		Limiter:          limits.orNone(),
		ReviewPeriod:     c.Review,
		AcceptancePeriod: c.Acceptance,
		TrustProxy:       c.TrustProxy,
		Stopping:         ctx.Done(),
		Log:              log,
		Version:          version(),
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; set --listen (SIMTRANSFER_LISTEN) to a free address", c.Listen, err)
	}
	return httpServer{handler, stopPatience}.serve(ctx, log, listener)
}
