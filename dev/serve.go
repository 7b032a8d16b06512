// Package dev runs the whole service with sample data on one machine, for
// developers of the service and of its clients: no server has to be installed or
// configured besides the programs of PostgreSQL and Redis.
//
// Its subfolders: servers (private PostgreSQL and Redis), stack (the service on
// them), sample (the data), demo (simtransfer demo) and chaos (simtransfer chaos).
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"simtransfer/dev/sample"
	"simtransfer/dev/servers"
	"simtransfer/dev/stack"
	"simtransfer/storage"
)

// Options configure Serve.
type Options struct {
	Dir    string // folder for the data, which is kept; empty means a temporary one
	Listen string // address of the API
	RADIUS string // UDP address for accounting; if it is in use, another port is chosen
	SIMs   int    // rows of the sample batch; the inventory has 1.2 times as many SIMs
	Out    io.Writer
}

// Serve runs the whole service with the sample inventory until ctx ends. It
// prints where the service is and the keys.
func Serve(ctx context.Context, o Options) (err error) {
	if err := checkFree(ctx, o.Listen); err != nil {
		return err
	}
	s, err := stack.Start(ctx, stack.Options{Servers: servers.Options{Dir: o.Dir, Durable: true}, Listen: o.Listen, OneClick: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	existing, err := s.DB.Accounts(ctx, storage.AccountFilter{Limit: 1})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "Console   %s\nAPI docs  %s/docs\nQueues    %s/ops/queues\nAdmin     %s\n", s.Admin.URL, s.Admin.URL, s.Admin.URL, s.Admin.Key)
	var in *sample.Installation
	if len(existing) == 0 {
		in, err = sample.Install(ctx, s, sample.ForBatch(o.SIMs))
	} else if in, err = sample.Resume(ctx, s); errors.Is(err, sample.ErrIncomplete) {
		err = fmt.Errorf("folder %s cannot be used: %w; remove the folder and start again", o.Dir, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if len(existing) == 0 {
		if err := in.OpenRequests(ctx); err != nil {
			return err
		}
	}
	if err := s.WriteSignIns(in.SignIns()); err != nil {
		return err
	}
	accounting, err := startAccounting(ctx, s, o.RADIUS)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "RADIUS    %s (accounting; secret %s)\n", accounting, sample.GatewaySecret)
	fmt.Fprintf(o.Out, "Support   %s\nFinance   %s\n", in.Support.Key, in.Finance.Key)
	for i, a := range sample.Accounts() {
		fmt.Fprintf(o.Out, "%s  %s  %s\n", a.OperatorID, a.Email, in.Accounts[i].Key)
	}
	if len(existing) > 0 {
		fmt.Fprintln(o.Out, "The keys of earlier starts no longer work.")
	}
	fmt.Fprintln(o.Out, "Press Ctrl-C to stop.")
	<-ctx.Done()
	return nil
}

// checkFree returns an error if the API cannot listen on an address. Without it,
// the sample data would go to whatever listens there already, such as another
// simtransfer dev.
func checkFree(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the address %s is in use, perhaps by another simtransfer dev: stop that process, or choose another address with --listen", address)
	}
	if err != nil {
		return fmt.Errorf("the API cannot listen on %s: %w; choose another address with --listen", address, err)
	}
	return l.Close()
}

// startAccounting starts the accounting server, which accepts packets from this
// machine, and returns its address.
func startAccounting(ctx context.Context, s *stack.Stack, address string) (string, error) {
	if _, err := s.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.nas (nasname, secret, description) VALUES ('127.0.0.1', $1, 'programs on this machine')
		ON CONFLICT DO NOTHING`, sample.GatewaySecret); err != nil {
		return "", fmt.Errorf("adding this machine as a gateway: %w", err)
	}
	socket, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		socket, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("the accounting server cannot listen on %s: %w; choose another address with --radius-listen", address, err)
	}
	address = socket.LocalAddr().String()
	if err := socket.Close(); err != nil {
		return "", err
	}
	_, err = s.StartRADIUS(ctx, address)
	return address, err
}
