package sample

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"time"

	"github.com/lib/pq"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/radius"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Data says what to install in a stack, besides the sample accounts, their fees
// and plans.
type Data struct {
	SIMs iter.Seq[SIM]
	// Gateways are the simulated gateways by their number, which starts at 1.
	Gateways map[int]radius.Behavior
	// HTTPGateway is the number of the gateway without RADIUS, which is called by
	// HTTP. It may be one of Gateways. Zero means that there is none.
	HTTPGateway int
	// Accounting is the address (host:port) of a RADIUS server with GatewaySecret, to
	// which the gateways report the start of sessions, and the end of those that they
	// disconnect. Empty means that Connect writes the sessions into the database.
	Accounting string
}

// ForBatch returns the data for a batch of n rows: the inventory, a fast gateway, a
// slow one that refuses to drop some sessions, and one without RADIUS, which has no
// sessions.
func ForBatch(n int) Data {
	return Data{SIMs: Inventory(n), Gateways: batchGateways(), HTTPGateway: batchHTTPGateway}
}

// Installation is the sample data in a running stack.
type Installation struct {
	Stack    *stack.Stack
	Accounts []*client.Client // the API, with a key of each sample account
	Support  *client.Client   // the API, with a key of the support staff
	Finance  *client.Client   // the API, with a key of finance
	Gateways map[int]*radius.SimulatedGateway

	http       *httpGateway // nil: none
	accounting *accounting  // nil: none
}

// GatewaySecret is the RADIUS secret of the simulated gateways.
const GatewaySecret = "only-on-loopback" //nolint:gosec // of gateways that exist only in this process

// Install creates the accounts, imports the SIMs, starts the gateways and opens a
// data session for each SIM that has a gateway. Close stops the gateways.
func Install(ctx context.Context, s *stack.Stack, d Data) (_ *Installation, err error) {
	in := &Installation{Stack: s, Gateways: map[int]*radius.SimulatedGateway{}}
	if d.Accounting != "" {
		in.accounting = newAccounting(d.Accounting)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close())
		}
	}()
	if err := in.createAccounts(ctx); err != nil {
		return nil, fmt.Errorf("creating the sample accounts: %w", err)
	}
	if err := in.importSIMs(ctx, d.SIMs, simsPerImport); err != nil {
		return nil, fmt.Errorf("importing the sample inventory: %w", err)
	}
	if err := in.startGateways(ctx, d.Gateways); err != nil {
		return nil, fmt.Errorf("starting the sample gateways: %w", err)
	}
	if err := in.startHTTPGateway(ctx, d.HTTPGateway); err != nil {
		return nil, fmt.Errorf("starting the sample gateway without RADIUS: %w", err)
	}
	var online []SIM
	for sim := range d.SIMs {
		if sim.Gateway > 0 {
			online = append(online, sim)
		}
	}
	return in, in.Connect(ctx, online)
}

// ErrIncomplete is returned by Resume if an earlier Install did not finish.
var ErrIncomplete = errors.New("its sample inventory is incomplete because the first start was interrupted")

// Resume takes over the data that Install(…, ForBatch(n)) created in an earlier
// stack in the same folder. It replaces the keys, because their tokens are not
// stored, and starts the gateways with the sessions that are open in accounting.
// Returns ErrIncomplete if there is not all of the data.
func Resume(ctx context.Context, s *stack.Stack) (_ *Installation, err error) {
	in := &Installation{Stack: s, Gateways: map[int]*radius.SimulatedGateway{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close())
		}
	}()
	var gateways int
	if err := s.DB.Pool().GetContext(ctx, &gateways, `SELECT count(*) FROM radius.nas WHERE secret = $1`, GatewaySecret); err != nil {
		return nil, fmt.Errorf("counting the sample gateways: %w", err)
	}
	if gateways < len(batchGateways()) {
		return nil, ErrIncomplete
	}
	for _, a := range Accounts() {
		token, err := s.EnsureKey(ctx, storage.NewKey{Role: storage.RoleAccount, OperatorID: a.OperatorID, Name: a.Email})
		if err != nil {
			return nil, err
		}
		in.Accounts = append(in.Accounts, &client.Client{URL: s.Admin.URL, Key: token})
	}
	token, err := s.EnsureKey(ctx, storage.NewKey{Role: storage.RoleSupport, Name: supportKeyName})
	if err != nil {
		return nil, err
	}
	in.Support = &client.Client{URL: s.Admin.URL, Key: token}
	if token, err = s.EnsureKey(ctx, storage.NewKey{Role: storage.RoleFinance, Name: financeKeyName}); err != nil {
		return nil, err
	}
	in.Finance = &client.Client{URL: s.Admin.URL, Key: token}
	if err := in.startGateways(ctx, batchGateways()); err != nil {
		return nil, fmt.Errorf("starting the sample gateways: %w", err)
	}
	if err := in.startHTTPGateway(ctx, batchHTTPGateway); err != nil {
		return nil, fmt.Errorf("starting the sample gateway without RADIUS: %w", err)
	}
	return in, nil
}

