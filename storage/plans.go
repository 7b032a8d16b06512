package storage

import (
	"context"
	"errors"
	"fmt"

	"simtransfer/transfer"
)

// Plan is a tariff of SIMs.
type Plan struct {
	Name          string `db:"name"`
	CoverageBound bool   `db:"coverage_bound"` // its SIMs cannot move to an account with another coverage
}

var selectPlans = newStatement(statement{
	name:    "select_plans",
	does:    "Lists plans by name.",
	returns: "Every plan.",
	text:    `SELECT name, coverage_bound FROM plans ORDER BY name`,
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
	text:    `SELECT name, coverage_bound FROM plans WHERE name = @name`,
})

// Plan returns a plan, or ErrNotFound.
func (db *DB) Plan(ctx context.Context, name string) (Plan, error) {
	var p Plan
	if err := db.get(ctx, &p, selectPlan, args{"name": name}); err != nil {
		return p, fmt.Errorf("reading plan %q: %w", name, err)
	}
	return p, nil
}

var lockPlan = newStatement(statement{
	name:    "lock_plan",
	does:    "Locks a plan.",
	given:   "@name of the plan.",
	returns: "The plan; none if it does not exist.",
	locks:   "Takes the plan.",
	text:    `SELECT name, coverage_bound FROM plans WHERE name = @name FOR NO KEY UPDATE`,
})

var putPlan = newStatement(statement{
	name:  "put_plan",
	does:  "Creates a plan, or changes the one with the same name.",
	given: "@name and @coverage_bound of the plan.",
	text: `
		INSERT INTO plans (name, coverage_bound)
		VALUES (@name, @coverage_bound)
		ON CONFLICT (name) DO UPDATE
		SET coverage_bound = excluded.coverage_bound`,
})

// PutPlan creates a plan, or changes the one with the same name. Before, it calls
// condition with the plan as it is, nil if there is none; if condition returns an
// error, nothing is changed.
func (db *DB) PutPlan(ctx context.Context, by Actor, p Plan, condition func(was *Plan) error) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		c := changes{{"coverage_bound", nil, p.CoverageBound}}
		var was Plan
		var existing *Plan
		switch err := t.get(ctx, &was, lockPlan, args{"name": p.Name}); {
		case err == nil:
			existing = &was
			c[0].was = was.CoverageBound
		case !errors.Is(err, ErrNotFound):
			return fmt.Errorf("locking plan %q: %w", p.Name, err)
		}
		if err := condition(existing); err != nil {
			return err
		}
		if c.none() {
			return nil
		}
		if _, err := t.exec(ctx, putPlan, args{"name": p.Name, "coverage_bound": p.CoverageBound}); err != nil {
			return fmt.Errorf("putting plan %q: %w", p.Name, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: by, Action: transfer.AuditPlanPut, Object: "plan", ObjectID: p.Name, Before: c.before(), After: c.after(),
		})
	})
}
