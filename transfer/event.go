package transfer

// EventKind says what an entry of a request's event history records. Every
// Event that changes a request's state is one; the others record what was
// created, and what each chunk of work did.
type EventKind string

// The kinds of events. See docs/recipes.md before adding one.
const (
	EventCreate EventKind = "create" // the request was made
	EventRetry  EventKind = "retry"  // a new request was made for SIMs that this one did not transfer

	EventComment EventKind = "comment" // a party wrote a comment

	EventReject   EventKind = "reject"    // validation found no eligible SIM
	EventReview   EventKind = "review"    // validation ended; support has to approve
	EventOffer    EventKind = "offer"     // validation ended; the destination can accept
	EventApprove  EventKind = "approve"   // support approved the request
	EventDeny     EventKind = "deny"      // support denied the request
	EventAccept   EventKind = "accept"    // the destination accepted all SIMs or some, to be transferred at once or in a window
	EventStart    EventKind = "start"     // the window of an accepted request began
	EventDecline  EventKind = "decline"   // the destination declined all SIMs or some
	EventCancel   EventKind = "cancel"    // the source or support canceled all SIMs or some
	EventExtend   EventKind = "extend"    // the source or support gave more time to decide
	EventRemind   EventKind = "remind"    // half or nine tenths of the time to decide are over
	EventExpire   EventKind = "expire"    // the time for review or acceptance ran out, or a window was missed
	EventTakeBack EventKind = "take_back" // the party that canceled, declined or denied the request took that back
	EventFinish   EventKind = "finish"    // nothing is left to do

	EventValidate     EventKind = "validate"      // a chunk was validated
	EventExecute      EventKind = "execute"       // a chunk was executed
	EventDropSessions EventKind = "drop_sessions" // sessions were dropped and their SIMs transferred, or they failed
	EventRelease      EventKind = "release"       // a chunk was released
)

// EventKinds lists every kind of event, in the order in which a request may
// see them.
func EventKinds() []EventKind {
	return []EventKind{
		EventCreate, EventValidate, EventReject, EventReview, EventOffer,
		EventApprove, EventDeny, EventExtend, EventRemind, EventAccept, EventStart, EventDecline, EventCancel, EventExpire,
		EventExecute, EventDropSessions, EventRelease, EventFinish, EventTakeBack, EventRetry, EventComment,
	}
}

// Kind returns the kind under which the event is recorded.
func (e Event) Kind() EventKind {
	if e == Schedule {
		return EventAccept
	}
	return EventKind(e)
}

// Event returns the kind of event under which the progress of this kind of
// work is recorded; false for work that belongs to no request.
func (k WorkKind) Event() (EventKind, bool) {
	switch k {
	case WorkValidate:
		return EventValidate, true
	case WorkExecute:
		return EventExecute, true
	case WorkDropSessions:
		return EventDropSessions, true
	case WorkRelease:
		return EventRelease, true
	case WorkDropStray, WorkDeliverWebhooks, WorkDeliverMails:
	}
	return "", false
}
