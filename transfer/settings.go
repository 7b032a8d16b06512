package transfer

// Setting is one setting of a SIM, named as its column is.
type Setting struct {
	Name            string
	SelfService     Carry
	SupportAssisted Carry
	Landing         bool // the destination may say, as it accepts, what it shall be
}

// Carry says what a transfer does to a setting.
type Carry string

// Keep leaves the setting as it is; Reset takes it back to its default.
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

// Policy is the one table of what a transfer keeps. Harvest data is not in it:
// it stays with the account that was registered when it was recorded.
func Policy() []Setting {
	return []Setting{
		{"tags", Reset, Keep, true},
		{"expiration", Reset, Keep, false},
		{"termination_protection", Reset, Keep, false}, // ours for SupportAssisted: losing it could cost the SIM
		{"sim_group", Reset, Reset, true},
		{"event_handlers", Reset, Reset, false},
		{"speed_class", Reset, Reset, true}, // ours for SelfService
		{"containers", Keep, Keep, false},   // subscription containers are on the card
		{"imei_lock", Reset, Keep, false},   // ours for SelfService
	}
}
