package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// landingPlanSQL is the plan on which a SIM with a plan lands, as
// transfer.LandingPlan says.
func landingPlanSQL(plan string) string {
	return "coalesce(r.landing ->> 'plan', r.landing -> 'plans' ->> " + plan + ", r.landing ->> 'default_plan', " + plan + ")"
}

// planMappingSQL is the mapping of plans from the account src to the account dst,
// in the form in which a landing profile has it: what
// transfer.PlanMapping.Over makes of the mapping of the two and that of the
// destination. No row if there is neither.
func planMappingSQL() string {
	return `
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'plans', CASE WHEN pair.default_plan IS NULL THEN coalesce(general.plans, '{}') ELSE '{}' END || coalesce(pair.plans, '{}'),
		'default_plan', coalesce(pair.default_plan, general.default_plan))) AS landing
	FROM (SELECT dst.id AS account, src.operator_id AS source) of
	LEFT JOIN plan_mappings pair ON pair.account = of.account AND pair.source = of.source
	LEFT JOIN plan_mappings general ON general.account = of.account AND general.source = ''
	WHERE pair.account IS NOT NULL OR general.account IS NOT NULL`
}

// PlanMapping says on which plans of an account the SIMs of transfers land.
type PlanMapping struct {
	Source    transfer.OperatorID // of the SIMs; empty: any
	UpdatedAt time.Time
	transfer.PlanMapping
}

// planNames are plans by plans, in a jsonb column.
type planNames map[string]string

// Value implements driver.Valuer.
func (n planNames) Value() (driver.Value, error) { return Tags(n).Value() }

// Scan implements sql.Scanner.
func (n *planNames) Scan(src any) error { return scanJSON(src, n) }

// planMappingRow is a row of plan_mappings.
type planMappingRow struct {
	Source    transfer.OperatorID `db:"source"`
	Plans     planNames           `db:"plans"`
	Default   *string             `db:"default_plan"`
	UpdatedAt time.Time           `db:"updated_at"`
}

func (r planMappingRow) mapping() PlanMapping {
	m := PlanMapping{Source: r.Source, UpdatedAt: r.UpdatedAt, PlanMapping: transfer.PlanMapping{Plans: r.Plans}}
	if r.Default != nil {
		m.Default = *r.Default
	}
	return m
}

const planMappingColumns = `source, plans, default_plan, updated_at`

var selectPlanMappings = newStatement(statement{
	name:    "select_plan_mappings",
	does:    "Lists the mappings of plans of an account: first the one for any source, then by source.",
	given:   "@account: its id.",
	returns: "The mappings.",
	text: `
		SELECT ` + planMappingColumns + `
		FROM plan_mappings
		WHERE account = @account
		ORDER BY source`,
})

// PlanMappings lists the mappings of plans of an account: first the one for any
// source, then those for one source, by its operator id.
func (db *DB) PlanMappings(ctx context.Context, account int64) ([]PlanMapping, error) {
	return planMappings(ctx, db, account)
}

func planMappings(ctx context.Context, q querier, account int64) ([]PlanMapping, error) {
	var rows []planMappingRow
	if err := q.list(ctx, &rows, selectPlanMappings, args{"account": account}); err != nil {
		return nil, fmt.Errorf("listing the plan mappings of account %d: %w", account, err)
	}
	list := make([]PlanMapping, len(rows))
	for i, r := range rows {
		list[i] = r.mapping()
	}
	return list, nil
}

var selectPlanMapping = newStatement(statement{
	name:    "select_plan_mapping",
	does:    "Reads a mapping of plans of an account.",
	given:   "@account: its id; @source: an operator id, empty for any source.",
	returns: "The mapping; none if there is none.",
	text: `
		SELECT ` + planMappingColumns + `
		FROM plan_mappings
		WHERE account = @account AND source = @source`,
})

var countPlanMappings = newStatement(statement{
	name:    "count_plan_mappings",
	does:    "Counts the mappings of plans of an account.",
	given:   "@account: its id.",
	returns: "How many there are.",
	text:    `SELECT count(*) FROM plan_mappings WHERE account = @account`,
})