// Close stops the gateways.
func (in *Installation) Close() error {
	var errs []error
	if in.http != nil {
		errs = append(errs, in.http.close())
	}
	return errors.Join(append(errs, in.closeGateways())...)
}

// The names of the keys of staff.
const (
	supportKeyName = "support desk"
	financeKeyName = "billing desk"
)

func (in *Installation) createAccounts(ctx context.Context) error {
	admin := in.Stack.Admin
	for _, a := range Accounts() {
		account := client.NewAccount{OperatorID: a.OperatorID, Name: a.Name, Email: a.Email, Currency: a.Currency, Coverage: a.Coverage}
		if _, err := admin.CreateAccount(ctx, account); err != nil {
			return err
		}
		amount := client.InputOf(transfer.Money{Minor: Fees()[a.Currency], Currency: a.Currency})
		fee := client.NewFee{Method: transfer.SupportAssisted, Fee: &amount}
		if _, err := admin.CreateFee(ctx, fee); err != nil {
			return err
		}
		key, err := in.createKey(ctx, client.NewKey{Role: "account", Account: a.OperatorID.Ref(), Name: a.Email})
		if err != nil {
			return err
		}
		in.Accounts = append(in.Accounts, key)
	}
	prices := []client.MoneyInput{}
	for currency, fee := range Fees() {
		prices = append(prices, client.InputOf(transfer.Money{Minor: fee, Currency: currency}))
	}
	for plan, bound := range map[string]bool{"worldwide": false, "regional": true} {
		if _, err := admin.PutPlan(ctx, plan, client.PlanSettings{CoverageBound: bound, MonthlyPrices: &prices}); err != nil {
			return err
		}
	}
	var err error
	if in.Support, err = in.createKey(ctx, client.NewKey{Role: "support", Name: supportKeyName}); err != nil {
		return err
	}
	in.Finance, err = in.createKey(ctx, client.NewKey{Role: "finance", Name: financeKeyName})
	return err
}

func (in *Installation) createKey(ctx context.Context, k client.NewKey) (*client.Client, error) {
	created, err := in.Stack.Admin.CreateKey(ctx, k)
	return &client.Client{URL: in.Stack.Admin.URL, Key: created.Token}, err
}

// simsPerImport is the number of SIMs in one import. The service limits the rows
// and bytes of an import, and an inventory may be larger than that.
const simsPerImport = 200_000

// importSIMs imports SIMs in parts of the given size.
func (in *Installation) importSIMs(ctx context.Context, sims iter.Seq[SIM], size int) error {
	part := make([]SIM, 0, min(size, 10_000))
	for sim := range sims {
		if part = append(part, sim); len(part) == size {
			if err := in.importPart(ctx, part); err != nil {
				return err
			}
			part = part[:0]
		}
	}
	if len(part) == 0 {
		return nil
	}
	return in.importPart(ctx, part)
}

func (in *Installation) importPart(ctx context.Context, sims []SIM) error {
	body, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = w.CloseWithError(writeImport(w, sims))
	}()
	_, err := in.Stack.Admin.ImportSIMs(ctx, client.NDJSON, body)
	_ = body.Close() // ends the writing if the import was refused
	<-written
	return err
}

