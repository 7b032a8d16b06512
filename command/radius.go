package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"simtransfer/command/process"
	"simtransfer/radius/accounting"
	"simtransfer/storage"
)

type radiusCommand struct {
	process.DatabaseFlags
	process.StopFlags
	Listen []string `name:"radius-listen" default:":1813" env:"SIMTRANSFER_RADIUS_LISTEN" help:"Addresses to listen on for accounting, separated by commas. A gateway ignores an answer from another address than it sends to: on a host with several addresses, name them."`
	Status string   `name:"radius-status" default:"127.0.0.1:8813" env:"SIMTRANSFER_RADIUS_STATUS" help:"Address to listen on for GET /healthz, /readyz and /metrics. It has no authentication."`
	accounting.Config
}

func defaultRADIUSCommand() radiusCommand { return radiusCommand{Config: accounting.DefaultConfig()} }

// Validate refuses a pool that is too small: each writer uses two connections at a
// time.
func (c *radiusCommand) Validate() error {
	if needed := 2*c.Writers + 1; c.MaxConns < needed {
		return fmt.Errorf("--max-conns (SIMTRANSFER_MAX_CONNS) is %d: with --radius-writers=%d, at least %d connections are needed", c.MaxConns, c.Writers, needed)
	}
	return nil
}

// Help is the detailed help.
func (radiusCommand) Help() string {
	return "It receives the accounting of gateways (RFC 2866) and writes their data sessions to the database, as FreeRADIUS can do instead. " +
		"Gateways and their secrets are those of simtransfer gateways. It does not answer Access-Requests."
}

func (c *radiusCommand) Run(ctx context.Context, log *slog.Logger) error {
	return c.UntilStopped(ctx, log, func(ctx context.Context) error { return c.run(ctx, log) })
}

func (c *radiusCommand) run(ctx context.Context, log *slog.Logger) (err error) {
	db, err := c.ConnectDatabase(ctx, log, storage.Options{GenericPlans: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := db.CheckAccountingRights(ctx); err != nil {
		return err
	}
	config := c.Config
	config.Store, config.Log = db, log
	server, err := accounting.New(ctx, config)
	if err != nil {
		return err
	}
	status, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Status)
	if err != nil {
		return fmt.Errorf("listening on %s for health checks: %w; set --radius-status (SIMTRANSFER_RADIUS_STATUS) to a free address", c.Status, err)
	}
	defer func() { _ = status.Close() }()
	conns, err := c.sockets(ctx)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		log.InfoContext(ctx, "accounting is served", "address", conn.LocalAddr().String())
	}
	log.InfoContext(ctx, "health checks and metrics are served", "address", status.Addr().String())
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		ended <- process.ServeStatus(serving, ctx, log, status, process.Status{Ready: db.Ready, Metrics: server.WriteMetrics})
	}()
	err = server.Run(ctx, conns...)
	stop()
	return errors.Join(err, <-ended)
}

func (c *radiusCommand) sockets(ctx context.Context) ([]*net.UDPConn, error) {
	var conns []*net.UDPConn
	for _, address := range c.Listen {
		conn, err := accounting.Listen(ctx, address)
		if err != nil {
			for _, opened := range conns {
				_ = opened.Close()
			}
			return nil, fmt.Errorf("%w; set --radius-listen (SIMTRANSFER_RADIUS_LISTEN) to free addresses of this host", err)
		}
		conns = append(conns, conn)
	}
	return conns, nil
}
