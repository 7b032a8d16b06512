package transfer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// MessageType says what a message tells a program: a webhook has one.
type MessageType string

// The types of messages. See docs/recipes.md before adding one.
const (
	MessageCreated   MessageType = "transfer_request.created"
	MessageRejected  MessageType = "transfer_request.rejected"            // no SIM was eligible
	MessageInReview  MessageType = "transfer_request.in_review"           // support has to approve
	MessageAwaiting  MessageType = "transfer_request.awaiting_acceptance" // the destination can accept
	MessageReminder  MessageType = "transfer_request.reminder"            // half or nine tenths of the time to decide are over
	MessageExtended  MessageType = "transfer_request.extended"            // there is more time to decide
	MessageAccepted  MessageType = "transfer_request.accepted"            // nothing has moved yet
	MessageStarted   MessageType = "transfer_request.started"             // the window of an accepted request began
	MessageDeclined  MessageType = "transfer_request.declined"
	MessageCanceled  MessageType = "transfer_request.canceled"
	MessageDenied    MessageType = "transfer_request.denied"
	MessageExpired   MessageType = "transfer_request.expired"
	MessageSIMsEnded MessageType = "transfer_request.sims_ended" // some SIMs were declined, canceled or denied; the request continues
	MessageTakenBack MessageType = "transfer_request.taken_back" // a decline, cancel or denial was taken back
	MessageCompleted MessageType = "transfer_request.completed"  // every SIM has its outcome
	MessageReleased  MessageType = "transfer_request.released"   // all SIMs of a request that was not executed are free again
	MessageRetried   MessageType = "transfer_request.retried"    // a new request was made for SIMs that were not transferred
	MessageCommented MessageType = "transfer_request.commented"

	MessageBatch   MessageType = "batch.updated"     // the same happened to requests of a batch
	MessageChanges MessageType = "changes.available" // the changes feed has more entries
	MessageTest    MessageType = "endpoint.test"     // someone asked for it
)

// RequestMessageTypes lists the types of messages about one request.
func RequestMessageTypes() []MessageType {
	return []MessageType{
		MessageCreated, MessageRejected, MessageInReview, MessageAwaiting, MessageReminder, MessageExtended,
		MessageAccepted, MessageStarted, MessageDeclined, MessageCanceled, MessageDenied, MessageExpired,
		MessageSIMsEnded, MessageTakenBack, MessageCompleted, MessageReleased, MessageRetried, MessageCommented,
	}
}

// MessageTypes lists every type.
func MessageTypes() []MessageType {
	return append(RequestMessageTypes(), MessageBatch, MessageChanges, MessageTest)
}

// ChosenMessageTypes lists the types that an endpoint can choose. It gets tests
// in any case, and only endpoints of staff get MessageChanges.
func ChosenMessageTypes(staff bool) []MessageType {
	types := append(RequestMessageTypes(), MessageBatch)
	if staff {
		types = append(types, MessageChanges)
	}
	return types
}

// Meaning returns when a message of the type is sent, as a sentence.
func (t MessageType) Meaning() string {
	switch t {
	case MessageCreated:
		return "A request was made. Its SIMs are being validated."
	case MessageRejected:
		return "Validation found no eligible SIM. The request has ended."
	case MessageInReview:
		return "The SIMs are validated. Support has to approve the request."
	case MessageAwaiting:
		return "The destination has to accept or decline the request. No SIM moves before it accepts."
	case MessageReminder:
		return "Half or nine tenths of the time to decide are over."
	case MessageExtended:
		return "There is more time to decide."
	case MessageAccepted:
		return "The destination has accepted. The SIMs move now or, if not_before is given, later; transfer_request.completed says when they have."
	case MessageStarted:
		return "The window of a request that was accepted for later began. Its SIMs move now."
	case MessageDeclined:
		return "The destination has declined the request."
	case MessageCanceled:
		return "The request was canceled."
	case MessageDenied:
		return "Support has denied the request."
	case MessageExpired:
		return "The time to decide is over. The request has ended, and can no longer be accepted or canceled."
	case MessageSIMsEnded:
		return "Some SIMs were declined, canceled or denied; the request continues with the others."
	case MessageTakenBack:
		return "A decline, cancel or denial was taken back. state is the state to which the request returned."
	case MessageCompleted:
		return "Every accepted SIM has its outcome: completed says how many have moved."
	case MessageReleased:
		return "The request has ended without being executed, and all its SIMs are free for other requests."
	case MessageRetried:
		return "A new request was made for SIMs that this one did not transfer."
	case MessageCommented:
		return "A party wrote a comment that you can read."
	case MessageBatch:
		return "Requests of a batch had an event of the same type. They are collected for a few seconds, so that a large batch sends few messages. An endpoint that has chosen event types gets it for events of these types, and for all if it has chosen batch.updated."
	case MessageChanges:
		return "The changes feed has more entries. Sent to endpoints of staff, at most once per second."
	case MessageTest:
		return "Someone asked for a test of the endpoint. Sent to endpoints whatever types they have chosen."
	}
	return ""
}

