package cli

import (
	"context"

	"simtransfer/client"
)

type plansCommand struct {
	List plansListCommand `cmd:"" help:"List plans."`
	Show plansShowCommand `cmd:"" help:"Show a plan."`
	Set  plansSetCommand  `cmd:"" help:"Create or change a plan (administrators)."`
}

func printPlans(l *connection, plans ...client.Plan) error {
	t := newTable(l.Out, "PLAN", "BOUND TO COVERAGE")
	for _, p := range plans {
		t.add(p.Name, yesNo(p.CoverageBound))
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
	Name string `arg:"" help:"Name of the plan."`
	showsETag
	remote
}

// Help returns the detailed help.
func (plansShowCommand) Help() string {
	return `Example:

    simtransfer plans show global-01`
}

// Run runs the command.
func (c *plansShowCommand) Run(ctx context.Context, s *Session) error {
	return showOne(s, c.remote, c.showsETag, func(l *connection, options ...client.Option) (client.Plan, error) {
		return l.client.GetPlan(ctx, c.Name, options...)
	}, func(l *connection, p client.Plan) error { return printPlans(l, p) })
}

type plansSetCommand struct {
	Name          string `arg:"" help:"Name of the plan."`
	CoverageBound bool   `negatable:"" required:"" help:"Whether SIMs on the plan cannot move to an account with another coverage."`
	condition
	remote
}

// Help returns the detailed help.
func (plansSetCommand) Help() string {
	return `Examples:

    simtransfer plans set global-01 --no-coverage-bound
    simtransfer plans set regional-01 --coverage-bound`
}

// Run runs the command.
func (c *plansSetCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	p, err := l.client.PutPlan(ctx, c.Name, client.PlanSettings{CoverageBound: c.CoverageBound}, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printPlans(l, p) })
}
