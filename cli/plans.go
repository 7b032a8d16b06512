package cli

import (
	"context"
	"errors"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

type plansCommand struct {
	List plansListCommand `cmd:"" help:"List plans."`
	Show plansShowCommand `cmd:"" help:"Show a plan."`
	Set  plansSetCommand  `cmd:"" help:"Create or change a plan (administrators)."`

	Mappings plansMappingsCommand `cmd:"" help:"List on which plans of an account SIMs land."`
	Map      plansMapCommand      `cmd:"" help:"Set on which plans of an account SIMs land (owners and administrators)."`
	Unmap    plansUnmapCommand    `cmd:"" help:"Let SIMs keep their plans again (owners and administrators)."`
}

func printPlans(l *connection, plans ...client.Plan) error {
	t := newTable(l.Out, "PLAN", "BOUND TO COVERAGE", "A MONTH")
	for _, p := range plans {
		prices := make([]string, len(p.MonthlyPrices))
		for i, price := range p.MonthlyPrices {
			prices[i] = price.String()
		}
		t.add(p.Name, yesNo(p.CoverageBound), strings.Join(prices, ", "))
	}
	return t.flush()
}

type plansListCommand struct{ remote }

// Help returns the detailed help.
func (plansListCommand) Help() string {
	return `Example:

    simtransfer plans list`
}

// Run runs the command.
func (c *plansListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	plans, err := l.client.ListPlans(ctx, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printPlans(l, plans.Items...) })
}

type plansShowCommand struct {
	Names []string `arg:"" name:"name" help:"Names of the plans."`
	showsETag
	remote
}

// Help returns the detailed help.
func (plansShowCommand) Help() string {
	return `Example:

    simtransfer plans show global-01`
}

// Validate implements kong's validation.
func (c *plansShowCommand) Validate() error { return filledNames(c.Names...) }

// Run runs the command.
func (c *plansShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.Names, func(l *connection, id string, options ...client.Option) (client.Plan, error) {
		return l.client.GetPlan(ctx, id, options...)
	}, func(l *connection, p client.Plan) error { return printPlans(l, p) })
}

type plansSetCommand struct {
	Name          string   `arg:"" help:"Name of the plan."`
	CoverageBound bool     `negatable:"" required:"" help:"Whether SIMs on the plan cannot move to an account with another coverage."`
	Monthly       []amount `placeholder:"PRICE" xor:"monthly" help:"What a SIM on the plan costs a month, such as 1.75EUR. Give one price per currency: repeat the flag, or separate them with commas. They replace all prices of the plan. Default: the prices stay as they are."`
	NoMonthly     bool     `xor:"monthly" help:"Remove the prices of the plan."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *plansSetCommand) Validate() error { return filledNames(c.Name) }

// filledNames refuses names that are empty, which would make the path of another call.
func filledNames(names ...string) error {
	for _, name := range names {
		if transfer.Trim(name) == "" {
			return errors.New("the name of a plan is empty")
		}
	}
	return nil
}

// prices returns the prices to set, nil to keep those of the plan.
func (c *plansSetCommand) prices() (*[]client.MoneyInput, error) {
	if len(c.Monthly) == 0 && !c.NoMonthly {
		return nil, nil
	}
	prices := []client.MoneyInput{}
	for _, a := range c.Monthly {
		if a.currency == "" {
			return nil, usageError("--monthly=%s names no currency: write it after the amount, as in %[1]sEUR", a.number)
		}
		price, err := a.in(a.currency)
		if err != nil {
			return nil, err
		}
		prices = append(prices, client.InputOf(price))
	}
	return &prices, nil
}

// Help returns the detailed help.
func (plansSetCommand) Help() string {
	return `Examples:

    simtransfer plans set global-01 --no-coverage-bound
    simtransfer plans set global-01 --no-coverage-bound --monthly=1.75EUR,1.90USD
    simtransfer plans set regional-01 --coverage-bound`
}

// Run runs the command.
func (c *plansSetCommand) Run(ctx context.Context, s *Session) error {
	prices, err := c.prices()
	if err != nil {
		return err
	}
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	p, err := l.client.PutPlan(ctx, c.Name, client.PlanSettings{CoverageBound: c.CoverageBound, MonthlyPrices: prices}, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printPlans(l, p) })
}