// messageTypeOf returns the type of the message about an event that brought a
// request to a state (empty: no other state). It is false for events that only
// report progress.
func messageTypeOf(kind EventKind, to RequestState) (MessageType, bool) {
	some := to == "" // only some SIMs were ended
	switch kind {
	case EventCreate:
		return MessageCreated, true
	case EventReject:
		return MessageRejected, true
	case EventReview:
		return MessageInReview, true
	case EventOffer, EventApprove:
		return MessageAwaiting, true
	case EventRemind:
		return MessageReminder, true
	case EventExtend:
		return MessageExtended, true
	case EventAccept:
		return MessageAccepted, true
	case EventStart:
		return MessageStarted, true
	case EventDecline, EventCancel, EventDeny:
		if some {
			return MessageSIMsEnded, true
		}
		return map[EventKind]MessageType{EventDecline: MessageDeclined, EventCancel: MessageCanceled, EventDeny: MessageDenied}[kind], true
	case EventExpire:
		return MessageExpired, true
	case EventTakeBack:
		return MessageTakenBack, true
	case EventFinish:
		if to == RequestCompleted {
			return MessageCompleted, true
		}
		return MessageReleased, true
	case EventRetry:
		return MessageRetried, true
	case EventComment:
		return MessageCommented, true
	case EventValidate, EventExecute, EventDropSessions, EventRelease:
	}
	return "", false
}

// EventFacts are what is known of an event of a request: all of it, before it is
// decided who may learn it.
type EventFacts struct {
	ID          string // the position of the event in the feed
	At          time.Time
	Kind        EventKind
	To          RequestState // empty: no other state
	Seq         int          // number of the event in its request
	Request     string       // its id
	Batch       string       // its batch; empty: none
	Reference   string       // of the request
	Source      OperatorID
	Destination OperatorID
	Detail      json.RawMessage // as it is stored

	SourceSees, DestinationSees bool // whether the event is visible to them

	// Only mails have these; see MailsOf.
	By         Party      // who caused the event
	SourceName string     // of the account that sends the SIMs; empty: it has none
	Message    string     // of the source to the destination
	ExpiresAt  *time.Time // when the time to decide ends; nil: no one has to decide
	Offered    *int       // how many SIMs the destination can decide on; nil: unknown
	Fees       *Money     // that the source was charged; nil: unknown
}

// eventNumbers are the details of events that messages may have. Whatever else
// an event says is not even read.
type eventNumbers struct {
	Size      *int         `json:"size"` // SIMs of the request, with those that only the source knows of
	SIMs      *int         `json:"sims"`
	Eligible  *int         `json:"eligible"`
	Accepted  *int         `json:"accepted"`
	Completed *int         `json:"completed"`
	Percent   *int         `json:"percent"`
	ExpiresAt *time.Time   `json:"expires_at"`
	NotBefore *time.Time   `json:"not_before"`
	NotAfter  *time.Time   `json:"not_after"`
	Waiting   Party        `json:"waiting_for"`
	Code      DecisionCode `json:"code"`
	Request   string       `json:"request"`
}

// RequestNews is the data of a message about one request. It is the same for
// everyone who hears of it, but for the fields that say otherwise.
type RequestNews struct {
	Request     string       `json:"request" format:"uuid"`
	Path        string       `json:"path" doc:"Where the API has the request."`
	Sequence    int          `json:"sequence" doc:"The number of the event in its request. Messages can arrive in another order."`
	Event       EventKind    `json:"event" doc:"The kind of event."`
	Party       Party        `json:"party,omitempty" enum:"source,destination" doc:"As which party of the request you hear of it. Left out for staff."`
	State       RequestState `json:"state,omitempty" doc:"The state to which the event brought the request. Left out if it stayed in its state."`
	Reference   string       `json:"reference,omitempty" doc:"The reference of the source."`
	Source      OperatorID   `json:"source"`
	Destination OperatorID   `json:"destination"`
	SIMs        *int         `json:"sims,omitempty" doc:"How many SIMs the event is about. For transfer_request.completed: the SIMs of the request that you see."`
	Completed   *int         `json:"completed,omitempty" doc:"How many SIMs have moved. For transfer_request.completed and released."`
	Outcome     Outcome      `json:"outcome,omitempty" doc:"How many SIMs have moved, of those that you see: none, some or all."`
	Percent     *int         `json:"percent,omitempty" doc:"How much of the time to decide is over."`
	WaitingFor  Party        `json:"waiting_for,omitempty" doc:"Who has to decide."`
	ExpiresAt   *time.Time   `json:"expires_at,omitempty" doc:"When the time to decide ends."`
	NotBefore   *time.Time   `json:"not_before,omitempty" doc:"When the transfer starts, if the request was accepted for later."`
	NotAfter    *time.Time   `json:"not_after,omitempty" doc:"When it is too late to start the transfer."`
	Code        DecisionCode `json:"code,omitempty" doc:"Why the request was ended."`
	Retry       string       `json:"retry,omitempty" format:"uuid" doc:"The new request. For the source and staff."`
}

