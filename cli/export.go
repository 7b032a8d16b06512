package cli

import (
	"context"
	"io"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type exportCommand struct {
	SIMs          exportSIMsCommand          `cmd:"" name:"sims" help:"Export the inventory."`
	Registrations exportRegistrationsCommand `cmd:"" help:"Export which account had which SIM in a period."`
	Transfers     exportTransfersCommand     `cmd:"" help:"Export the transfers that finished in a period."`
	Charges       exportChargesCommand       `cmd:"" help:"Export the fees that were charged in a period."`
}

// exported is embedded in the commands that export rows.
type exported struct {
	Format string `enum:"csv,ndjson" default:"csv" help:"Output format: csv or ndjson."`
	Output string `short:"o" placeholder:"FILE" predictor:"file" help:"Write to this file, which is created or replaced when the export is complete. Default: standard output."`
	remote
}

// period is embedded in the commands that export what happened in a period.
type period struct {
	From time.Time `placeholder:"TIME" help:"The beginning of the period, such as 2030-01-01 or 2030-01-01T00:00+01:00. Without a zone, the time is in UTC. Default: no limit."`
	To   time.Time `placeholder:"TIME" help:"The end of the period, which is not part of it, such as 2030-02-01. Default: no limit."`
}

func (p period) period() client.Period { return client.Period{From: p.From, To: p.To} }

// write copies the rows that stream returns to the file or to standard output.
// While it writes to a file, the status line shows how many rows have arrived.
func (e exported) write(s *Session, stream func(*client.Client, client.Format) (*client.Rows, error)) error {
	l, err := e.connect(s)
	if err != nil {
		return err
	}
	rows, err := stream(l.client, rowFormat(e.Format, e.JSON))
	if err != nil {
		return l.explain(err)
	}
	defer func() { _ = rows.Close() }()
	if e.Output == "" {
		return copyRows(l, l.Out, rows, "the export is incomplete")
	}
	defer l.progress.clear()
	if err := saveRows(l, e.Output, &rowProgress{rows: rows, progress: l.progress}, "the export is incomplete"); err != nil {
		return err
	}
	l.note("%s written to %s.", counted(rows.Total(), "row was", "rows were"), e.Output)
	return nil
}

// rowProgress shows on the status line how many rows have been read.
type rowProgress struct {
	rows     *client.Rows
	progress *progress
	shown    time.Time
}

// Read implements io.Reader.
func (p *rowProgress) Read(b []byte) (int, error) {
	n, err := p.rows.Read(b)
	if err == nil && time.Since(p.shown) >= statusInterval {
		p.progress.statusBar("exporting", p.rows.Count(), p.rows.Total(), " rows")
		p.shown = time.Now()
	}
	return n, err
}

// statusInterval is the time between changes of the status line of an export.
const statusInterval = 200 * time.Millisecond

var _ io.Reader = (*rowProgress)(nil)

type exportSIMsCommand struct {
	Account accountRef `placeholder:"OP…" help:"Only SIMs of this account (support)."`
	simConditions
	UpdatedSince time.Time `placeholder:"TIME" help:"Only SIMs that changed at this time or later, also by a transfer."`
	exported
}

// Help returns the detailed help.
func (exportSIMsCommand) Help() string {
	return `Writes every SIM with all of its columns, all as they are at one instant. The file can be uploaded again. An account exports its own SIMs.

Examples:

    simtransfer export sims --output=inventory.csv
    simtransfer export sims --account=OP0000000001 --status=active,suspended --format=ndjson
    simtransfer export sims --updated-since=2030-01-31 | gzip > changed.csv.gz`
}

// Run runs the command.
func (c *exportSIMsCommand) Run(ctx context.Context, s *Session) error {
	f := client.SIMExport{SIMFilter: client.SIMFilter{Account: c.Account.ref(), SIMConditions: c.conditions()}, UpdatedSince: c.UpdatedSince}
	return c.write(s, func(api *client.Client, format client.Format) (*client.Rows, error) {
		return api.ExportSIMs(ctx, f, format)
	})
}

type exportRegistrationsCommand struct {
	period
	Account accountRef `placeholder:"OP…" help:"Only registrations to this account (support)."`
	exported
}

// Help returns the detailed help.
func (exportRegistrationsCommand) Help() string {
	return `Writes every registration of a SIM to an account that was valid in the period, with its beginning and its end. The end is empty while the registration lasts. An account exports the registrations to itself.

Examples:

    simtransfer export registrations --from=2030-01-01 --to=2030-02-01 --output=january.csv
    simtransfer export registrations --from=2030-01-01 --to=2030-02-01 --account=OP0000000001`
}

// Run runs the command.
func (c *exportRegistrationsCommand) Run(ctx context.Context, s *Session) error {
	return c.write(s, func(api *client.Client, format client.Format) (*client.Rows, error) {
		return api.ExportRegistrations(ctx, c.Account.ref(), c.period.period(), format)
	})
}

type exportTransfersCommand struct {
	period
	Account     accountRef `placeholder:"OP…" help:"Only transfers that this account sends or receives (support)."`
	Direction   string     `enum:"both,incoming,outgoing" default:"both" help:"Whether the account receives or sends the SIMs: both, incoming or outgoing."`
	Destination accountRef `placeholder:"OP…" help:"Only transfers to this account."`
	State       []string   `enum:"${states}" placeholder:"STATE" help:"Only transfers in this state, such as completed. Separate several with commas, or repeat the flag."`
	Ticket      string     `help:"Only transfers of requests with this ticket (support)."`
	Reference   string     `help:"Only transfers of requests with this reference, or of SIMs with it."`
	Code        []string   `enum:"${decision_codes}" placeholder:"CODE" help:"Only transfers that were declined, denied or canceled with this code, such as duplicate. Separate several with commas, or repeat the flag."`
	exported
}

// Help returns the detailed help.
func (exportTransfersCommand) Help() string {
	return `Writes every transfer that finished in the period, in any final state. An account exports the transfers that it sends or receives.

Examples:

    simtransfer export transfers --from=2030-01-01 --to=2030-02-01 --output=january.csv
    simtransfer export transfers --from=2030-01-01 --to=2030-02-01 --state=completed --direction=incoming`
}

// Run runs the command.
func (c *exportTransfersCommand) Run(ctx context.Context, s *Session) error {
	f := client.TransferExport{
		Finished: c.period.period(), Account: c.Account.ref(), Direction: c.Direction, Destination: c.Destination.ref(), Ticket: c.Ticket,
		Reference: c.Reference,
	}
	for _, code := range c.Code {
		f.Codes = append(f.Codes, transfer.DecisionCode(code))
	}
	for _, state := range c.State {
		f.States = append(f.States, transfer.State(state))
	}
	return c.write(s, func(api *client.Client, format client.Format) (*client.Rows, error) {
		return api.ExportTransfers(ctx, f, format)
	})
}

type exportChargesCommand struct {
	period
	Account  accountRef `placeholder:"OP…" help:"Only charges of this account (support and finance)."`
	Currency string     `placeholder:"CODE" help:"Only charges in this currency, such as EUR."`
	exported
}

// Help returns the detailed help.
func (exportChargesCommand) Help() string {
	return `Writes every fee that was charged for a transfer in the period. An account exports what it pays.

Examples:

    simtransfer export charges --from=2030-01-01 --to=2030-02-01 --output=january.csv
    simtransfer export charges --from=2030-01-01 --to=2030-02-01 --account=OP0000000001 --currency=EUR`
}

// Run runs the command.
func (c *exportChargesCommand) Run(ctx context.Context, s *Session) error {
	f := client.ChargeExport{Charged: c.period.period(), Account: c.Account.ref(), Currency: transfer.Currency(c.Currency)}
	return c.write(s, func(api *client.Client, format client.Format) (*client.Rows, error) {
		return api.ExportCharges(ctx, f, format)
	})
}
