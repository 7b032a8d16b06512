package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"simtransfer/command/process"
	"simtransfer/mail"
	"simtransfer/notice"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/transfer"
	"simtransfer/worker"
)

type workerCommand struct {
	process.Flags
	worker.Config
	mail.Settings
	GatewayAllowNetworks []netip.Prefix `env:"SIMTRANSFER_GATEWAY_ALLOW_NETWORKS" placeholder:"NETWORK" help:"Private networks in which gateways without RADIUS may be called by HTTP, such as 10.20.0.0/16; plain http is allowed to them, too. Set it for the API as well."`
	DropTimeout          time.Duration  `min:"1ms" max:"5m" env:"SIMTRANSFER_DROP_TIMEOUT" help:"Time that a gateway has to answer one attempt, retransmissions included."`
	PublicURL            string         `env:"SIMTRANSFER_PUBLIC_URL" placeholder:"LINK" help:"Address at which people reach this service with their browser, such as https://sims.example.com, for the links in mails. Required with SIMTRANSFER_SMTP_URL."`
}

func defaultWorkerCommand() workerCommand {
	return workerCommand{Config: worker.DefaultConfig(), DropTimeout: radius.DefaultTimeout}
}

// Validate refuses a pool that is too small: handlers of chunks keep a connection
// each, and the leases of work at gateways are renewed by others. It refuses settings
// of mail that do not belong together, and templates that fail.
func (c *workerCommand) Validate() error {
	if _, _, err := c.mailer(); err != nil {
		return err
	}
	if needed := c.Interactive + c.Bulk + 2; c.MaxConns < needed {
		return fmt.Errorf("--max-conns (SIMTRANSFER_MAX_CONNS) is %d: a worker with --interactive=%d and --bulk=%d needs at least %d connections",
			c.MaxConns, c.Interactive, c.Bulk, needed)
	}
	return nil
}

func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.UntilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *workerCommand) run(ctx context.Context, log *slog.Logger) error {
	db, redis, err := c.Connect(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	clock := process.NewDatabaseClock(db)
	gateways := gateways{
		radius: radiusGateways{&radius.Client{Timeout: c.DropTimeout, Retry: c.DropTimeout / 3}, clock},
		http:   newHTTPGateways(c.DropTimeout, c.GatewayAllowNetworks, clock.Now),
	}
	if c.Mail, c.Notices, err = c.mailer(); err != nil {
		return err
	}
	if c.Mail == nil {
		log.InfoContext(ctx, "this worker sends no mail to contacts and people; set SIMTRANSFER_SMTP_URL to change that")
	} else {
		log.InfoContext(ctx, "this worker sends mail", "server", fmt.Sprint(c.Mail), "from", c.MailFrom)
	}
	var probes sync.WaitGroup
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probes.Go(func() { worker.NewProber(db, gateways.Probe, log, 0).Run(ctx) })
	return worker.New(db, gateways, log, c.Config).Run(ctx, redis)
}

// mailer returns what sends mails and what writes them, or nil if mail is not
// configured.
func (c *workerCommand) mailer() (worker.Mailer, *notice.Writer, error) {
	server, err := mail.NewServer(c.Settings)
	if err != nil || server == nil {
		return nil, nil, err
	}
	notices, err := notice.New(c.MailTemplates, c.PublicURL, server.Zone())
	if err != nil {
		return nil, nil, err
	}
	return server, notices, nil
}

// radiusGateways drops sessions for a worker by RADIUS Disconnect-Requests.
type radiusGateways struct {
	client *radius.Client
	clock  *process.DatabaseClock
}

func (g radiusGateways) Drop(ctx context.Context, s storage.OpenSession) (worker.Answer, error) {
	asked := radiusGateway(s.SessionGateway)
	session := radius.Session{
		ID:               s.AcctSessionID,
		Username:         s.Username,
		CallingStationID: s.CallingStationID,
		IMSI:             s.IMSI,
		NSAPI:            s.NSAPI,
		NASIPAddress:     s.NASIPAddress,
		NASIdentifier:    s.NASIdentifier,
		NASPort:          s.NASPort,
		NASPortID:        s.NASPortID,
		FramedIP:         s.FramedIP,
		FramedIPv6:       s.FramedIPv6,
		FramedIPv6Prefix: s.FramedIPv6Prefix,
		ServiceType:      s.ServiceType,
		Class:            s.Class,
		At:               g.clock.Now(ctx),
	}
	result, err := g.client.Disconnect(ctx, asked, session)
	if errors.Is(err, radius.ErrInvalid) {
		// It concerns only this session: the chunk's other sessions proceed.
		_, why, _ := strings.Cut(err.Error(), radius.ErrInvalid.Error()+": ")
		return worker.Answer{NotAsked: true, Why: fmt.Sprintf("gateway %s: not asked: %s", s.NASIPAddress, why)}, nil
	}
	if err != nil {
		return worker.Answer{}, err
	}
	a := worker.Answer{
		Gone:    result.Gone(),
		Silent:  result.Outcome == radius.Silent,
		Why:     fmt.Sprintf("gateway %s: %s", s.NASIPAddress, result),
		Sent:    result.Sent,
		Ignored: map[string]int{},
	}
	if missing := session.Missing(asked.Attributes); result.Outcome == radius.Refused && len(missing) > 0 {
		a.Why += fmt.Sprintf(" (accounting did not report %s)", joined(missing))
	}
	for _, k := range result.Ignored.Kinds() {
		a.Ignored[k.Name] = k.N
	}
	return a, nil
}

// radiusGateway returns how the client reaches a gateway that takes
// Disconnect-Requests.
func radiusGateway(s storage.SessionGateway) radius.Gateway {
	g := radius.Gateway{Signed: s.Signed}
	if s.Server != nil && s.Secret != nil {
		g.Address, g.Secret = *s.Server, []byte(*s.Secret)
	}
	for _, a := range s.Attributes {
		g.Attributes = append(g.Attributes, transfer.GatewayAttribute(a))
	}
	g.Source, _ = netip.ParseAddr(s.Source) // the zero value if there is none
	return g
}

func joined(list []transfer.GatewayAttribute) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}
