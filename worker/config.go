package worker

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"simtransfer/notice"
	"simtransfer/transfer"
)

// Config configures a worker. Zero fields take the values of DefaultConfig. The
// fields with tags are the flags of simtransfer worker.
type Config struct {
	Interactive  int           `min:"1" max:"1000" env:"SIMTRANSFER_WORKER_INTERACTIVE" help:"Small requests to process at once."`
	Bulk         int           `min:"1" max:"1000" env:"SIMTRANSFER_WORKER_BULK" help:"Chunks of large requests to process at once. Over all workers, one more than the database has cores is best."`
	Gateway      int           `min:"1" max:"1000" env:"SIMTRANSFER_WORKER_GATEWAY" help:"Units of work to process at once that disconnect the sessions of large requests; each covers about one gateway. Small requests have four slots of their own."`
	DropAttempts int           `min:"1" max:"1000" env:"SIMTRANSFER_DROP_ATTEMPTS" help:"Attempts to drop a session before its SIM fails with session_not_dropped."`
	DropBackoff  time.Duration `min:"1ms" max:"1h" env:"SIMTRANSFER_DROP_BACKOFF" help:"Delay after the first failed attempt; it doubles after each further one."`

	Webhook              int            `min:"1" max:"1000" env:"SIMTRANSFER_WORKER_WEBHOOK" help:"Webhook endpoints to send to at once. Endpoints that do not answer, and new ones, have a quarter as many slots of their own."`
	WebhookAllowNetworks []netip.Prefix `env:"SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS" placeholder:"NETWORK" help:"Private networks in which webhook receivers may be, such as 10.20.0.0/16; plain http is allowed to them, too. Set it for the API as well."`

	// Mail sends mails, and Notices writes them; without them, mails wait for a worker
	// that has both.
	Mail    Mailer         `kong:"-"`
	Notices *notice.Writer `kong:"-"`

	WebhookTimeout     time.Duration `kong:"-"` // for a receiver to answer
	GatewayInteractive int           `kong:"-"` // pieces of session work of small requests at once
	DropSessions       int           `kong:"-"` // sessions dropped at once in each piece of work
	GatewayTurn        time.Duration `kong:"-"` // how long work stays at a gateway with limits, before other work has its lane
	Poll               time.Duration `kong:"-"` // interval between looks into an empty queue
	Shutdown           time.Duration `kong:"-"` // time for running handlers to finish at shutdown
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Interactive:        4,
		Bulk:               3,
		Gateway:            16,
		Webhook:            64,
		WebhookTimeout:     transfer.WebhookTimeout,
		DropAttempts:       5,
		DropBackoff:        2 * time.Second,
		GatewayInteractive: 4,
		DropSessions:       128,
		GatewayTurn:        time.Minute,
		Poll:               50 * time.Millisecond,
		Shutdown:           20 * time.Second,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	return Config{
		Interactive:    cmp.Or(c.Interactive, d.Interactive),
		Bulk:           cmp.Or(c.Bulk, d.Bulk),
		Gateway:        cmp.Or(c.Gateway, d.Gateway),
		Webhook:        cmp.Or(c.Webhook, d.Webhook),
		WebhookTimeout: cmp.Or(c.WebhookTimeout, d.WebhookTimeout),

		WebhookAllowNetworks: c.WebhookAllowNetworks,
		Mail:                 c.Mail,
		Notices:              c.Notices,

		DropAttempts:       cmp.Or(c.DropAttempts, d.DropAttempts),
		DropBackoff:        cmp.Or(c.DropBackoff, d.DropBackoff),
		GatewayInteractive: cmp.Or(c.GatewayInteractive, d.GatewayInteractive),
		DropSessions:       cmp.Or(c.DropSessions, d.DropSessions),
		GatewayTurn:        cmp.Or(c.GatewayTurn, d.GatewayTurn),
		Poll:               cmp.Or(c.Poll, d.Poll),
		Shutdown:           cmp.Or(c.Shutdown, d.Shutdown),
	}
}

// concurrency is how many handlers of a queue run at once.
func (c Config) concurrency(queue transfer.Queue) int {
	switch queue {
	case transfer.QueueInteractive:
		return c.Interactive
	case transfer.QueueGatewayInteractive:
		return c.GatewayInteractive
	case transfer.QueueBulk:
		return c.Bulk
	case transfer.QueueGateway:
		return c.Gateway
	case transfer.QueueWebhook:
		return c.Webhook
	case transfer.QueueWebhookSlow:
		return max(1, c.Webhook/4)
	case transfer.QueueMail:
		return 1 // there is one row of work
	}
	panic(fmt.Sprintf("queue %q has no handlers", queue)) // every test fails until a new queue has some
}
