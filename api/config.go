package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"simtransfer/api/openid"
	"simtransfer/mail"
	"simtransfer/storage"
)

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, l mail.Letter) error
}

// Config configures the API. Zero fields take the values of DefaultConfig, except
// for the limits of accounts. The fields with tags are flags of simtransfer api.
type Config struct {
	ReviewPeriod     time.Duration `name:"review" min:"1s" max:"365d" env:"SIMTRANSFER_REVIEW_PERIOD" help:"Time that support has to review a request."`
	AcceptancePeriod time.Duration `name:"acceptance" min:"1s" max:"30d" step:"1s" env:"SIMTRANSFER_ACCEPTANCE_PERIOD" help:"Time that the destination has to accept a request that does not set its own."`

	AllowSelfApproval bool `env:"SIMTRANSFER_ALLOW_SELF_APPROVAL" help:"Let someone approve a request that the same person or API key made on behalf of the source, or that was made with a key that it has created or rotated. Default: someone else has to approve it. For installations in which one person does everything."`

	AllowAcceptOnBehalf bool `env:"SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF" help:"Let support accept requests on behalf of the destination, with a reason and a ticket, for example for a merger or a phone call. Both sides see it. Default: only the destination accepts."`

	// The limits of accounts that have none of their own. Zero means no limit.
	MaxOpenRequests int `min:"0" max:"2000000000" env:"SIMTRANSFER_MAX_OPEN_REQUESTS" help:"How many unfinished requests an account may send, unless an administrator sets another limit for it. 0 disables the limit."`
	MaxOpenSIMs     int `name:"max-open-sims" min:"0" max:"2000000000" env:"SIMTRANSFER_MAX_OPEN_SIMS" help:"How many SIMs these requests may have. 0 disables the limit."`
	MaxUnknownSIMs  int `name:"max-unknown-sims" min:"0" max:"2000000000" env:"SIMTRANSFER_MAX_UNKNOWN_SIMS" help:"How many transfers that named no SIM of the account may be stored; the scheduler deletes them after SIMTRANSFER_KEEP_UNKNOWN. 0 disables the limit."`

	MaxOpenPulls  int `min:"0" max:"2000000000" env:"SIMTRANSFER_MAX_OPEN_PULLS" help:"How many open pull requests an account may have. 0 disables the limit."`
	MaxPulledSIMs int `name:"max-pulled-sims" min:"0" max:"2000000000" env:"SIMTRANSFER_MAX_PULLED_SIMS" help:"For how many SIMs an account may ask in 24 hours, in all of its pull requests. 0 disables the limit."`

	CodeLink string `env:"SIMTRANSFER_CODE_LINK" placeholder:"LINK" help:"Address of the page on which people redeem a transfer code, such as https://sims.example.com/redeem#. The QR code has the code appended to it. Default: the QR code has only the code."`

	PublicURL string          `env:"SIMTRANSFER_PUBLIC_URL" placeholder:"LINK" help:"Address at which people reach this service with their browser, such as https://sims.example.com. Mails and the OpenID provider send them there."`
	OpenID    openid.Settings `embed:"" prefix:"oidc-"`

	// Without a proxy that writes the last entry of X-Forwarded-For, clients can
	// forge their address.
	TrustProxy bool `env:"SIMTRANSFER_TRUST_PROXY" help:"Take client addresses for the audit trail from X-Forwarded-For. Set it only behind a proxy that writes this header."`

	WebhookAllowNetworks []netip.Prefix `env:"SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS" placeholder:"NETWORK" help:"Private networks in which webhook receivers may be, such as 10.20.0.0/16; plain http is allowed to them, too. Set it for the worker as well. Default: none."`

	GatewayAllowNetworks []netip.Prefix `env:"SIMTRANSFER_GATEWAY_ALLOW_NETWORKS" placeholder:"NETWORK" help:"Private networks in which gateways without RADIUS may be called by HTTP, such as 10.20.0.0/16; plain http is allowed to them, too. Set it for the worker as well. Default: none."`

	SpoolFolder string `env:"SIMTRANSFER_SPOOL_FOLDER" placeholder:"FOLDER" help:"Folder for temporary files: uploads until they are stored, and answers until they are sent. Default: the folder for temporary files of the system."`
	SpoolLimit  int    `min:"1" max:"1000000" env:"SIMTRANSFER_SPOOL_LIMIT" help:"Maximum size of all temporary files together, in MiB."`

	MaxStreams       int           `kong:"-"` // concurrent event streams in this process, up to 16 per caller
	StreamInterval   time.Duration `kong:"-"` // between polls for new events of a stream
	KeyCheckInterval time.Duration `kong:"-"` // between checks whether the API key of a call that lasts is still allowed to make it
	MaxKeyAge        time.Duration `kong:"-"` // how old the check of an API key may be when the whole body has arrived; otherwise it is checked again

	ProbeWait     time.Duration `kong:"-"` // how long the probe of a gateway waits for a worker to take it
	ProbeInterval time.Duration `kong:"-"` // between looks whether a worker has answered it

	CodePause time.Duration `kong:"-"` // how long the answer to a wrong transfer code waits; twice as long for each wrong one before, up to 16 times
	PullTime  time.Duration `kong:"-"` // the time that a new pull request takes is rounded up to a multiple of it

	DB *storage.DB `kong:"-"`

	// QueueUI is the queue UI, which is served to administrators under
	// /ops/queues. Its handler gets the full path. Nil serves no queue UI.
	QueueUI http.Handler `kong:"-"`

	// Console makes the handler of the pages for people, which is passed the API and
	// what answers paths that are no pages. Nil serves a start page at / instead.
	Console func(api, notFound http.Handler) http.Handler `kong:"-"`

	// Mail sends mail: links to sign in with, and invitations. Nil sends none.
	Mail Mailer `kong:"-"`

	MailZone *time.Location `kong:"-"` // of the times in mails; nil means UTC

	Limiter Limiter `kong:"-"` // limits the calls of each API key; nil means no limit

	// Stopping makes /readyz respond 503 when it is closed, and ends all event
	// streams, so that they do not delay shutdown. Nil means never.
	Stopping <-chan struct{} `kong:"-"`

	Log     *slog.Logger `kong:"-"` // nil means slog.Default()
	Version string       `kong:"-"` // of the program, which every response and the OpenAPI document name; empty means "dev"
}

