package cli

import (
	"context"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

type feesCommand struct {
	List feesListCommand `cmd:"" help:"Show the fee schedule (administrators)."`
	Set  feesSetCommand  `cmd:"" help:"Set a fee that applies from a given time (administrators)."`

	Withdraw feesWithdrawCommand `cmd:"" help:"Withdraw a fee that does not apply yet (administrators)."`
}

func printFees(l *connection, fees ...client.Fee) error {
	t := newTable(l.Out, "METHOD", "PER SIM", "FROM", "CURRENT")
	for _, f := range fees {
		t.add(string(f.Method), f.Fee.String(), timeText(f.ValidFrom), yesNo(f.Current))
	}
	return t.flush()
}

type feesListCommand struct{ remote }

// Help returns the detailed help.
func (feesListCommand) Help() string {
	return `Example:

    simtransfer fees list`
}

// Run runs the command.
func (c *feesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	schedule, err := l.client.ListFees(ctx, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printFees(l, schedule.Items...) })
}

type feesSetCommand struct {
	Currency currency  `arg:"" help:"Currency of the accounts that pay the fee (ISO 4217), such as EUR."`
	Amount   amount    `arg:"" help:"Fee per SIM in the currency, such as 2.50."`
	Method   string    `enum:"${methods}" default:"support_assisted" help:"Method that the fee is for: support_assisted or self_service. Self-service transfers are free of charge."`
	From     time.Time `placeholder:"TIME" help:"Start time, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC. Default: now."`
	post
}

// Help returns the detailed help.
func (feesSetCommand) Help() string {
	return `Requests that were validated before keep the fee that they were quoted.

Examples:

    simtransfer fees set EUR 2.50
    simtransfer fees set JPY 400 --from=2030-01-31`
}

// Run runs the command.
func (c *feesSetCommand) Run(ctx context.Context, s *Session) error {
	fee, err := c.Amount.in(transfer.Currency(c.Currency))
	if err != nil {
		return err
	}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	entry := client.NewFee{Method: transfer.Method(c.Method), Fee: client.InputOf(fee)}
	if !c.From.IsZero() {
		entry.ValidFrom = &c.From
	}
	f, err := l.client.CreateFee(ctx, entry, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printFees(l, f) })
}

type feesWithdrawCommand struct {
	Currency string    `arg:"" help:"Currency of the fee (ISO 4217), such as EUR."`
	Method   string    `enum:"${methods}" default:"support_assisted" help:"Method that the fee is for: support_assisted or self_service."`
	From     time.Time `required:"" placeholder:"TIME" help:"Start time of the fee, exactly as the service stores it; see fees list --json."`
	remote
}

// Help returns the detailed help.
func (feesWithdrawCommand) Help() string {
	return `A fee that applies already, or did, cannot be withdrawn: set another one.

Example:

    simtransfer fees withdraw EUR --from=2030-01-31T00:00:00Z`
}

// Run runs the command.
func (c *feesWithdrawCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if err := l.client.WithdrawFee(ctx, transfer.Method(c.Method), transfer.Currency(c.Currency), c.From, l.options()...); err != nil {
		return l.explain(err)
	}
	l.note("The fee was withdrawn.")
	return nil
}
