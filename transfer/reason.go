package transfer

// Reason says why a SIM was not transferred.
type Reason string

// The reasons. SIMNotFound also stands for a SIM of somebody else: which of
// the two is never told.
const (
	SIMNotFound         Reason = "sim_not_found"
	SIMTerminated       Reason = "sim_terminated"
	AlreadyTransferring Reason = "already_transferring"
	NeedsSupport        Reason = "needs_support"
	PlanNotTransferable Reason = "plan_not_transferable"
	SIMLocked           Reason = "sim_locked"
	StatusChanged       Reason = "status_changed"
	OwnerChanged        Reason = "owner_changed"
	AccountClosed       Reason = "account_closed"
	SessionNotDropped   Reason = "session_not_dropped"
	InternalError       Reason = "internal_error"
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{
		SIMNotFound, SIMTerminated, AlreadyTransferring, NeedsSupport, PlanNotTransferable, SIMLocked,
		StatusChanged, OwnerChanged, AccountClosed, SessionNotDropped, InternalError,
	}
}

// Remedy says in words what to do about a reason; it is empty for no reason.
func (r Reason) Remedy() string {
	switch r {
	case SIMNotFound:
		return "Check the identifier against the list of the source account's SIMs; a SIM of another account has to be transferred by that account."
	case SIMTerminated:
		return "A terminated SIM can never be transferred; leave it out."
	case AlreadyTransferring:
		return "Another open request, or another line of this one, holds this SIM; wait until that one ends, or cancel the SIM there."
	case NeedsSupport:
		return "The SIM is no longer ready, so support has to approve its transfer; ask again without allowing self-service alone."
	case PlanNotTransferable:
		return "The SIM's plan cannot move to an account of another coverage; change its plan first, or choose a destination of the same coverage."
	case SIMLocked:
		return "The owner has put a transfer lock on the SIM; take the lock off and ask again."
	case StatusChanged:
		return "The SIM's status changed after the request was validated; ask again, and it will be validated as it is now."
	case OwnerChanged:
		return "The SIM no longer belongs to the source account; its present owner has to ask."
	case AccountClosed:
		return "The source or destination account is closed; ask support to open it, then ask again."
	case SessionNotDropped:
		return "The gateway did not end the SIM's data session; take the device offline, or have the gateway checked, and ask again."
	case InternalError:
		return "The transfer of this SIM failed on our side and changed nothing; ask again, and tell support if it fails again."
	}
	return ""
}

// PowerCycleAdvice accompanies every transfer that dropped a data session.
const PowerCycleAdvice = "The SIM's data session was dropped; its device may need a power cycle to come online again."
