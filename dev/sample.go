package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"time"

	"github.com/lib/pq"

	"simtransfer/cli"
	"simtransfer/radius"
	"simtransfer/storage"
)

// sample is the sample inventory in a running stack: keys to act with, and the
// gateways that hold the sessions.
type sample struct {
	stack    *Stack
	accounts []*cli.Client // with a key of each account
	support  *cli.Client
	gateways map[int]*radius.SimulatedGateway // by the number in sampleRow
}

// gatewaySecret is what the simulated gateways share with the workers.
const gatewaySecret = "only-on-loopback" //nolint:gosec // of gateways that exist in this process alone

func newSample(ctx context.Context, s *Stack, n int) (_ *sample, err error) {
	m := &sample{stack: s, gateways: map[int]*radius.SimulatedGateway{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if err := m.openAccounts(ctx); err != nil {
		return nil, fmt.Errorf("opening the sample accounts: %w", err)
	}
	if err := m.importSIMs(ctx, inventory(n), importPart); err != nil {
		return nil, fmt.Errorf("importing the sample inventory: %w", err)
	}
	if err := m.startGateways(ctx, n); err != nil {
		return nil, fmt.Errorf("starting the sample gateways: %w", err)
	}
	var online []sampleRow
	for i := range n {
		if r := batchRow(i); r.gateway > 0 {
			online = append(online, r)
		}
	}
	return m, m.connect(ctx, online)
}

func (m *sample) close() error {
	var errs []error
	for _, g := range m.gateways {
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}

func (m *sample) openAccounts(ctx context.Context) error {
	admin := m.stack.Admin
	for _, a := range sampleAccounts() {
		if err := admin.Call(ctx, http.MethodPost, "/v1/accounts", a, nil); err != nil {
			return err
		}
		fee := map[string]any{"method": "support_assisted", "currency": a.Currency, "amount_minor": sampleFees()[a.Currency]}
		if err := admin.Call(ctx, http.MethodPost, "/v1/fees", fee, nil); err != nil {
			return err
		}
		key, err := m.key(ctx, map[string]any{"role": "account", "account": a.OperatorID, "name": a.Email})
		if err != nil {
			return err
		}
		m.accounts = append(m.accounts, key)
	}
	for plan, bound := range map[string]bool{"worldwide": false, "regional": true} {
		if err := admin.Call(ctx, http.MethodPut, "/v1/plans/"+plan, map[string]bool{"coverage_bound": bound}, nil); err != nil {
			return err
		}
	}
	var err error
	m.support, err = m.key(ctx, map[string]any{"role": "support", "name": "support desk"})
	return err
}

func (m *sample) key(ctx context.Context, body any) (*cli.Client, error) {
	var made struct {
		Token string `json:"token"`
	}
	err := m.stack.Admin.Call(ctx, http.MethodPost, "/v1/keys", body, &made)
	return &cli.Client{URL: m.stack.Admin.URL, Key: made.Token}, err
}

// importPart is how many SIMs one import has: an inventory may have more than one
// can take, of which the service says how many rows and bytes that are.
const importPart = 200_000

// importSIMs imports SIMs, part by part.
func (m *sample) importSIMs(ctx context.Context, rows iter.Seq[sampleRow], part int) error {
	next, stop := iter.Pull(rows)
	defer stop()
	for more := true; more; {
		var some []sampleRow
		var r sampleRow
		for len(some) < part {
			if r, more = next(); !more {
				break
			}
			some = append(some, r)
		}
		if len(some) == 0 {
			break
		}
		if err := m.importPart(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (m *sample) importPart(ctx context.Context, rows []sampleRow) error {
	body, w := io.Pipe()
	defer func() { _ = body.Close() }() // which ends the writing of what was refused
	go func() { _ = w.CloseWithError(writeInventory(w, rows)) }()
	return m.stack.Admin.Send(ctx, http.MethodPost, "/v1/sims", "application/x-ndjson", body, nil)
}

// startGateways starts a quick gateway, and a slow one that refuses a few.
func (m *sample) startGateways(ctx context.Context, n int) error {
	refused := map[string]bool{}
	for i := range n {
		if r := batchRow(i); r.refused {
			refused[r.sessionID()] = true
		}
	}
	behaviors := map[int]radius.Behavior{
		1: {},
		2: {
			Delay: 150 * time.Millisecond,
			Refuse: func(id string) (radius.Cause, bool) {
				return radius.AdministrativelyProhibited, refused[id]
			},
		},
	}
	for number, behavior := range behaviors {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), behavior)
		if err != nil {
			return err
		}
		m.gateways[number] = g
		if _, err := m.stack.DB.Pool().ExecContext(ctx, `
			INSERT INTO radius.nas (nasname, shortname, secret, server) VALUES ($1, $2, $3, $4)`,
			gatewayAddress(number), fmt.Sprintf("gateway-%d", number), gatewaySecret, g.Gateway().Address); err != nil {
			return err
		}
	}
	return nil
}

// gatewayAddress is how a sample gateway calls itself in accounting.
func gatewayAddress(number int) string { return net.IPv4(192, 0, 2, byte(number)).String() }

// connect starts a data session for each SIM: at its gateway, and in accounting
// as a RADIUS server would write it.
func (m *sample) connect(ctx context.Context, rows []sampleRow) error {
	var ids, users, gateways []string
	for _, r := range rows {
		m.gateways[r.gateway].Start(radius.Session{
			ID: r.sessionID(), Username: r.imsi(), CallingStationID: r.msisdn(), NASIPAddress: gatewayAddress(r.gateway),
		})
		ids, users, gateways = append(ids, r.sessionID()), append(users, r.imsi()), append(gateways, gatewayAddress(r.gateway))
	}
	if _, err := m.stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT id, md5(id), username, gateway::inet, clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::text[]) AS s (id, username, gateway)
		ORDER BY username`, pq.Array(ids), pq.Array(users), pq.Array(gateways)); err != nil {
		return fmt.Errorf("starting %d sessions: %w", len(rows), err)
	}
	return nil
}

// ServeOptions say how to run everything for development.
type ServeOptions struct {
	Dir    string // for the data, which stays; empty is temporary
	Listen string
	SIMs   int // the size of the sample inventory
	Out    io.Writer
}

// Serve runs the whole service with the sample inventory until ctx ends.
func Serve(ctx context.Context, o ServeOptions) (err error) {
	stack, err := StartStack(ctx, StackOptions{Options: Options{Dir: o.Dir, Durable: true}, Listen: o.Listen})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	known, err := stack.DB.Accounts(ctx, storage.AccountFilter{Limit: 1})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "API docs  %s/docs\nQueues    %s/ops/queues\nAdmin     %s\n", stack.Admin.URL, stack.Admin.URL, stack.Admin.Key)
	if len(known) == 0 {
		m, err := newSample(ctx, stack, o.SIMs)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.close()) }()
		fmt.Fprintf(o.Out, "Support   %s\n", m.support.Key)
		for i, a := range sampleAccounts() {
			fmt.Fprintf(o.Out, "%s  %s  %s\n", a.OperatorID, a.Email, m.accounts[i].Key)
		}
	}
	fmt.Fprintln(o.Out, "Ctrl-C ends it.")
	<-ctx.Done()
	return nil
}
