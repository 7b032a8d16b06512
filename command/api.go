package command

import (
	"context"
	"crypto/tls"
	"errors"
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
	TLSCert     string        `name:"tls-cert" type:"path" env:"SIMTRANSFER_TLS_CERT" placeholder:"FILE" help:"Certificate (PEM) with its chain: serve HTTPS instead of plain HTTP. It is read at the start."`
	TLSKey      string        `name:"tls-key" type:"path" env:"SIMTRANSFER_TLS_KEY" placeholder:"FILE" help:"Private key (PEM) of that certificate."`
	Review      time.Duration `min:"1s" max:"365d" env:"SIMTRANSFER_REVIEW_PERIOD" help:"Time that support has to review a request."`
	Acceptance  time.Duration `min:"1s" max:"30d" step:"1s" env:"SIMTRANSFER_ACCEPTANCE_PERIOD" help:"Time that the destination has to accept a request that does not set its own."`
	OwnRequests bool          `name:"allow-self-approval" env:"SIMTRANSFER_ALLOW_SELF_APPROVAL" help:"Let an API key approve a request that it made itself on behalf of the source. Default: someone else has to approve it."`
	TrustProxy  bool          `env:"SIMTRANSFER_TRUST_PROXY" help:"Take client addresses for the audit trail from X-Forwarded-For. Set it only behind a proxy that writes this header."`
	RateLimit   int           `min:"0" max:"1000000" default:"100" env:"SIMTRANSFER_RATE_LIMIT" help:"Requests per second per API key (burst: twice that). 0 disables the limit; it is not enforced while Redis is down."`
	Drain       time.Duration `min:"0s" max:"10m" default:"5s" env:"SIMTRANSFER_DRAIN" help:"Time between SIGTERM, when /readyz starts to respond 503, and the end of accepting connections: a proxy needs it to send calls elsewhere. It must be shorter than the stop timeout."`
	OpsReadOnly bool          `env:"SIMTRANSFER_OPS_READ_ONLY" help:"Serve the queue UI read-only."`
}

func defaultAPICommand() apiCommand {
	return apiCommand{Review: transfer.ReviewPeriod, Acceptance: transfer.AcceptancePeriod}
}

// Validate refuses half of a key pair, and a time to drain that is longer than
// the process may take to stop: it would end while it still accepts calls.
func (c *apiCommand) Validate() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("set --tls-cert (SIMTRANSFER_TLS_CERT) and --tls-key (SIMTRANSFER_TLS_KEY) together, or neither")
	}
	if c.Drain >= c.StopTimeout {
		return fmt.Errorf("--drain (SIMTRANSFER_DRAIN) is %s, but the process may take only %s to stop: set --stop-timeout (SIMTRANSFER_STOP_TIMEOUT) to at least %s, so that running calls can end after it",
			shortDuration(c.Drain), shortDuration(c.StopTimeout), shortDuration(c.Drain+shutdownTimeout))
	}
	return nil
}

// tls returns the TLS settings, nil for plain HTTP.
func (c *apiCommand) tls() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("reading SIMTRANSFER_TLS_CERT and SIMTRANSFER_TLS_KEY: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.untilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *apiCommand) run(ctx context.Context, log *slog.Logger) error {
	tlsConfig, err := c.tls()
	if err != nil {
		return err
	}
	db, redis, err := c.connect(ctx, log, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	queues := newQueueUI(redis, c.OpsReadOnly)
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
	if tlsConfig == nil && !c.TrustProxy && !isLoopback(listener.Addr()) {
		log.WarnContext(ctx, "the API serves plain HTTP on an address that other machines can reach: set SIMTRANSFER_TLS_CERT and SIMTRANSFER_TLS_KEY, or put a proxy with TLS in front and set SIMTRANSFER_TRUST_PROXY",
			"address", listener.Addr().String())
	}
	return httpServer{handler, tlsConfig, c.Drain, shutdownTimeout}.serve(ctx, log, listener)
}

// queueUITimeout is for each step of a call from the queue UI to Redis.
const queueUITimeout = 3 * time.Second

// newQueueUI returns the handler of the queue UI. Package api repeats its reads.
func newQueueUI(redis redisServer, readOnly bool) *asynqmon.HTTPHandler {
	return asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: failFastServer{redis, queueUITimeout}, ReadOnly: readOnly})
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
