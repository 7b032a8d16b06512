package cli

import (
	"context"
	"strconv"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type feesCommand struct {
	List     feesListCommand     `cmd:"" help:"Show the fee schedule and the prices of accounts (finance)."`
	Set      feesSetCommand      `cmd:"" help:"Set a fee that applies from a given time (finance)."`
	EndPrice feesEndPriceCommand `cmd:"" help:"Let an account pay what the fee schedule says again (finance)."`
	Withdraw feesWithdrawCommand `cmd:"" help:"Withdraw a fee that does not apply yet (finance)."`
	Charged  feesChargedCommand  `cmd:"" help:"Add up the fees that were charged in a period."`
}

func printFees(l *connection, fees ...client.Fee) error {
	t := newTable(l.Out, "ACCOUNT", "METHOD", "PER SIM", "FROM", "CURRENT")
	for _, f := range fees {
		price := "as scheduled in " + string(f.Currency)
		if f.Fee != nil {
			price = f.Fee.String()
		}
		t.add(accountText(f.Account, f.AccountExternalID), string(f.Method), price, timeText(f.ValidFrom), yesNo(f.Current))
	}
	return t.flush()
}

type feesListCommand struct {
	Account accountRef `placeholder:"OP…" help:"Only the prices of this account (operator id or external id), and the fee schedule in its currency. CURRENT shows which one the account pays."`
	showsETag
	remote
}

// Help returns the detailed help.
func (feesListCommand) Help() string {
	return `An entry with an account is its price, which overrides the fee schedule.

Examples:

    simtransfer fees list
    simtransfer fees list --account=OP0000000001`
}

// Run runs the command.
func (c *feesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return showTo(l, c.showsETag, func(options ...client.Option) (client.FeeSchedule, error) {
		return l.client.ListFees(ctx, client.FeeFilter{Account: c.Account.ref()}, options...)
	}, func(l *connection, schedule client.FeeSchedule) error { return printFees(l, schedule.Items...) })
}

type feesSetCommand struct {
	Currency currency   `arg:"" help:"Currency of the accounts that pay the fee (ISO 4217), such as EUR."`
	Amount   amount     `arg:"" help:"Fee per SIM in the currency, such as 2.50."`
	Account  accountRef `placeholder:"OP…" help:"Set the price of this account (operator id or external id), which overrides the fee schedule."`
	Method   string     `enum:"${methods}" default:"support_assisted" help:"Method that the fee is for: support_assisted or self_service. Self-service transfers are free of charge."`
	From     time.Time  `placeholder:"TIME" help:"Start time, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC. Default: now."`
	Yes      bool       `help:"Set a fee of 0 without a question."`
	condition
	post
}

// Help returns the detailed help.
func (feesSetCommand) Help() string {
	return `Requests that were validated before keep the fee that they were quoted. A fee of 0 makes transfers free of charge, so the command asks whether that is meant; without a terminal it needs --yes.

Examples:

    simtransfer fees set EUR 2.50
    simtransfer fees set EUR 1.75 --account=C-1001
    simtransfer fees set EUR 0 --account=C-1001 --yes
    simtransfer fees set JPY 400 --from=2030-01-31`
}

// Run runs the command.
func (c *feesSetCommand) Run(ctx context.Context, s *Session) error {
	fee, err := c.Amount.in(transfer.Currency(c.Currency))
	if err != nil {
		return err
	}
	if fee.Minor == 0 && transfer.Method(c.Method) != transfer.SelfService && !c.Yes {
		payers := "accounts with the currency " + string(fee.Currency)
		if c.Account != "" {
			payers = "account " + string(c.Account)
		}
		if err := s.confirm(ctx, "A fee of 0 makes transfers of "+payers+" free of charge.", "--yes"); err != nil {
			return err
		}
	}
	input := client.InputOf(fee)
	return createFee(ctx, s, c.post, c.condition, c.From, client.NewFee{Method: transfer.Method(c.Method), Fee: &input, Account: c.Account.ref()})
}

// createFee adds an entry from an instant on; zero means now.
func createFee(ctx context.Context, s *Session, c post, only condition, from time.Time, entry client.NewFee) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if !from.IsZero() {
		entry.ValidFrom = &from
	}
	f, err := l.client.CreateFee(ctx, entry, l.options(c.idempotent(), only.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printFees(l, f) })
}

