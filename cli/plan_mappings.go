package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// plansText lists a mapping of plans, such as "basic → iot-basic; others → iot".
func plansText(plans map[string]string, others string) string {
	var list []string
	for _, from := range slices.Sorted(maps.Keys(plans)) {
		list = append(list, from+" → "+plans[from])
	}
	if others != "" {
		list = append(list, "others → "+others)
	}
	return strings.Join(list, "; ")
}

// landingPlansText lists the mapping with which SIMs land; nil is empty.
func landingPlansText(l *client.LandingPlans) string {
	if l == nil {
		return ""
	}
	return plansText(l.Plans, l.Default)
}

func printPlanMappings(l *connection, list ...client.PlanMapping) error {
	t := newTable(l.Out, "SIMS FROM", "PLANS")
	for _, m := range list {
		source := "any account"
		if m.Source != "" {
			source = string(m.Source)
		}
		t.add(source, plansText(m.Plans, m.Default))
	}
	return t.flush()
}

// mappedAccount is embedded in the commands on the plan mappings of an account.
type mappedAccount struct {
	Account accountRef `placeholder:"OP…" help:"The account on which the SIMs land (operator id or external id). Default: the account of the API key."`
	remote
}

// connect returns a connection, and the account, which it looks up if none is
// given.
func (c mappedAccount) connect(ctx context.Context, s *Session) (*connection, transfer.AccountRef, error) {
	l, err := c.remote.connect(s)
	if err != nil || c.Account != "" {
		return l, c.Account.ref(), err
	}
	key, err := l.client.GetCurrentKey(ctx, l.options()...)
	switch {
	case err != nil:
		return l, "", l.explain(err)
	case key.Account == "":
		return l, "", usageError("--account is required: the API key belongs to no account")
	}
	return l, key.Account.Ref(), nil
}

// mappingSource is embedded in the commands on one plan mapping.
type mappingSource struct {
	Source accountRef `placeholder:"OP…" help:"Only for SIMs from this account (operator id; administrators can give an external id). Default: for SIMs from any account that has no mapping of its own."`
}

type plansMappingsCommand struct {
	mappedAccount
	showsETag
}

// Help returns the detailed help.
func (plansMappingsCommand) Help() string {
	return `A SIM lands on the plan that the destination names when it accepts (requests accept --plan). Otherwise the mapping for the account that it comes from applies, then the one for any account. Without any of them it keeps its plan.

Examples:

    simtransfer plans mappings
    simtransfer plans mappings --account=OP0000000002`
}

// Run runs the command.
func (c *plansMappingsCommand) Run(ctx context.Context, s *Session) error {
	l, account, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	return showTo(l, c.showsETag, func(options ...client.Option) (client.PlanMappings, error) {
		return l.client.ListPlanMappings(ctx, account, options...)
	}, func(l *connection, list client.PlanMappings) error { return printPlanMappings(l, list.Items...) })
}

type plansMapCommand struct {
	Plans   []string `arg:"" optional:"" name:"from=to" help:"The plan of a SIM, =, and the plan on which it lands."`
	Default string   `placeholder:"NAME" help:"The plan on which SIMs on other plans land. Default: they keep their plan."`
	mappingSource
	condition
	mappedAccount
}

// Help returns the detailed help.
func (plansMapCommand) Help() string {
	return `Replaces the mapping of the account for SIMs from one account, or from any. Requests that were accepted before keep the mapping that was in force then.

Examples:

    simtransfer plans map worldwide=iot-basic regional=iot-regional
    simtransfer plans map --default=iot-basic --source=OP0000000001
    simtransfer plans map worldwide=iot-basic --account=OP0000000002`
}

// mapping parses the arguments.
func (c *plansMapCommand) mapping() (client.NewPlanMapping, error) {
	m := client.NewPlanMapping{Plans: map[string]string{}, Default: c.Default}
	for _, text := range c.Plans {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" || to == "" {
			return m, usageError("%q is not a pair of plans: write the plan of a SIM, =, and the plan on which it lands, such as worldwide=iot-basic", text)
		}
		if earlier, twice := m.Plans[from]; twice {
			return m, usageError("SIMs on the plan %s cannot land on both %s and %s: decide for one", from, earlier, to)
		}
		m.Plans[from] = to
	}
	if len(m.Plans) == 0 && m.Default == "" {
		return m, usageError("nothing to map: name plans, such as worldwide=iot-basic, or set --default; plans unmap removes a mapping")
	}
	return m, nil
}

// Run runs the command.
func (c *plansMapCommand) Run(ctx context.Context, s *Session) error {
	m, err := c.mapping()
	if err != nil {
		return err
	}
	l, account, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	put, err := l.client.PutPlanMapping(ctx, account, c.Source.ref(), m, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printPlanMappings(l, put) })
}

type plansUnmapCommand struct {
	mappingSource
	condition
	mappedAccount
}

// Help returns the detailed help.
func (plansUnmapCommand) Help() string {
	return `Removes the mapping of the account for SIMs from one account, or from any. Requests that were accepted before keep it.

Examples:

    simtransfer plans unmap
    simtransfer plans unmap --source=OP0000000001`
}

// Run runs the command.
func (c *plansUnmapCommand) Run(ctx context.Context, s *Session) error {
	l, account, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	if err := l.client.DeletePlanMapping(ctx, account, c.Source.ref(), l.options(c.ifMatch())...); err != nil {
		return l.explain(err)
	}
	l.note("The mapping was removed.")
	return nil
}
