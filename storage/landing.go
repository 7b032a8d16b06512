package storage

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// Landing is what the destination wants of the SIMs as they arrive. Empty
// fields leave a setting as the policy has it.
type Landing struct {
	Group      string            `json:"sim_group,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // added to those that are kept
	SpeedClass string            `json:"speed_class,omitempty"`
}

// Value writes a landing profile to a jsonb column.
func (l *Landing) Value() (driver.Value, error) {
	if l == nil {
		return nil, nil
	}
	b, err := json.Marshal(l)
	return string(b), err
}

// Scan reads a landing profile from a jsonb column.
func (l *Landing) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("reading a landing profile: it is a %T", src)
	}
	return json.Unmarshal(b, l)
}
