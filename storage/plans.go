package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Plan is a tariff of SIMs.
type Plan struct {
	Name          string     `db:"name"`
	CoverageBound bool       `db:"coverage_bound"` // its SIMs cannot move to an account with another coverage
	MonthlyPrices PlanPrices `db:"monthly_prices"`
}

// PlanPrices is what a SIM on a plan costs a month: one price per currency, in
// alphabetical order of the currencies.
type PlanPrices []transfer.Money

// Scan implements sql.Scanner for a JSON array.
func (p *PlanPrices) Scan(src any) error { return scanJSON(src, p) }

// In returns the price in a currency, nil if there is none.
func (p PlanPrices) In(c transfer.Currency) *transfer.Money {
	for _, price := range p {
		if price.Currency == c {
			return &price
		}
	}
	return nil
}

const planColumns = `
	p.name,
	p.coverage_bound,
	coalesce((
		SELECT json_agg(json_build_object('minor', m.monthly, 'currency', m.currency) ORDER BY m.currency)
		FROM plan_prices m
		WHERE m.plan = p.name
	), '[]') AS monthly_prices`

var selectPlans = newStatement(statement{
	name:    "select_plans",
	does:    "Lists plans by name.",
	returns: "Every plan.",
	text: `
SELECT` + planColumns + `
FROM plans p
ORDER BY p.name`,
})

// Plans lists all plans by name.
func (db *DB) Plans(ctx context.Context) ([]Plan, error) {
	list := []Plan{}
	if err := db.list(ctx, &list, selectPlans, args{}); err != nil {
		return nil, fmt.Errorf("listing plans: %w", err)
	}
	return list, nil
}

var selectPlan = newStatement(statement{
	name:    "select_plan",
	does:    "Reads a plan.",
	given:   "@name of the plan.",
	returns: "The plan; none if it does not exist.",
	text: `
SELECT` + planColumns + `
FROM plans p
WHERE p.name = @name`,
})

// Plan returns a plan, or ErrNotFound.
func (db *DB) Plan(ctx context.Context, name string) (Plan, error) { return planBy(ctx, db, name) }

func planBy(ctx context.Context, q querier, name string) (Plan, error) {
	var p Plan
	if err := q.get(ctx, &p, selectPlan, args{"name": name}); err != nil {
		return p, fmt.Errorf("reading plan %q: %w", name, err)
	}
	return p, nil
}

var lockPlan = newStatement(statement{
	name:    "lock_plan",
	does:    "Locks a plan.",
	given:   "@name of the plan.",
	returns: "Its name; none if it does not exist.",
	locks:   "Takes the plan.",
	text:    `SELECT name FROM plans WHERE name = @name FOR NO KEY UPDATE`,
})

var putPlan = newStatement(statement{
	name:  "put_plan",
	does:  "Creates a plan, or changes the one with the same name.",
	given: "@name and @coverage_bound of the plan. Its prices: @currencies, and as many amounts in minor units, @monthly.",
	locks: "The caller holds the plan if it exists.",
	text: `
WITH made AS (
	INSERT INTO plans (name, coverage_bound)
	VALUES (@name, @coverage_bound)
	ON CONFLICT (name) DO UPDATE
	SET coverage_bound = excluded.coverage_bound
), removed AS (
	DELETE FROM plan_prices
	WHERE plan = @name AND currency <> ALL (@currencies::text[])
)
INSERT INTO plan_prices (plan, currency, monthly)
SELECT @name, u.currency, u.monthly
FROM unnest(@currencies::text[], @monthly::bigint[]) AS u (currency, monthly)
ON CONFLICT (plan, currency) DO UPDATE
SET monthly = excluded.monthly`,
})

// PutPlan creates a plan, or changes the one with the same name, and returns it.
// Prices that are nil stay as they are. Before, it calls condition with the plan
// as it is, nil if there is none; if condition returns an error, nothing is
// changed.
func (db *DB) PutPlan(ctx context.Context, by Actor, p Plan, condition func(was *Plan) error) (Plan, error) {
	put := p
	return put, db.InRetriedTx(ctx, func(t *Tx) error {
		put = p
		existing, err := t.lockedPlan(ctx, p.Name)
		if err != nil {
			return err
		}
		if err := condition(existing); err != nil {
			return err
		}
		c := changes{{"coverage_bound", nil, p.CoverageBound}, {"monthly_prices", PlanPrices{}, p.MonthlyPrices}}
		if existing != nil {
			c[0].was, c[1].was = existing.CoverageBound, existing.MonthlyPrices
		}
		if p.MonthlyPrices == nil {
			put.MonthlyPrices, _ = c[1].was.(PlanPrices)
			c[1].is = c[1].was
		}
		if c.none() {
			return nil
		}
		currencies, monthly := make([]string, len(put.MonthlyPrices)), make([]int64, len(put.MonthlyPrices))
		for i, price := range put.MonthlyPrices {
			currencies[i], monthly[i] = string(price.Currency), price.Minor
		}
		if _, err := t.exec(ctx, putPlan, args{
			"name": p.Name, "coverage_bound": p.CoverageBound, "currencies": pq.Array(currencies), "monthly": pq.Array(monthly),
		}); err != nil {
			return fmt.Errorf("putting plan %q: %w", p.Name, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPlanPut, Object: "plan", ObjectID: p.Name, Before: c.before(), After: c.after(),
		})
	})
}

// lockedPlan locks a plan and returns it, nil if there is none.
func (t *Tx) lockedPlan(ctx context.Context, name string) (*Plan, error) {
	var locked string
	switch err := t.get(ctx, &locked, lockPlan, args{"name": name}); {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("locking plan %q: %w", name, err)
	}
	p, err := planBy(ctx, t, name) // a later statement sees what was committed before the lock was granted
	return &p, err
}
