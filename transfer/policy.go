package transfer

// Setting is one setting of a SIM. Its name is the name of its column.
type Setting struct {
	Name            string
	SelfService     Carry
	SupportAssisted Carry
	Landing         bool // the destination may choose the value when it accepts
	Shown           bool // the destination sees the source's value, if it is kept, before it owns the SIM
}

// Carry says what a transfer does to a setting.
type Carry string

// Keep leaves the setting unchanged; Reset sets it to its default.
const (
	Keep  Carry = "keep"
	Reset Carry = "reset"
)

// Under returns what a method does to the setting.
func (s Setting) Under(m Method) Carry {
	if m == SelfService {
		return s.SelfService
	}
	return s.SupportAssisted
}

// Policy is the table of a SIM's settings and of what a transfer does to each.
// Package storage renders its SQL from it. Harvest data is not a setting: it
// stays with the account that was registered when it was recorded.
func Policy() []Setting {
	return []Setting{
		{"tags", Reset, Keep, true, false},
		{"expiration", Reset, Keep, false, true},
		{"termination_protection", Reset, Keep, false, true}, // kept by SupportAssisted because losing it could cost the SIM
		{"sim_group", Reset, Reset, true, false},
		{"event_handlers", Reset, Reset, false, false},
		{"speed_class", Reset, Reset, true, false},
		{"containers", Keep, Keep, false, true}, // subscription containers are stored on the card
		{"imei_lock", Reset, Keep, false, false},
	}
}

// Snapshot is what a transfer records of a SIM before and after: the settings of
// the policy, and the plan. The plan is not a setting elsewhere, because it comes
// from the platform's inventory. A transfer keeps it unless the destination lands
// SIMs on another one; see [LandingPlan].
func Snapshot() []Setting {
	return append(Policy(), Setting{"plan", Keep, Keep, true, true})
}
