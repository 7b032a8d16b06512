package console

import (
	"strings"

	"simtransfer/client"
	"simtransfer/transfer"
)

// plansView is the list of plans, with the form of one.
type plansView struct {
	base

	Plans []client.Plan
	Edit  string // name of the plan that is being changed
}

// plans shows the plans with their prices.
func (v *visit) plans() error {
	list, err := v.api.ListPlans(v.ctx())
	if err != nil {
		return err
	}
	return v.show("plans", "Plans", plansView{base: base{v}, Plans: list.Items, Edit: v.r.URL.Query().Get("edit")})
}

// putPlan adds a plan or changes one.
func (v *visit) putPlan() error {
	f := v.posted("plan")
	prices := []client.MoneyInput{}
	for _, text := range listed(f.Value("monthly_prices")) {
		amount, currency, ok := strings.Cut(text, " ")
		if !ok {
			return v.wrong(f, v.plans, "monthly_prices", "write each price as an amount and a currency, such as 2.00 EUR, on a line of its own")
		}
		prices = append(prices, client.MoneyInput{Amount: amount, Currency: transfer.Currency(strings.TrimSpace(currency))})
	}
	name := f.Value("name")
	if name == "" {
		return v.wrong(f, v.plans, "name", "give the plan a name")
	}
	p, err := v.api.PutPlan(v.ctx(), name, client.PlanSettings{CoverageBound: f.Has("coverage_bound", "yes"), MonthlyPrices: &prices})
	if err != nil {
		return v.refused(f, err, v.plans)
	}
	return v.redirect("/plans", "Plan "+p.Name+" is saved.")
}

// Editing returns the plan that is being changed; nil for a new one.
func (p plansView) Editing() *client.Plan {
	for i := range p.Plans {
		if p.Plans[i].Name == p.Edit {
			return &p.Plans[i]
		}
	}
	return nil
}

// Prices writes prices one per line, as the form has them.
func (plansView) Prices(p client.Plan) string {
	var lines []string
	for _, m := range p.MonthlyPrices {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}
