package storage

import (
	"database/sql/driver"

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
