package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hibiken/asynqmon"

	"simtransfer/api"
	"simtransfer/storage"
	"simtransfer/transfer"
)

type apiCommand struct {
	serverFlags
	Listen      string        `default:":8080" env:"SIMTRANSFER_LISTEN" help:"Address to listen on for HTTP."`
	Review      time.Duration `min:"1s" max:"365d" env:"SIMTRANSFER_REVIEW_PERIOD" help:"Time that support has to review a request."`
	Acceptance  time.Duration `min:"1s" max:"30d" step:"1s" env:"SIMTRANSFER_ACCEPTANCE_PERIOD" help:"Time that the destination has to accept a request that does not set its own."`
	OwnRequests bool          `name:"allow-self-approval" env:"SIMTRANSFER_ALLOW_SELF_APPROVAL" help:"Let an API key approve a request that it made itself on behalf of the source. Default: someone else has to approve it."`
	TrustProxy  bool          `env:"SIMTRANSFER_TRUST_PROXY" help:"Take client addresses for the audit trail from X-Forwarded-For. Set it only behind a proxy that writes this header."`
	RateLimit   int           `min:"0" max:"1000000" default:"100" env:"SIMTRANSFER_RATE_LIMIT" help:"Requests per second per API key (burst: twice that). 0 disables the limit; it is not enforced while Redis is down."`
	Drain       time.Duration `min:"0s" max:"10m" default:"5s" env:"SIMTRANSFER_DRAIN" help:"Time between SIGTERM, when /readyz starts to respond 503, and the end of accepting connections: a proxy needs it to send calls elsewhere."`
	OpsReadOnly bool          `env:"SIMTRANSFER_OPS_READ_ONLY" help:"Serve the queue UI read-only."`
}

func defaultAPICommand() apiCommand {
	return apiCommand{Review: transfer.ReviewPeriod, Acceptance: transfer.AcceptancePeriod}
}

func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.untilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *apiCommand) run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.connect(ctx, log, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	queues := asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: redis, ReadOnly: c.OpsReadOnly})
	defer func() { _ = queues.Close() }()
	config := api.Config{
		DB:               db,
		QueueUI:          queues,
		ReviewPeriod:     c.Review,
		AcceptancePeriod: c.Acceptance,
		TrustProxy:       c.TrustProxy,

		AllowSelfApproval: c.OwnRequests,

		Stopping: ctx.Done(),
		Log:      log,
		Version:  version(),
	}
	if c.RateLimit > 0 {
		limiter := newRateLimiter(redis, c.RateLimit)
		defer func() { _ = limiter.Close() }()
		config.Limiter = limiter
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; set --listen (SIMTRANSFER_LISTEN) to a free address", c.Listen, err)
	}
	handler := api.New(config) //nolint:contextcheck // each request has its own context
	return httpServer{handler, c.Drain, shutdownTimeout}.serve(ctx, log, listener)
}