// CheckSignIn refuses settings of signing in that do not belong together. sendsMail
// is whether the process can send mail.
func (c Config) CheckSignIn(sendsMail bool) error {
	staff := make([]string, 0, len(storage.Roles()))
	for _, r := range storage.Roles() {
		if !r.HasAccount() {
			staff = append(staff, string(r))
		}
	}
	if err := c.OpenID.Check(staff); err != nil {
		return err
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case c.PublicURL == "" && c.OpenID.Given():
		return errors.New("SIMTRANSFER_OIDC_ISSUER is set, but not SIMTRANSFER_PUBLIC_URL: set it to the address of this service, such as https://sims.example.com, to which the OpenID provider sends people back")
	case c.PublicURL == "" && sendsMail:
		return errors.New("SIMTRANSFER_SMTP_URL is set, but not SIMTRANSFER_PUBLIC_URL: set it to the address of this service, such as https://sims.example.com, for the links in mails")
	case c.PublicURL == "":
		return nil
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("SIMTRANSFER_PUBLIC_URL is %q: use an address without a path, such as https://sims.example.com", c.PublicURL)
	}
	return nil
}

// limits returns the limits of accounts that have none of their own.
func (c Config) limits() storage.DefaultLimits {
	return storage.DefaultLimits{OpenRequests: c.MaxOpenRequests, OpenSIMs: c.MaxOpenSIMs, UnknownSIMs: c.MaxUnknownSIMs, OpenPulls: c.MaxOpenPulls, PulledSIMs: c.MaxPulledSIMs}
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		ReviewPeriod:     7 * 24 * time.Hour,
		AcceptancePeriod: 24 * time.Hour,
		MaxOpenRequests:  100_000,
		MaxOpenSIMs:      5_000_000, // a platform that moves a million SIMs in one batch stays below it
		MaxUnknownSIMs:   2_000_000,
		MaxOpenPulls:     20,
		MaxPulledSIMs:    50_000,
		OpenID:           openid.DefaultSettings(),
		SpoolLimit:       4096,
		MaxStreams:       256,
		StreamInterval:   500 * time.Millisecond,
		KeyCheckInterval: 2 * time.Second,
		MaxKeyAge:        200 * time.Millisecond,
		CodePause:        250 * time.Millisecond,
		PullTime:         200 * time.Millisecond,
		ProbeWait:        storage.ProbeTime,
		ProbeInterval:    100 * time.Millisecond,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.ReviewPeriod = cmp.Or(c.ReviewPeriod, d.ReviewPeriod)
	c.AcceptancePeriod = cmp.Or(c.AcceptancePeriod, d.AcceptancePeriod)
	c.SpoolLimit = cmp.Or(c.SpoolLimit, d.SpoolLimit)
	c.MaxStreams = cmp.Or(c.MaxStreams, d.MaxStreams)
	c.StreamInterval = cmp.Or(c.StreamInterval, d.StreamInterval)
	c.KeyCheckInterval = cmp.Or(c.KeyCheckInterval, d.KeyCheckInterval)
	c.MaxKeyAge = cmp.Or(c.MaxKeyAge, d.MaxKeyAge)
	c.CodePause = cmp.Or(c.CodePause, d.CodePause)
	c.PullTime = cmp.Or(c.PullTime, d.PullTime)
	c.ProbeWait = cmp.Or(c.ProbeWait, d.ProbeWait)
	c.ProbeInterval = cmp.Or(c.ProbeInterval, d.ProbeInterval)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.Version = cmp.Or(c.Version, "dev")
	return c
}
