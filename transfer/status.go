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

// StatusActor is who changes the status of a SIM.
type StatusActor string

// The actors. ByNetwork is the start of a data session. The account that owns a
// SIM does not set its status. ByCorrection is an administrator who undoes a
// mistake, in a call of its own and with a reason. BySwap is the replacement of a
// card by a new one, and ByRetirement the removal of a SIM that was imported by
// mistake.
const (
	ByAccount    StatusActor = "account"
	BySupport    StatusActor = "support"
	ByAdmin      StatusActor = "admin"
	ByNetwork    StatusActor = "network"
	ByCorrection StatusActor = "correction"
	BySwap       StatusActor = "swap"
	ByRetirement StatusActor = "retirement"
)

// StatusActors lists every actor.
func StatusActors() []StatusActor {
	return []StatusActor{ByAccount, BySupport, ByAdmin, ByNetwork, ByCorrection, BySwap, ByRetirement}
}

// mayChangeStatus is the table of who may change a SIM from one status to
// another:
//
//	actor           from                  to
//	account         –                     –
//	support, admin  any but terminated    any but ready
//	network         ready                 active
//	correction      any                   any
//	swap            any but terminated    terminated (the old card)
//	swap            ready                 any but terminated (the new card)
//	retirement      any                   terminated
//
// Only a correction changes a terminated SIM, or sets a SIM back to ready,
// because a ready SIM is transferred free of charge and without approval.
//
// Termination protection keeps a SIM from being terminated by anyone, with one
// exception: a swap terminates the old card, because its numbers and the
// protection itself move to the new one.
func mayChangeStatus(by StatusActor, from, to Status) bool {
	switch by {
	case BySupport, ByAdmin:
		return from != Terminated && to != Ready
	case ByNetwork:
		return from == Ready && to == Active
	case ByCorrection:
		return true
	case BySwap:
		return from != Terminated && to == Terminated || from == Ready && to != Terminated
	case ByRetirement:
		return to == Terminated
	case ByAccount:
	}
	return false
}

// StatusError means that a status cannot be changed to another one.
type StatusError struct {
	From, To  Status // To is empty if a terminated SIM would get an identifier
	By        StatusActor
	Protected bool // the change is refused because of the SIM's termination protection
}

func (e *StatusError) Error() string {
	change := string(e.From) + " to " + string(e.To)
	switch {
	case e.Protected:
		return "the SIM has termination protection: its owner has to switch it off before the SIM can be terminated"
	case e.From == Terminated && e.To == "":
		return "the SIM is terminated: it gets no numbers and no IMSIs"
	case e.By == BySwap && e.From == Terminated:
		return "the SIM is terminated: a terminated SIM cannot be replaced by a new card"
	case e.By == BySwap:
		return "the new card is " + string(e.From) + ": only a ready card can replace another one"
	case e.By == ByAccount:
		return "the account that owns a SIM cannot set its status"
	case e.From == Terminated:
		return "the status cannot change from " + change + ": terminated is final, and only an administrator can correct it, with a reason"
	case e.To == Ready:
		return "the status cannot change from " + change + ": a SIM that has been used does not become ready again, and only an administrator can correct it, with a reason"
	}
	return "the status cannot change from " + change
}

// ChangeStatus returns nil if the actor may change the status of a SIM, or if
// the status stays the same. Protected is whether the SIM has termination
// protection, which only a swap overrides. Otherwise the error is a *StatusError.
func ChangeStatus(by StatusActor, from, to Status, protected bool) error {
	switch {
	case from == to:
		return nil
	case !mayChangeStatus(by, from, to):
		return &StatusError{From: from, To: to, By: by}
	case to == Terminated && protected && by != BySwap:
		return &StatusError{From: from, To: to, By: by, Protected: true}
	}
	return nil
}
