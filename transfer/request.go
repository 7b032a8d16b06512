package transfer

import (
	"fmt"
	"slices"
	"strings"
)

// RequestState is the state of a transfer request.
type RequestState string

// The states of a request. See the picture above requestTransitions.
const (
	Validating         RequestState = "validating"
	InReview           RequestState = "in_review"
	AwaitingAcceptance RequestState = "awaiting_acceptance"
	Transferring       RequestState = "transferring"
	RequestCompleted   RequestState = "completed"
	RequestRejected    RequestState = "rejected"
	RequestCanceled    RequestState = "canceled"
	RequestDeclined    RequestState = "declined"
	RequestDenied      RequestState = "denied"
	RequestExpired     RequestState = "expired"
)

// RequestStates lists every state of a request.
func RequestStates() []RequestState {
	return []RequestState{
		Validating, InReview, AwaitingAcceptance, Transferring,
		RequestCompleted, RequestRejected, RequestCanceled, RequestDeclined, RequestDenied, RequestExpired,
	}
}

// Final reports whether no event leads out of the state.
func (s RequestState) Final() bool {
	return !slices.ContainsFunc(requestTransitions, func(t transition) bool { return t.from == s })
}

// Event is something that happens to a request.
type Event string

// The events. The first three are the system's own, reported when the last
// chunk of validation is through; Finish is the end of the last execution.
const (
	Reject  Event = "reject"
	Review  Event = "review"
	Offer   Event = "offer"
	Approve Event = "approve"
	Deny    Event = "deny"
	Accept  Event = "accept"
	Decline Event = "decline"
	Cancel  Event = "cancel"
	Expire  Event = "expire"
	Finish  Event = "finish"
)

// Events lists every event.
func Events() []Event {
	return []Event{Reject, Review, Offer, Approve, Deny, Accept, Decline, Cancel, Expire, Finish}
}

// Party is who causes an event, seen from the request.
type Party string

// The parties. Support and administrators act as PartySupport; a worker or the
// scheduler as PartySystem.
const (
	PartySource      Party = "source"
	PartyDestination Party = "destination"
	PartySupport     Party = "support"
	PartySystem      Party = "system"
)

// Parties lists every party.
func Parties() []Party {
	return []Party{PartySource, PartyDestination, PartySupport, PartySystem}
}

type transition struct {
	from  RequestState
	event Event
	to    RequestState
	by    []Party
}

// The one table of what may happen to a request and who may cause it:
//
//	validating ──► in_review ──approve──► awaiting_acceptance ──accept──► transferring ──► completed
//	    │              │ deny                │ decline │ cancel │ expire
//	    │              ▼                     ▼         ▼        ▼
//	    │            denied               declined  canceled  expired
//	    ├── (no SIM needs support) ──► awaiting_acceptance
//	    └── (no SIM is eligible) ────► rejected
var requestTransitions = []transition{ //nolint:gochecknoglobals // a constant table; Go has no constant slices
	{Validating, Reject, RequestRejected, []Party{PartySystem}},
	{Validating, Review, InReview, []Party{PartySystem}},
	{Validating, Offer, AwaitingAcceptance, []Party{PartySystem}},
	{Validating, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{InReview, Approve, AwaitingAcceptance, []Party{PartySupport}},
	{InReview, Deny, RequestDenied, []Party{PartySupport}},
	{InReview, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{InReview, Expire, RequestExpired, []Party{PartySystem}},
	{AwaitingAcceptance, Accept, Transferring, []Party{PartyDestination}},
	{AwaitingAcceptance, Decline, RequestDeclined, []Party{PartyDestination}},
	{AwaitingAcceptance, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{AwaitingAcceptance, Expire, RequestExpired, []Party{PartySystem}},
	{Transferring, Finish, RequestCompleted, []Party{PartySystem}},
}

// StateError says that a request is not in a state that allows an event.
type StateError struct {
	State RequestState // the state under the lock, when the event was refused
	Event Event
}

func (e *StateError) Error() string {
	var from []string
	for _, t := range requestTransitions {
		if t.event == e.Event {
			from = append(from, string(t.from))
		}
	}
	return fmt.Sprintf("the request is %s; %s needs it to be %s", e.State, e.Event, strings.Join(from, " or "))
}

// PartyError says that somebody may not cause an event at all.
type PartyError struct {
	Party Party
	Event Event
}

func (e *PartyError) Error() string {
	return fmt.Sprintf("the %s of a request may not %s it", e.Party, e.Event)
}

// ExpiredError says that an accept or approval came at or after the expiry,
// whether or not the sweep has been by.
type ExpiredError struct{ Event Event }

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the request has expired: it is too late to %s it", e.Event)
}

// Next returns the state an event leads to. The error is a *PartyError when
// nobody of that party may ever cause the event, else a *StateError.
func Next(s RequestState, e Event, by Party) (RequestState, error) {
	allowed := false
	for _, t := range requestTransitions {
		if t.event != e || !slices.Contains(t.by, by) {
			continue
		}
		allowed = true
		if t.from == s {
			return t.to, nil
		}
	}
	if !allowed {
		return s, &PartyError{by, e}
	}
	return s, &StateError{s, e}
}

// Gate returns the event that ends validation, from what it found: the numbers
// of eligible SIMs, of those among them that need support, and of SIMs that the
// source withdrew while validation ran.
func Gate(eligible, support, withdrawn int) Event {
	switch {
	case eligible == 0 && withdrawn > 0:
		return Cancel
	case eligible == 0:
		return Reject
	case support > 0:
		return Review
	default:
		return Offer
	}
}
