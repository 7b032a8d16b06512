package storage

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"simtransfer/transfer"
)

// SIMSettings are the settings of a SIM that a transfer keeps or resets, in
// the order of [transfer.Policy]. The names in db and json are those of the
// columns of sims and of the attributes of the type sim_settings. Every
// statement that reads, writes or compares settings renders its column list
// from the policy, so a new setting is added to the policy, to this struct and
// to the schema only.
type SIMSettings struct {
	Tags                  Tags       `db:"tags" json:"tags"`
	Expiration            *time.Time `db:"expiration" json:"expiration"` // nil: none
	TerminationProtection bool       `db:"termination_protection" json:"termination_protection"`
	Group                 *string    `db:"sim_group" json:"sim_group"` // nil: none
	EventHandlers         Strings    `db:"event_handlers" json:"event_handlers"`
	SpeedClass            *string    `db:"speed_class" json:"speed_class"` // nil: the default
	Containers            Strings    `db:"containers" json:"containers"`
	IMEILock              *string    `db:"imei_lock" json:"imei_lock"` // nil: none
}

// settingValues returns the fields in the order of the columns.
func (s SIMSettings) settingValues() []any {
	v := reflect.ValueOf(s)
	values := make([]any, v.NumField())
	for i := range values {
		values[i] = v.Field(i).Interface()
	}
	return values
}

// settingNames lists the columns of a SIM's settings with a prefix such as "s.".
func settingNames(prefix string) string {
	return eachSetting(func(s transfer.Setting) string { return prefix + s.Name })
}

// Tags are names with values, in a jsonb column. Nil is stored as {}.
type Tags map[string]string

// Value implements driver.Valuer.
func (t Tags) Value() (driver.Value, error) {
	if t == nil {
		return "{}", nil
	}
	return jsonValue(t)
}

// Scan implements sql.Scanner.
func (t *Tags) Scan(src any) error { return scanJSON(src, t) }

// Strings is a list of texts in a jsonb column. Nil is stored as [].
type Strings []string

// Value implements driver.Valuer.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		return "[]", nil
	}
	return jsonValue(s)
}

// Scan implements sql.Scanner.
func (s *Strings) Scan(src any) error { return scanJSON(src, s) }

func jsonValue(v any) (driver.Value, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// scanJSON reads a jsonb column that is not null.
func scanJSON(src, into any) error {
	text, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("reading JSON from the database: it is a %T", src)
	}
	return json.Unmarshal(text, into)
}