var putPlanMapping = newStatement(statement{
	name:    "put_plan_mapping",
	does:    "Creates a mapping of plans of an account, or replaces it.",
	given:   "@account: its id; @source: an operator id, empty for any source; @plans by plans; @default_plan, or null.",
	locks:   "The caller holds the account.",
	returns: "The mapping.",
	text: `
		INSERT INTO plan_mappings (account, source, plans, default_plan)
		VALUES (@account, @source, @plans, @default_plan)
		ON CONFLICT (account, source) DO UPDATE
		SET plans = excluded.plans, default_plan = excluded.default_plan, updated_at = excluded.updated_at
		RETURNING ` + planMappingColumns,
})

var deletePlanMapping = newStatement(statement{
	name:  "delete_plan_mapping",
	does:  "Deletes a mapping of plans of an account.",
	given: "@account: its id; @source: an operator id, empty for any source.",
	locks: "The caller holds the account.",
	text:  `DELETE FROM plan_mappings WHERE account = @account AND source = @source`,
})

// MappedPlanError means that a mapping names a plan that does not exist, or one to
// map to that the account may not hold.
type MappedPlanError struct {
	From, Plan string // From is empty for the default
	IsFrom     bool   // the plan that is wrong is From
	OperatorID transfer.OperatorID
	Unknown    bool     // there is no such plan
	Choices    []string // the plans that the account may hold
}

func (e *MappedPlanError) Error() string {
	switch {
	case e.IsFrom:
		return fmt.Sprintf("there is no plan %q: give the name of an existing plan", e.From)
	case e.Unknown:
		return fmt.Sprintf("there is no plan %q%s", e.Plan, chooseFrom(e.Choices))
	}
	return fmt.Sprintf("the account %s may not hold the plan %q%s", e.OperatorID, e.Plan, chooseFrom(e.Choices))
}

func chooseFrom(plans []string) string {
	if len(plans) == 0 {
		return ": give the name of an existing plan"
	}
	return ": choose " + transfer.ListPlans(plans)
}

// ErrTooManyMappings is returned for one mapping of an account too many.
var ErrTooManyMappings = fmt.Errorf("an account can have at most %d plan mappings: delete one that is no longer needed", transfer.MaxPlanMappings)

// PutPlanMapping creates a mapping of plans of an account, or replaces it. It
// returns a *MappedPlanError if the mapping names a plan that does not exist or
// that the account may not hold, ErrTooManyMappings, and what condition returns for
// all mappings of the account as they are (nil: no condition). It also returns all
// mappings as they are then.
func (db *DB) PutPlanMapping(ctx context.Context, by Actor, account Account, m PlanMapping, condition func([]PlanMapping) error) (is PlanMapping, all []PlanMapping, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		account, was, err := t.lockPlanMapping(ctx, account, m.Source, condition)
		if err != nil {
			return err
		}
		if err := t.checkMapping(ctx, account, m); err != nil {
			return err
		}
		if was.Empty() {
			var n int
			if err := t.get(ctx, &n, countPlanMappings, args{"account": account.ID}); err != nil {
				return fmt.Errorf("counting the plan mappings of account %s: %w", account.OperatorID, err)
			}
			if n >= transfer.MaxPlanMappings {
				return ErrTooManyMappings
			}
		}
		if was.Default == m.Default && maps.Equal(was.Plans, m.Plans) {
			is = was
			all, err = planMappings(ctx, t, account.ID)
			return err
		}
		var row planMappingRow
		var fallback *string
		if m.Default != "" {
			fallback = &m.Default
		}
		if err := t.get(ctx, &row, putPlanMapping, args{
			"account": account.ID, "source": m.Source, "plans": planNames(m.Plans), "default_plan": fallback,
		}); err != nil {
			return fmt.Errorf("putting a plan mapping of account %s: %w", account.OperatorID, err)
		}
		is = row.mapping()
		if all, err = planMappings(ctx, t, account.ID); err != nil {
			return err
		}
		return t.auditMapping(ctx, by, transfer.AuditPlanMappingPut, account, was, is)
	})
	return is, all, err
}