// BatchNews is the data of a message about requests of a batch.
type BatchNews struct {
	Batch     string      `json:"batch" format:"uuid"`
	Path      string      `json:"path" doc:"Where the API has the batch."`
	Event     MessageType `json:"event" doc:"What happened to the requests: the type of the messages that would have been sent about each."`
	Source    OperatorID  `json:"source"`
	Requests  int         `json:"requests" doc:"How many events of this type the message stands for, since the last such message."`
	SIMs      int         `json:"sims" doc:"How many SIMs these events are about."`
	Completed int         `json:"completed" doc:"How many SIMs have moved."`
	Cursor    string      `json:"cursor" doc:"The position in the event feed of the last of these events."`
}

// ChangesNews is the data of a message about the changes feed.
type ChangesNews struct {
	Cursor string `json:"cursor" doc:"The position after the newest change. Read from your own position until you have reached it."`
	Path   string `json:"path" doc:"Where the API has the changes."`
}

// TestNews is the data of a test.
type TestNews struct {
	Endpoint string `json:"endpoint" format:"uuid"`
	Test     bool   `json:"test" doc:"True."`
}

// Message is what one audience hears of an event.
type Message struct {
	ID    string // the same for everyone who hears of the event, and as in the feed
	To    Party  // the source, the destination, or support for staff
	Type  MessageType
	At    time.Time
	Batch string // messages with the same batch, type and audience are collected; empty: it is sent
	News  RequestNews
}

// MessagesOf decides who hears what of an event. This is the only place that
// does: what it leaves out reaches no one.
func MessagesOf(e EventFacts) ([]Message, error) {
	kind, ok := messageTypeOf(e.Kind, e.To)
	if !ok {
		return nil, nil
	}
	var d eventNumbers
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return nil, fmt.Errorf("reading the detail of event %s: %w", e.ID, err)
	}
	var list []Message
	for _, to := range []Party{PartySource, PartyDestination, PartySupport} {
		if to == PartySource && !e.SourceSees || to == PartyDestination && !e.DestinationSees {
			continue
		}
		m := Message{ID: e.ID, To: to, Type: kind, At: e.At, News: RequestNews{
			Request: e.Request, Path: "/v1/transfer-requests/" + e.Request, Sequence: e.Seq, Event: e.Kind, State: e.To,
			Reference: e.Reference, Source: e.Source, Destination: e.Destination,
		}}
		if to != PartySupport {
			m.News.Party = to
		}
		if to != PartyDestination { // the destination must not learn what else the source sends
			m.Batch = e.Batch
			if e.Kind == EventRetry {
				m.News.Retry = d.Request
			}
		}
		m.News.addNumbers(d, to)
		list = append(list, m)
	}
	return list, nil
}

// addNumbers adds the details of an event that a party may learn.
func (n *RequestNews) addNumbers(d eventNumbers, to Party) {
	if to == PartyDestination {
		d.Size = nil // with the SIMs that were not offered to it
	}
	switch n.Event {
	case EventCreate, EventRetry:
		n.SIMs = d.Size
	case EventReject, EventReview, EventOffer, EventTakeBack:
		n.SIMs = d.Eligible
	case EventAccept:
		n.SIMs, n.NotBefore, n.NotAfter = d.Accepted, d.NotBefore, d.NotAfter
	case EventDecline, EventCancel, EventDeny:
		n.SIMs, n.Code = d.SIMs, d.Code
	case EventExtend:
		n.ExpiresAt = d.ExpiresAt
	case EventRemind:
		n.Percent, n.WaitingFor, n.ExpiresAt = d.Percent, d.Waiting, d.ExpiresAt
	case EventFinish:
		n.SIMs, n.Completed = cmp.Or(d.Size, d.SIMs), d.Completed
		if n.SIMs != nil && n.Completed != nil {
			n.Outcome = OutcomeOf(*n.Completed, *n.SIMs)
		}
	case EventApprove, EventStart, EventExpire, EventComment, EventValidate, EventExecute, EventDropSessions, EventRelease:
	}
}

// Wants reports whether an endpoint that has chosen some types (none: all) gets
// messages of a type. about is the type that a message of the type MessageBatch
// is about.
func Wants(chosen []MessageType, kind, about MessageType) bool {
	return len(chosen) == 0 || kind == MessageTest || slices.Contains(chosen, kind) || kind == MessageBatch && slices.Contains(chosen, about)
}

// MessageBody returns the body of a message: JSON, as Standard Webhooks has it.
func MessageBody(kind MessageType, at time.Time, data any) (string, error) {
	text, err := json.Marshal(struct {
		Type      MessageType `json:"type"`
		Timestamp string      `json:"timestamp"`
		Data      any         `json:"data"`
	}{kind, at.UTC().Format("2006-01-02T15:04:05.000000Z"), data})
	if err != nil {
		return "", fmt.Errorf("writing a message of type %s: %w", kind, err)
	}
	return string(text), nil
}
