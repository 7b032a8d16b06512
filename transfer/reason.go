package transfer

// Reason is why a SIM was not transferred.
type Reason string

// The reasons. SIMNotFound also stands for a SIM of another account, so that
// accounts cannot find out which SIMs others have.
const (
	SIMNotFound         Reason = "sim_not_found"
	SIMTerminated       Reason = "sim_terminated"
	AlreadyTransferring Reason = "already_transferring"
	NeedsSupport        Reason = "needs_support"
	PlanNotTransferable Reason = "plan_not_transferable"
	PlanNotAvailable    Reason = "plan_not_available"
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
		SIMNotFound, SIMTerminated, AlreadyTransferring, NeedsSupport, PlanNotTransferable, PlanNotAvailable, SIMLocked,
		StatusChanged, OwnerChanged, AccountClosed, SessionNotDropped, InternalError,
	}
}

// Remedy returns what people can do about the reason, or "" for no reason.
func (r Reason) Remedy() string {
	switch r {
	case SIMNotFound:
		return "Check the identifier against the source account's list of SIMs; try an ICCID with and without its last digit, the check digit. A SIM of another account can only be transferred by that account."
	case SIMTerminated:
		return "Leave this SIM out: a terminated SIM cannot be transferred."
	case AlreadyTransferring:
		return "Another open request, or another line of this one, already includes this SIM. Wait until that transfer ends, or cancel the SIM there."
	case NeedsSupport:
		return "The SIM is no longer ready, so support has to approve its transfer. Create a request that is not limited to self-service."
	case PlanNotTransferable:
		return "The plan on which the SIM would land cannot move to an account with a different coverage. Change the plan first, ask the destination to map it to another plan, or choose a destination with the same coverage."
	case PlanNotAvailable:
		return "The destination may not hold the plan on which the SIM would land. Ask the destination to map the SIM's plan to one that it may hold, or support to allow the plan for the destination, then retry; or change the SIM's plan first."
	case SIMLocked:
		return "The owner has locked this SIM against transfers. Remove the transfer lock, then retry."
	case StatusChanged:
		return "The SIM's status changed after the request was validated. Retry to have the SIM validated with its current status."
	case OwnerChanged:
		return "The SIM no longer belongs to the source account. Its current owner has to create the request."
	case AccountClosed:
		return "The source or destination account is closed. Ask support to reopen it, then retry."
	case SessionNotDropped:
		return "The gateway did not end the SIM's data session. Take the device offline or have the gateway checked, then retry."
	case InternalError:
		return "An internal error stopped the transfer of this SIM; nothing was changed. Retry, and contact support if it fails again."
	}
	return ""
}

// PowerCycleAdvice is shown with every transfer that dropped a data session.
const PowerCycleAdvice = "The SIM's data session was dropped. The device may need a power cycle to come back online."

// PlanRemedy is the remedy for PlanNotAvailable in the words for a party of the
// request, with the plans that it can choose from, if there are any.
func PlanRemedy(by Party, choices []string) string {
	text := PlanNotAvailable.Remedy()
	if by == PartyDestination {
		text = "Your account may not hold the plan on which the SIM would land. Map the SIM's plan to one that your account may hold, or ask support to allow the plan for it; then ask the source to retry."
	}
	if len(choices) == 0 {
		return text
	}
	return text + " Plans to choose from: " + ListPlans(choices) + "."
}
