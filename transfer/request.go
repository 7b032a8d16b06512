package transfer

import (
	"fmt"
	"slices"
	"strings"
)

// RequestState is the state of a transfer request.
type RequestState string

// The states of a request. See the diagram above requestTransitions.
const (
	Validating         RequestState = "validating"
	InReview           RequestState = "in_review"
	AwaitingAcceptance RequestState = "awaiting_acceptance"
	Scheduled          RequestState = "scheduled"
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
		Validating, InReview, AwaitingAcceptance, Scheduled, Transferring,
		RequestCompleted, RequestRejected, RequestCanceled, RequestDeclined, RequestDenied, RequestExpired,
	}
}

// Final reports whether the state is a final one: no event leads out of it,
// except that the party that ended the request may take that back.
func (s RequestState) Final() bool {
	return !slices.ContainsFunc(requestTransitions, func(t transition) bool { return t.from == s && t.event != TakeBack })
}

// Allows reports whether an event can happen in the state.
func (s RequestState) Allows(e Event) bool {
	return slices.ContainsFunc(requestTransitions, func(t transition) bool { return t.from == s && t.event == e })
}

// Event is something that changes the state of a request.
type Event string

// The events. Reject, Review and Offer happen when the last chunk of a request
// has been validated, Finish when its last chunk has been executed. Schedule is
// an acceptance that names a window in which the request is executed, and Start
// happens when the window begins.
const (
	Reject   Event = "reject"
	Review   Event = "review"
	Offer    Event = "offer"
	Approve  Event = "approve"
	Deny     Event = "deny"
	Accept   Event = "accept"
	Schedule Event = "schedule"
	Start    Event = "start"
	Decline  Event = "decline"
	Cancel   Event = "cancel"
	Extend   Event = "extend"
	Expire   Event = "expire"
	TakeBack Event = "take_back"
	Finish   Event = "finish"
)

// Events lists every event.
func Events() []Event {
	return []Event{Reject, Review, Offer, Approve, Deny, Accept, Schedule, Start, Decline, Cancel, Extend, Expire, TakeBack, Finish}
}

// Party is the role in which a caller causes an event.
type Party string

// The parties. Support and administrators act as PartySupport, workers and the
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

// stateBefore stands for the state that a request had before it was ended.
const stateBefore = ""