// batchGateways returns a fast gateway, and a slow one that refuses to drop the
// sessions that are meant to be stuck.
func batchGateways() map[int]radius.Behavior {
	return map[int]radius.Behavior{
		1: {},
		2: {
			Delay: 150 * time.Millisecond,
			Refuse: func(id string) (radius.Cause, bool) {
				number, ok := sessionNumber(id)
				return radius.AdministrativelyProhibited, ok && BatchSIM(number).SessionStuck
			},
		},
	}
}

// startGateways starts the gateways with the sessions that are open in
// accounting, and saves their addresses.
func (in *Installation) startGateways(ctx context.Context, gateways map[int]radius.Behavior) error {
	for number, behavior := range gateways {
		g, err := radius.SimulateGateway("127.0.0.1:0", []byte(GatewaySecret), behavior)
		if err != nil {
			return err
		}
		in.Gateways[number] = g
		in.reportStops(ctx, g)
		var open []struct {
			ID               string `db:"acctsessionid"`
			Username         string `db:"username"`
			CallingStationID string `db:"callingstationid"`
		}
		if err := in.Stack.DB.Pool().SelectContext(ctx, &open, `
			SELECT
				acctsessionid,
				coalesce(username, '') AS username,
				coalesce(callingstationid, '') AS callingstationid
			FROM radius.radacct
			WHERE nasipaddress = $1::inet AND acctstoptime IS NULL`, GatewayAddress(number)); err != nil {
			return fmt.Errorf("reading the open sessions of gateway %d: %w", number, err)
		}
		for _, s := range open {
			g.Start(radius.Session{ID: s.ID, Username: s.Username, CallingStationID: s.CallingStationID, NASIPAddress: GatewayAddress(number)})
		}
		if _, err := in.Stack.DB.Pool().ExecContext(ctx, `
			INSERT INTO radius.nas (nasname, shortname, secret, server)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (nasname) DO UPDATE SET server = EXCLUDED.server`,
			GatewayAddress(number), fmt.Sprintf("gateway-%d", number), GatewaySecret, g.Gateway().Address); err != nil {
			return fmt.Errorf("saving the address of gateway %d: %w", number, err)
		}
	}
	return nil
}

// GatewayAddress returns the NAS-IP-Address of a sample gateway in accounting.
func GatewayAddress(number int) string { return net.IPv4(192, 0, 2, byte(number)).String() }

// Connect opens a data session for each SIM: at its gateway, and in accounting. If there
// is a RADIUS server, the gateway reports the session to it.
func (in *Installation) Connect(ctx context.Context, sims []SIM) error {
	sessions := map[*radius.SimulatedGateway][]radius.Session{}
	for _, s := range sims {
		g := in.Gateways[s.Gateway]
		session := radius.Session{
			ID: s.SessionID(), Username: s.IMSI(), CallingStationID: s.MSISDN(), NASIPAddress: GatewayAddress(s.Gateway),
		}
		g.Start(session)
		sessions[g] = append(sessions[g], session)
	}
	if in.accounting != nil {
		return in.accounting.start(ctx, sessions)
	}
	return in.insertSessions(ctx, sims)
}

// insertSessions writes the sessions of SIMs into accounting as a RADIUS server would.
func (in *Installation) insertSessions(ctx context.Context, sims []SIM) error {
	var ids, users, gateways []string
	for _, s := range sims {
		ids, users, gateways = append(ids, s.SessionID()), append(users, s.IMSI()), append(gateways, GatewayAddress(s.Gateway))
	}
	if _, err := in.Stack.DB.Pool().ExecContext(ctx, `
		INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		SELECT id, md5(id), username, gateway::inet, clock_timestamp()
		FROM unnest($1::text[], $2::text[], $3::text[]) AS s (id, username, gateway)
		ORDER BY username`, pq.Array(ids), pq.Array(users), pq.Array(gateways)); err != nil {
		return fmt.Errorf("opening %d sessions: %w", len(sims), err)
	}
	return nil
}
