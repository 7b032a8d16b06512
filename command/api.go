package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"simtransfer/api"
	"simtransfer/command/process"
	"simtransfer/console"
	"simtransfer/mail"
	"simtransfer/storage"
)

type apiCommand struct {
	process.Flags
	process.HTTPFlags
	api.Config
	mail.Settings
	RateLimit   int    `min:"0" max:"1000000" default:"100" env:"SIMTRANSFER_RATE_LIMIT" help:"Requests per second per API key (burst: twice that). 0 disables the limit; it is not enforced while Redis is down."`
	Console     bool   `default:"true" negatable:"" env:"SIMTRANSFER_CONSOLE" help:"Serve the console, the pages on which people use the service, at /."`
	OneClick    string `hidden:"" type:"path" env:"SIMTRANSFER_ONE_CLICK"` // file with API keys that everyone may sign in with, of simtransfer dev and demo
	OpsReadOnly bool   `env:"SIMTRANSFER_OPS_READ_ONLY" help:"Serve the queue UI read-only."`
}

func defaultAPICommand() apiCommand { return apiCommand{Config: api.DefaultConfig()} }

// maxCodeLink is the maximum length of the link in a QR code, so that a phone can
// still read it from a screen.
const maxCodeLink = 300

// Validate refuses a link that is none, half of a key pair, settings of mail and of
// signing in that do not belong together, and a time to drain that is longer than
// the process may take to stop: it would end while it still accepts calls.
func (c *apiCommand) Validate() error {
	if err := c.HTTPFlags.Validate(); err != nil {
		return err
	}
	if u, err := url.Parse(c.CodeLink); c.CodeLink != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(c.CodeLink) > maxCodeLink) {
		return fmt.Errorf("--code-link (SIMTRANSFER_CODE_LINK) is %q: give the address of a page that starts with https://, up to %d characters", c.CodeLink, maxCodeLink)
	}
	server, err := mail.NewServer(c.Settings)
	if err == nil {
		err = c.CheckSignIn(server != nil)
	}
	if err != nil {
		return err
	}
	if c.Drain >= c.StopTimeout {
		return fmt.Errorf("--drain (SIMTRANSFER_DRAIN) is %s, but the process may take only %s to stop: set --stop-timeout (SIMTRANSFER_STOP_TIMEOUT) to at least %s, so that running calls can end after it",
			shortDuration(c.Drain), shortDuration(c.StopTimeout), shortDuration(c.Drain+process.ShutdownTimeout))
	}
	return nil
}

func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.UntilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *apiCommand) run(ctx context.Context, log *slog.Logger) error {
	server, err := c.NewServer()
	if err != nil {
		return err
	}
	db, redis, err := c.Connect(ctx, log, storage.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	queues := process.NewQueueUI(redis, c.OpsReadOnly)
	defer func() { _ = queues.Close() }()
	config := c.Config
	config.DB, config.QueueUI = db, queues
	if config.Mail, config.MailZone, err = c.mailer(ctx, log); err != nil {
		return err
	}
	config.Stopping, config.Log, config.Version = ctx.Done(), log, version()
	if c.RateLimit > 0 {
		limiter := process.NewRateLimiter(redis, c.RateLimit)
		defer func() { _ = limiter.Close() }()
		config.Limiter = limiter
	}
	if c.Console {
		config.Console = func(api, notFound http.Handler) http.Handler {
			return console.New(console.Config{API: api, NotFound: notFound, Log: log, OneClick: c.OneClick})
		}
	}
	listener, err := server.Listen(ctx)
	if err != nil {
		return err
	}
	if server.ServesPlainHTTP(listener) && !c.TrustProxy {
		log.WarnContext(ctx, "the API serves plain HTTP on an address that other machines can reach: set SIMTRANSFER_TLS_CERT and SIMTRANSFER_TLS_KEY, or put a proxy with TLS in front and set SIMTRANSFER_TRUST_PROXY",
			"address", listener.Addr().String())
	}
	handler := api.New(config) //nolint:contextcheck // each request has its own context
	return server.Serve(ctx, log, listener, handler)
}

// mailer returns what sends mail and the time zone of mails, or nil if mail is not
// configured, and logs which.
func (c *apiCommand) mailer(ctx context.Context, log *slog.Logger) (api.Mailer, *time.Location, error) {
	server, err := mail.NewServer(c.Settings)
	switch {
	case err != nil:
		return nil, nil, err
	case server == nil:
		log.InfoContext(ctx, "the API sends no mail: people get no links to sign in with, and invitations have to be handed over; set SIMTRANSFER_SMTP_URL to change that")
		return nil, nil, nil
	}
	log.InfoContext(ctx, "the API sends mail", "server", server.String(), "from", c.MailFrom)
	return server, server.Zone(), nil
}