// requestTransitions lists what may happen to a request, and who may cause it:
//
//	validating ──► in_review ──approve──► awaiting_acceptance ──accept──► transferring ──► completed
//	    │              │ deny                │ decline │ cancel │ expire      ▲
//	    │              ▼                     ▼         ▼        ▼             │ start
//	    │            denied               declined  canceled  expired         │
//	    │                                    ▲         ▲        ▲             │
//	    │        awaiting_acceptance         │ decline │ cancel │ expire      │
//	    │            └──accept with a window──► scheduled ────────────────────┘
//	    ├── (no SIM needs support) ──► awaiting_acceptance
//	    └── (no SIM is eligible) ────► rejected
//
// Extend changes no state. TakeBack brings a request that was canceled, declined
// or denied back to the state that it had; see [End.TakeBack].
var requestTransitions = []transition{ //nolint:gochecknoglobals // a constant table; Go has no constant slices
	{Validating, Reject, RequestRejected, []Party{PartySystem}},
	{Validating, Review, InReview, []Party{PartySystem}},
	{Validating, Offer, AwaitingAcceptance, []Party{PartySystem}},
	{Validating, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{InReview, Approve, AwaitingAcceptance, []Party{PartySupport}},
	{InReview, Deny, RequestDenied, []Party{PartySupport}},
	{InReview, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{InReview, Extend, InReview, []Party{PartySource, PartySupport}},
	{InReview, Expire, RequestExpired, []Party{PartySystem}},
	{AwaitingAcceptance, Accept, Transferring, []Party{PartyDestination}},
	{AwaitingAcceptance, Schedule, Scheduled, []Party{PartyDestination}},
	{AwaitingAcceptance, Decline, RequestDeclined, []Party{PartyDestination}},
	{AwaitingAcceptance, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{AwaitingAcceptance, Extend, AwaitingAcceptance, []Party{PartySource, PartySupport}},
	{AwaitingAcceptance, Expire, RequestExpired, []Party{PartySystem}},
	{Scheduled, Start, Transferring, []Party{PartySystem}},
	{Scheduled, Decline, RequestDeclined, []Party{PartyDestination}},
	{Scheduled, Cancel, RequestCanceled, []Party{PartySource, PartySupport}},
	{Scheduled, Expire, RequestExpired, []Party{PartySystem}},
	{Transferring, Finish, RequestCompleted, []Party{PartySystem}},
	{RequestCanceled, TakeBack, stateBefore, []Party{PartySource, PartyDestination, PartySupport}},
	{RequestDeclined, TakeBack, stateBefore, []Party{PartySource, PartyDestination, PartySupport}},
	{RequestDenied, TakeBack, stateBefore, []Party{PartySource, PartyDestination, PartySupport}},
}

// StateError means that a request is not in a state that allows an event.
type StateError struct {
	State RequestState // read under the request's lock
	Event Event
}

func (e *StateError) Error() string {
	var from []string
	for _, t := range requestTransitions {
		if t.event == e.Event {
			from = append(from, string(t.from))
		}
	}
	return fmt.Sprintf("the request is %s: only %s request can be %s", e.State, oneOf(from), e.Event.Participle())
}

// oneOf joins words to "a validating, in_review or awaiting_acceptance".
func oneOf(words []string) string {
	list := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			list += " or " + w
		} else {
			list += ", " + w
		}
	}
	if strings.ContainsRune("aeiou", rune(list[0])) {
		return "an " + list
	}
	return "a " + list
}

// Participle returns the word for a request to which the event happened.
func (e Event) Participle() string {
	switch e {
	case Reject:
		return "rejected"
	case Review:
		return "reviewed"
	case Offer:
		return "offered"
	case Approve:
		return "approved"
	case Deny:
		return "denied"
	case Accept, Schedule:
		return "accepted"
	case Start:
		return "started"
	case Decline:
		return "declined"
	case Cancel:
		return "canceled"
	case Extend:
		return "extended"
	case Expire:
		return "expired"
	case TakeBack:
		return "reopened"
	case Finish:
		return "finished"
	}
	return string(e)
}

// Decisions lists the events that a caller can cause: all but those of the system.
// To schedule a request is to accept it.
func Decisions() []Event {
	return slices.DeleteFunc(Events(), func(e Event) bool {
		return e == Schedule || !slices.ContainsFunc(requestTransitions, func(t transition) bool {
			return t.event == e && !slices.Contains(t.by, PartySystem)
		})
	})
}

// Outcome is how many SIMs of a finished request were transferred.
type Outcome string

// The outcomes of a request or batch.
const (
	NoneMoved Outcome = "none"
	SomeMoved Outcome = "some"
	AllMoved  Outcome = "all"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{NoneMoved, SomeMoved, AllMoved} }

// OutcomeOf returns the outcome of a request or batch with a number of SIMs, of
// which some were transferred (completed).
func OutcomeOf(completed, sims int) Outcome {
	switch {
	case completed == 0:
		return NoneMoved
	case completed < sims:
		return SomeMoved
	}
	return AllMoved
}

// PartyError means that a party may never cause an event, in whatever state.
type PartyError struct {
	Party Party
	Event Event
}

func (e *PartyError) Error() string {
	who := "the " + string(e.Party)
	if e.Party == PartySupport {
		who = "support"
	}
	if e.Event == TakeBack {
		return who + " cannot take back how the request ended"
	}
	return fmt.Sprintf("%s cannot %s the request", who, e.Event)
}

// ExpiredError means that a decision or the start of a scheduled request came at or
// after the expiry of the request, even if the scheduler has not expired it yet, or
// that a request which was ended would have expired meanwhile.
type ExpiredError struct{ Event Event }

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the request has expired: it can no longer be %s", e.Event.Participle())
}

// Next returns the state to which an event leads; for TakeBack it is empty, and
// the request gets the state that it had. The error is a *PartyError if
// the party may never cause the event, otherwise a *StateError.
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

// NextOnBehalf is Next for an event that support causes in place of the
// destination, which is only an acceptance.
func NextOnBehalf(s RequestState, e Event) (RequestState, error) {
	if e != Accept && e != Schedule {
		return s, &PartyError{PartySupport, e}
	}
	return Next(s, e, PartyDestination)
}

// Gate returns the event that ends validation. It depends on the numbers of
// eligible SIMs, of eligible SIMs that need support, and of SIMs that the source
// canceled while validation ran.
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
