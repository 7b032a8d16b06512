package transfer

import "slices"

// State is the state of one SIM's transfer inside a request.
type State string

// The states of a transfer. A transfer is open, and holds the claim on its SIM,
// exactly while it is eligible.
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

// Final reports whether the state is a final one. A transfer leaves a final state
// only if the end of its whole request is taken back.
func (s State) Final() bool { return s != Pending && s != Eligible }

// CanBecome reports whether a transfer may change from s to another state.
func (s State) CanBecome(to State) bool {
	switch s {
	case Pending:
		return slices.Contains([]State{Eligible, Ineligible, Canceled}, to)
	case Eligible:
		return slices.Contains([]State{Completed, Failed, Canceled, Declined, Denied, Expired}, to)
	case Canceled, Declined, Denied: // the end of the request was taken back
		return to == Eligible
	case Completed, Ineligible, Failed, Expired:
	}
	return false
}

// Released returns the state that open transfers get when their request reaches
// the final state s: the SIMs of a declined request become declined, and so on.
// It returns false for states that do not close open transfers.
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
	case Validating, InReview, AwaitingAcceptance, Scheduled, Transferring, RequestCompleted, RequestRejected:
	}
	return "", false
}