type feesEndPriceCommand struct {
	Account accountRef `arg:"" help:"Operator id or external id of the account."`
	From    time.Time  `placeholder:"TIME" help:"When the price ends, such as 2030-01-31. Default: now."`
	condition
	post
}

// Help returns the detailed help.
func (feesEndPriceCommand) Help() string {
	return `From then on the account pays what the fee schedule says. Requests that were validated before keep the fee that they were quoted.

Example:

    simtransfer fees end-price C-1001 --from=2030-01-31`
}

// Run runs the command.
func (c *feesEndPriceCommand) Run(ctx context.Context, s *Session) error {
	return createFee(ctx, s, c.post, c.condition, c.From, client.NewFee{Method: transfer.SupportAssisted, Account: c.Account.ref(), FollowsSchedule: true})
}

type feesWithdrawCommand struct {
	Currency string     `arg:"" help:"Currency of the fee (ISO 4217), such as EUR."`
	Account  accountRef `placeholder:"OP…" help:"Withdraw a price of this account (operator id or external id)."`
	Method   string     `enum:"${methods}" default:"support_assisted" help:"Method that the fee is for: support_assisted or self_service."`
	From     time.Time  `required:"" placeholder:"TIME" help:"Start time of the fee, exactly as the service stores it; see fees list --json."`
	condition
	remote
}

// Help returns the detailed help.
func (feesWithdrawCommand) Help() string {
	return `A fee that applies already, or did, cannot be withdrawn: set another one.

Examples:

    simtransfer fees withdraw EUR --from=2030-01-31T00:00:00Z
    simtransfer fees withdraw EUR --from=2030-01-31T00:00:00Z --account=C-1001`
}

// Run runs the command.
func (c *feesWithdrawCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	fee := client.FeeKey{Account: c.Account.ref(), Method: transfer.Method(c.Method), Currency: transfer.Currency(c.Currency), ValidFrom: c.From}
	if err := l.client.WithdrawFee(ctx, fee, l.options(c.ifMatch())...); err != nil {
		return l.explain(err)
	}
	l.note("The fee was withdrawn.")
	return nil
}

type feesChargedCommand struct {
	period
	Account  accountRef `placeholder:"OP…" help:"Only charges of this account (support and finance)."`
	Currency string     `placeholder:"CODE" help:"Only charges in this currency, such as EUR."`
	remote
}

// Help returns the detailed help.
func (feesChargedCommand) Help() string {
	return `Shows what the transfers of a period cost each account, and all of them. An account sees what it pays. "simtransfer export charges" writes the charges one by one.

Examples:

    simtransfer fees charged --from=2030-01-01 --to=2030-02-01
    simtransfer fees charged --from=2030-01-01 --account=OP0000000001`
}

// Run runs the command.
func (c *feesChargedCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	f := client.ChargeExport{Charged: c.period.period(), Account: c.Account.ref(), Currency: transfer.Currency(c.Currency)}
	var all client.ChargeTotals
	for next := (client.Paging{}); ; next.Cursor = all.NextCursor {
		page, err := l.client.ListChargeTotals(ctx, f, next, l.options()...)
		if err != nil {
			return l.explain(err)
		}
		all = client.ChargeTotals{Items: append(all.Items, page.Items...), Totals: page.Totals, NextCursor: page.NextCursor}
		if l.json { // a document for each page
			if err := l.show(nil); err != nil {
				return err
			}
		}
		if all.NextCursor == "" {
			break
		}
	}
	if l.json {
		return nil
	}
	return l.show(func() error {
		t := newTable(l.Out, "ACCOUNT", "NAME", "SIMS", "CHARGED")
		for _, i := range all.Items {
			t.add(accountText(i.Account, i.AccountID), i.Name, strconv.Itoa(i.SIMs), i.Total.String())
		}
		for _, i := range all.Totals {
			t.add("Total", "", strconv.Itoa(i.SIMs), i.Total.String())
		}
		return t.flush()
	})
}
