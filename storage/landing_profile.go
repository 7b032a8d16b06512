package storage

import "database/sql/driver"

// Landing is a landing profile: settings that SIMs get from the destination as
// they arrive. Empty fields leave a setting as the policy of the transfer's
// method has it.
type Landing struct {
	Group      string            `json:"sim_group,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // added to the tags that the SIM keeps
	SpeedClass string            `json:"speed_class,omitempty"`
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
