package storage

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"simtransfer/transfer"
)

// Landing is a landing profile: settings that SIMs get from the destination as
// they arrive. Empty fields leave a setting as the policy of the transfer's
// method has it.
type Landing struct {
	Group      string            `json:"sim_group,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // added to the tags that the SIM keeps
	SpeedClass string            `json:"speed_class,omitempty"`
	Plan       string            `json:"plan,omitempty"`

	// Of an accepted request without a Plan: the mapping that was in force.
	Plans       map[string]string `json:"plans,omitempty"`
	DefaultPlan string            `json:"default_plan,omitempty"`
}

// PlanMapping returns the mapping of plans that was in force when the request was
// accepted.
func (l Landing) PlanMapping() transfer.PlanMapping {
	return transfer.PlanMapping{Plans: l.Plans, Default: l.DefaultPlan}
}

// Value implements driver.Valuer for a jsonb column; nil is null.
func (l *Landing) Value() (driver.Value, error) {
	if l == nil {
		return nil, nil
	}
	return jsonValue(l)
}

// Scan implements sql.Scanner for a jsonb column.
func (l *Landing) Scan(src any) error { return scanJSON(src, l) }

// orNil returns a landing profile of an account for an audit entry, with the names of
// the API: nil for nothing.
func (l *Landing) orNil() any {
	if l == nil {
		return nil
	}
	fields := map[string]any{}
	for name, value := range map[string]string{"group": l.Group, "speed_class": l.SpeedClass} {
		if value != "" {
			fields[name] = value
		}
	}
	if len(l.Tags) > 0 {
		fields["tags"] = l.Tags
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// LandingPlanError means that SIMs cannot land on the plan that a destination
// chose when it accepted.
type LandingPlanError struct {
	Plan    string
	Unknown bool     // there is no such plan
	Bound   bool     // it is bound to a coverage, and the accounts have different ones
	Choices []string // the plans that the destination can choose; empty: any other one
}

func (e *LandingPlanError) Error() string {
	var why string
	switch {
	case e.Unknown:
		why = fmt.Sprintf("there is no plan %q", e.Plan)
	case e.Bound:
		why = fmt.Sprintf("the plan %q is bound to a coverage, and the source has another coverage than the destination", e.Plan)
	default:
		why = fmt.Sprintf("the destination may not hold the plan %q", e.Plan)
	}
	if len(e.Choices) == 0 {
		return why + ": choose another plan, or leave it out"
	}
	return strings.TrimSpace(why + chooseFrom(e.Choices) + ", or leave it out")
}

var selectLandingPlan = newStatement(statement{
	name:    "select_landing_plan",
	does:    "Reports whether SIMs of a source can land on a plan at a destination.",
	given:   "@plan: its name; @source and @destination: ids of accounts.",
	returns: "Whether there is no such plan (unknown), the destination may not hold it (barred), or it is bound to a coverage that differs (bound).",
	text: `
		SELECT
			NOT EXISTS (SELECT 1 FROM plans WHERE name = @plan) AS unknown,
			coalesce(@plan <> ALL (nullif(dst.plans, '{}')), false) AS barred,
			src.coverage <> dst.coverage AND EXISTS (SELECT 1 FROM plans WHERE name = @plan AND coverage_bound) AS bound
		FROM accounts src
		CROSS JOIN accounts dst
		WHERE src.id = @source AND dst.id = @destination`,
})

// checkLandingPlan returns a *LandingPlanError if the SIMs of a request cannot land
// on a plan.
func (t *Tx) checkLandingPlan(ctx context.Context, r Request, plan string) error {
	var p struct {
		Unknown bool `db:"unknown"`
		Barred  bool `db:"barred"`
		Bound   bool `db:"bound"`
	}
	if err := t.get(ctx, &p, selectLandingPlan, args{"plan": plan, "source": r.Source, "destination": r.Destination}); err != nil {
		return fmt.Errorf("reading plan %q: %w", plan, err)
	}
	if !p.Unknown && !p.Barred && !p.Bound {
		return nil
	}
	choices, err := t.PlanChoices(ctx, r.SourceOperator, r.DestinationOperator)
	if err != nil {
		return err
	}
	return &LandingPlanError{Plan: plan, Unknown: p.Unknown, Bound: p.Bound && !p.Barred, Choices: choices.Destination}
}

// PlanChoices are the plans that SIMs can land on at a destination that may hold
// some plans only.
type PlanChoices struct {
	Destination []string // in alphabetical order; empty: the destination may hold any plan
	Source      []string // those of them that the source may hold, too: SIMs can change to them before the transfer
}

var selectPlanChoices = newStatement(statement{
	name:    "select_plan_choices",
	does:    "Lists the plans on which SIMs of a source can land at a destination that may hold some plans only.",
	given:   "@source and @destination: operator ids of accounts.",
	returns: "The plans, and for each whether the source may hold it, too. None if the destination may hold any plan.",
	text: `
		SELECT p.name, coalesce(p.name = ANY (nullif(src.plans, '{}')), true) AS for_source
		FROM accounts src
		CROSS JOIN accounts dst
		JOIN plans p ON p.name = ANY (dst.plans)
		WHERE src.operator_id = @source
		  AND dst.operator_id = @destination
		  AND NOT (p.coverage_bound AND src.coverage <> dst.coverage)
		ORDER BY p.name`,
})

// PlanChoices lists the plans on which SIMs of a source can land at a destination.
func (db *DB) PlanChoices(ctx context.Context, source, destination transfer.OperatorID) (PlanChoices, error) {
	return planChoices(ctx, db, source, destination)
}

// PlanChoices is DB.PlanChoices in the transaction.
func (t *Tx) PlanChoices(ctx context.Context, source, destination transfer.OperatorID) (PlanChoices, error) {
	return planChoices(ctx, t, source, destination)
}

func planChoices(ctx context.Context, q querier, source, destination transfer.OperatorID) (PlanChoices, error) {
	var rows []struct {
		Name      string `db:"name"`
		ForSource bool   `db:"for_source"`
	}
	var c PlanChoices
	if err := q.list(ctx, &rows, selectPlanChoices, args{"source": source, "destination": destination}); err != nil {
		return c, fmt.Errorf("listing the plans for SIMs from account %s to account %s: %w", source, destination, err)
	}
	for _, r := range rows {
		c.Destination = append(c.Destination, r.Name)
		if r.ForSource {
			c.Source = append(c.Source, r.Name)
		}
	}
	return c, nil
}
