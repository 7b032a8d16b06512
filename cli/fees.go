package cli

import (
	"context"
	"net/http"
	"time"
)

type feesCommand struct {
	List feesListCommand `cmd:"" help:"Show the fee schedule (administrators)."`
	Set  feesSetCommand  `cmd:"" help:"Set a fee, from an instant on (administrators)."`
}

// fee is an entry of the schedule, as the API shows it.
type fee struct {
	Method    string     `json:"method"`
	Currency  string     `json:"currency"`
	Amount    int64      `json:"amount_minor"`
	ValidFrom *time.Time `json:"valid_from"`
	Current   bool       `json:"current"`
}

func printFees(l *link, fees ...fee) error {
	t := newTable(l.Out, "METHOD", "PER SIM", "FROM", "CURRENT")
	for _, f := range fees {
		t.add(f.Method, money(f.Amount, f.Currency), instant(f.ValidFrom), yes(f.Current))
	}
	return t.flush()
}

type feesListCommand struct{ remote }

// Help is the detailed help.
func (feesListCommand) Help() string {
	return `Example:

    simtransfer fees list`
}

// Run carries the command out.
func (c *feesListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var p page[fee]
	answer, err := l.get(ctx, "/v1/fees", &p)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printFees(l, p.Items...) })
}

type feesSetCommand struct {
	Currency string     `arg:"" help:"ISO 4217, such as EUR: of the accounts that pay it."`
	Amount   int64      `arg:"" name:"minor" help:"Per SIM, in the currency's minor unit: 250 is 2.50 EUR."`
	Method   string     `enum:"self_service,support_assisted" default:"support_assisted" help:"Of which transfers: support_assisted or self_service, which is free of charge."`
	From     *time.Time `placeholder:"TIME" help:"From when on, as in 2030-01-31T00:00:00Z; from now on if it is left out."`
	post
}

// Help is the detailed help.
func (feesSetCommand) Help() string {
	return `A request that was validated keeps the fee that it was quoted.

Examples:

    simtransfer fees set EUR 250
    simtransfer fees set EUR 300 --from=2030-01-31T00:00:00Z`
}

// Run carries the command out.
func (c *feesSetCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var f fee
	answer, err := l.post(ctx, c.post, "/v1/fees", struct {
		Method    string     `json:"method"`
		Currency  string     `json:"currency"`
		Amount    int64      `json:"amount_minor"`
		ValidFrom *time.Time `json:"valid_from,omitempty"`
	}{c.Method, c.Currency, c.Amount, c.From}, &f)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printFees(l, f) })
}

type plansCommand struct {
	List plansListCommand `cmd:"" help:"List plans."`
	Set  plansSetCommand  `cmd:"" help:"Make a plan known, or change it (administrators)."`
}

// plan is a plan as the API shows it.
type plan struct {
	Name          string `json:"name"`
	CoverageBound bool   `json:"coverage_bound"`
}

func printPlans(l *link, plans ...plan) error {
	t := newTable(l.Out, "PLAN", "BOUND TO COVERAGE")
	for _, p := range plans {
		t.add(p.Name, yes(p.CoverageBound))
	}
	return t.flush()
}

type plansListCommand struct{ remote }

// Help is the detailed help.
func (plansListCommand) Help() string {
	return `Example:

    simtransfer plans list`
}

// Run carries the command out.
func (c *plansListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var p page[plan]
	answer, err := l.get(ctx, "/v1/plans", &p)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printPlans(l, p.Items...) })
}

type plansSetCommand struct {
	Name          string `arg:"" help:"The plan's name."`
	CoverageBound bool   `negatable:"" required:"" help:"Whether its SIMs are kept from moving to an account of another coverage."`
	remote
}

// Help is the detailed help.
func (plansSetCommand) Help() string {
	return `Examples:

    simtransfer plans set global-01 --no-coverage-bound
    simtransfer plans set regional-01 --coverage-bound`
}

// Run carries the command out.
func (c *plansSetCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var p plan
	answer, err := l.send(ctx, http.MethodPut, place("plans", c.Name), map[string]bool{"coverage_bound": c.CoverageBound}, &p)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printPlans(l, p) })
}
