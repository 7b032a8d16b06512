package transfer

// Status is the status of a SIM.
type Status string

// The statuses. A transfer does not change the status.
const (
	Ready      Status = "ready"
	Active     Status = "active"
	Inactive   Status = "inactive"
	Standby    Status = "standby"
	Suspended  Status = "suspended"
	Terminated Status = "terminated"
)

// Statuses lists every status.
func Statuses() []Status {
	return []Status{Ready, Active, Inactive, Standby, Suspended, Terminated}
}

// Method is how a SIM is transferred.
type Method string

// The methods. SelfService is free. SupportAssisted requires approval by
// support and costs a fee.
const (
	SelfService     Method = "self_service"
	SupportAssisted Method = "support_assisted"
)

// Methods lists both methods.
func Methods() []Method { return []Method{SelfService, SupportAssisted} }

// Method returns the method for a SIM with this status. It returns false for a
// terminated SIM, which cannot be transferred, and for an unknown status.
func (s Status) Method() (Method, bool) {
	switch s {
	case Ready:
		return SelfService, true
	case Active, Inactive, Standby, Suspended:
		return SupportAssisted, true
	case Terminated:
	}
	return "", false
}
