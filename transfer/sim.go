package transfer

import "slices"

// State is the state of one SIM's transfer inside a request.
type State string

// The states of a transfer. It is open, and holds the claim on its SIM, while
// it is eligible and only then.
const (
	Pending    State = "pending"
	Eligible   State = "eligible"
	Completed  State = "completed"
	Ineligible State = "ineligible"
	Failed     State = "failed"
	Canceled   State = "canceled"
	Declined   State = "declined"
	Denied     State = "denied"
	Expired    State = "expired"
)

// States lists every state of a transfer.
func States() []State {
	return []State{Pending, Eligible, Completed, Ineligible, Failed, Canceled, Declined, Denied, Expired}
}

// Final reports whether a transfer in this state is over.
func (s State) Final() bool { return s != Pending && s != Eligible }

// CanBecome reports whether a transfer may go from one state to another.
func (s State) CanBecome(to State) bool {
	switch s {
	case Pending:
		return slices.Contains([]State{Eligible, Ineligible, Canceled}, to)
	case Eligible:
		return slices.Contains([]State{Completed, Failed, Canceled, Declined, Denied, Expired}, to)
	case Completed, Ineligible, Failed, Canceled, Declined, Denied, Expired:
	}
	return false
}

// Released returns the outcome of the transfers that a request's final state
// releases: the SIMs of a declined request are declined, and so on. It is
// false for a state that releases nothing.
func (s RequestState) Released() (State, bool) {
	switch s {
	case RequestCanceled:
		return Canceled, true
	case RequestDeclined:
		return Declined, true
	case RequestDenied:
		return Denied, true
	case RequestExpired:
		return Expired, true
	case Validating, InReview, AwaitingAcceptance, Transferring, RequestCompleted, RequestRejected:
	}
	return "", false
}