// DeletePlanMapping deletes a mapping of plans of an account, or returns
// ErrNotFound, or what condition returns, as for PutPlanMapping.
func (db *DB) DeletePlanMapping(ctx context.Context, by Actor, account Account, source transfer.OperatorID, condition func([]PlanMapping) error) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		account, was, err := t.lockPlanMapping(ctx, account, source, condition)
		if err != nil {
			return err
		}
		if was.Empty() {
			return ErrNotFound
		}
		if _, err := t.exec(ctx, deletePlanMapping, args{"account": account.ID, "source": source}); err != nil {
			return fmt.Errorf("deleting a plan mapping of account %s: %w", account.OperatorID, err)
		}
		return t.auditMapping(ctx, by, transfer.AuditPlanMappingDelete, account, was, PlanMapping{Source: source})
	})
}

// lockPlanMapping locks an account, checks a condition on its mappings (nil: none)
// and reads one of them, which is empty if there is none.
func (t *Tx) lockPlanMapping(ctx context.Context, account Account, source transfer.OperatorID, condition func([]PlanMapping) error) (Account, PlanMapping, error) {
	var locked Account
	if err := t.get(ctx, &locked, lockAccount, args{"account": account.OperatorID.Ref()}); err != nil {
		return locked, PlanMapping{}, fmt.Errorf("locking account %s: %w", account.OperatorID, err)
	}
	if condition != nil {
		list, err := planMappings(ctx, t, locked.ID)
		if err == nil {
			err = condition(list)
		}
		if err != nil {
			return locked, PlanMapping{}, err
		}
	}
	var row planMappingRow
	err := t.get(ctx, &row, selectPlanMapping, args{"account": locked.ID, "source": source})
	switch {
	case errors.Is(err, ErrNotFound):
		return locked, PlanMapping{Source: source}, nil
	case err != nil:
		return locked, PlanMapping{}, fmt.Errorf("reading a plan mapping of account %s: %w", account.OperatorID, err)
	}
	return locked, row.mapping(), nil
}

func (t *Tx) auditMapping(ctx context.Context, by Actor, action transfer.AuditAction, account Account, was, is PlanMapping) error {
	c := changes{
		{"plans", namesOrNil(was.Plans), namesOrNil(is.Plans)},
		{"default", textOrNil(was.Default), textOrNil(is.Default)},
	}
	id := string(account.OperatorID)
	if is.Source != "" {
		id = string(is.Source) + " to " + id
	}
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: account.ID, Object: "plan_mapping", ObjectID: id, Before: c.before(), After: c.after(),
	})
}

func namesOrNil(plans map[string]string) any {
	if len(plans) == 0 {
		return nil
	}
	return plans
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

var selectUnknownPlans = newStatement(statement{
	name:    "select_unknown_plans",
	does:    "Finds names of plans that do not exist.",
	given:   "@plans: the names.",
	returns: "Those that do not exist, in alphabetical order.",
	text:    `SELECT ARRAY(SELECT name FROM unnest(@plans::text[]) AS name EXCEPT SELECT name FROM plans ORDER BY name)`,
})

// checkMapping returns a *MappedPlanError if an account cannot have a mapping.
func (t *Tx) checkMapping(ctx context.Context, account Account, m PlanMapping) error {
	named := slices.Sorted(maps.Keys(m.Plans))
	names := append(slices.Collect(maps.Values(m.Plans)), named...)
	if m.Default != "" {
		names = append(names, m.Default)
	}
	var unknown pq.StringArray
	if err := t.get(ctx, &unknown, selectUnknownPlans, args{"plans": pq.Array(names)}); err != nil {
		return fmt.Errorf("looking for the plans of a mapping: %w", err)
	}
	check := func(from, plan string) error {
		missing := slices.Contains(unknown, plan)
		if !missing && (len(account.Plans) == 0 || slices.Contains(account.Plans, plan)) {
			return nil
		}
		return &MappedPlanError{From: from, Plan: plan, OperatorID: account.OperatorID, Unknown: missing, Choices: account.Plans}
	}
	for _, from := range named {
		if slices.Contains(unknown, from) {
			return &MappedPlanError{From: from, IsFrom: true, Unknown: true, OperatorID: account.OperatorID}
		}
		if err := check(from, m.Plans[from]); err != nil {
			return err
		}
	}
	if m.Default == "" {
		return nil
	}
	return check("", m.Default)
}
