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
	if err := m.startGateways(ctx); err != nil {
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

// errHalfSample is what resumeSample returns for a folder in which newSample was
// ended too early.
var errHalfSample = errors.New("its sample inventory is not complete, because the first start was ended too early")

// resumeSample is newSample for a stack that has found the sample inventory of
// an earlier one. It makes new keys in place of those that are only known to
// whom they were shown, and starts the gateways again, with the sessions that
// are open in accounting.
func resumeSample(ctx context.Context, s *Stack) (_ *sample, err error) {
	m := &sample{stack: s, gateways: map[int]*radius.SimulatedGateway{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	var gateways int
	if err := s.DB.Pool().GetContext(ctx, &gateways, `SELECT count(*) FROM radius.nas WHERE secret = $1`, gatewaySecret); err != nil {
		return nil, fmt.Errorf("counting the sample gateways: %w", err)
	}
	if gateways < len(sampleBehaviors()) {
		return nil, errHalfSample
	}
	for _, a := range sampleAccounts() {
		token, err := s.onlyKey(ctx, storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: a.Email})
		if err != nil {
			return nil, err
		}
		m.accounts = append(m.accounts, &cli.Client{URL: s.Admin.URL, Key: token})
	}
	token, err := s.onlyKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: supportName})
	if err != nil {
		return nil, err
	}
	m.support = &cli.Client{URL: s.Admin.URL, Key: token}
	if err := m.startGateways(ctx); err != nil {
		return nil, fmt.Errorf("starting the sample gateways: %w", err)
	}
	return m, nil
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
	m.support, err = m.key(ctx, map[string]any{"role": "support", "name": supportName})
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
		if err := m.importSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (m *sample) importSome(ctx context.Context, rows []sampleRow) error {
	body, w := io.Pipe()
	defer func() { _ = body.Close() }() // which ends the writing of what was refused
	go func() { _ = w.CloseWithError(writeInventory(w, rows)) }()
	return m.stack.Admin.Send(ctx, http.MethodPost, "/v1/sims", "application/x-ndjson", body, nil)
}

// sampleBehaviors are those of a quick gateway, and of a slow one that refuses a
// few.
func sampleBehaviors() map[int]radius.Behavior {
	return map[int]radius.Behavior{
		1: {},
		2: {
			Delay: 150 * time.Millisecond,
			Refuse: func(id string) (radius.Cause, bool) {
				number, ok := sessionNumber(id)
				return radius.AdministrativelyProhibited, ok && batchRow(number).refused
			},
		},
	}
}

// startGateways starts the gateways, and opens at them the sessions that are
// open in accounting.
func (m *sample) startGateways(ctx context.Context) error {
	for number, behavior := range sampleBehaviors() {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(gatewaySecret), behavior)
		if err != nil {
			return err
		}
		m.gateways[number] = g
		var open []struct {
			ID               string `db:"acctsessionid"`
			Username         string `db:"username"`
			CallingStationID string `db:"callingstationid"`
		}
		if err := m.stack.DB.Pool().SelectContext(ctx, &open, `
			SELECT
				acctsessionid,
				coalesce(username, '') AS username,
				coalesce(callingstationid, '') AS callingstationid
			FROM radius.radacct
			WHERE nasipaddress = $1::inet AND acctstoptime IS NULL`, gatewayAddress(number)); err != nil {
			return fmt.Errorf("reading the open sessions of gateway %d: %w", number, err)
		}
		for _, s := range open {
			g.Start(radius.Session{ID: s.ID, Username: s.Username, CallingStationID: s.CallingStationID, NASIPAddress: gatewayAddress(number)})
		}
		if _, err := m.stack.DB.Pool().ExecContext(ctx, `
			INSERT INTO radius.nas (nasname, shortname, secret, server)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (nasname) DO UPDATE SET server = EXCLUDED.server`,
			gatewayAddress(number), fmt.Sprintf("gateway-%d", number), gatewaySecret, g.Gateway().Address); err != nil {
			return err
		}
	}
	return nil
}

// supportName is what people know the key of support by.
const supportName = "support desk"

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
	var m *sample
	if len(known) == 0 {
		m, err = newSample(ctx, stack, o.SIMs)
	} else if m, err = resumeSample(ctx, stack); errors.Is(err, errHalfSample) {
		err = fmt.Errorf("folder %s is of no use: %w; remove it, and start again", o.Dir, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	fmt.Fprintf(o.Out, "Support   %s\n", m.support.Key)
	for i, a := range sampleAccounts() {
		fmt.Fprintf(o.Out, "%s  %s  %s\n", a.OperatorID, a.Email, m.accounts[i].Key)
	}
	if len(known) > 0 {
		fmt.Fprintln(o.Out, "The keys of the last start are good no longer.")
	}
	fmt.Fprintln(o.Out, "Ctrl-C ends it.")
	<-ctx.Done()
	return nil
}
