package api

import (
	"path"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/transfer"
)

// messageData returns the type of the data of a type of messages.
func messageData(t transfer.MessageType) reflect.Type {
	switch t {
	case transfer.MessageBatch:
		return reflect.TypeFor[transfer.BatchNews]()
	case transfer.MessageChanges:
		return reflect.TypeFor[transfer.ChangesNews]()
	case transfer.MessageTest:
		return reflect.TypeFor[transfer.TestNews]()
	default:
		return reflect.TypeFor[transfer.RequestNews]()
	}
}

// documentMessages adds the messages that are sent to webhook endpoints to the
// document.
func documentMessages(document *huma.OpenAPI) {
	schemas := document.Components.Schemas
	document.Webhooks = map[string]*huma.PathItem{}
	for _, t := range transfer.MessageTypes() {
		data := schemas.Schema(messageData(t), true, path.Base(string(t)))
		body := &huma.Schema{
			Type: huma.TypeObject,
			Properties: map[string]*huma.Schema{
				"type":      {Type: huma.TypeString, Enum: []any{string(t)}},
				"timestamp": {Type: huma.TypeString, Format: "date-time", Description: "When it happened."},
				"data":      data,
			},
			Required: []string{"type", "timestamp", "data"},
		}
		document.Webhooks[string(t)] = &huma.PathItem{Post: &huma.Operation{
			OperationID: "on-" + string(t),
			Tags:        []string{"webhooks"},
			Summary:     string(t),
			Description: t.Meaning(),
			Parameters: []*huma.Param{
				{Name: "webhook-id", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "Names the message. It is the same in each attempt: ignore what you have processed. For a message about requests it is the cursor of the event in the event feed."},
				{Name: "webhook-timestamp", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "When the attempt was made, in seconds since 1970. Refuse what is older than five minutes."},
				{Name: "webhook-signature", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "v1,<signature>; after a rotation of the secret, two of them separated by a space."},
			},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				typeJSON: {Schema: body, Example: exampleMessage(t)},
			}},
			Responses: map[string]*huma.Response{"2XX": {Description: "The receiver has the message. Any other answer, or none in 15 seconds, and the message is sent again."}},
		}}
	}
}

// exampleMessage returns an example of the body of a message.
func exampleMessage(t transfer.MessageType) any {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	number := func(n int) *int { return &n }
	var data any
	switch t {
	case transfer.MessageBatch:
		data = transfer.BatchNews{
			Batch: exampleBatchID, Path: "/v1/batches/" + exampleBatchID, Event: transfer.MessageCompleted, Source: "OP0000000001",
			Requests: 120, SIMs: 4800, Completed: 4795, Cursor: "1234-5678",
		}
	case transfer.MessageChanges:
		data = transfer.ChangesNews{Cursor: "4321-0", Path: "/v1/changes"}
	case transfer.MessageTest:
		data = transfer.TestNews{Endpoint: exampleEndpointID, Test: true}
	default:
		data = exampleRequestNews(t, number(40))
	}
	return map[string]any{"type": string(t), "timestamp": at.Format(time.RFC3339), "data": data}
}

const (
	exampleBatchID    = "0195b7a0-2f4b-7a4e-8a53-0d6a4e3b1c2d"
	exampleRequestID  = "0195b7a0-1c2d-7b3e-9f40-5a6b7c8d9e0f"
	exampleEndpointID = "0195b7a0-3a5c-7d6e-8f70-1b2c3d4e5f60"
)

func exampleRequestNews(t transfer.MessageType, sims *int) transfer.RequestNews {
	n := transfer.RequestNews{
		Request: exampleRequestID, Path: "/v1/transfer-requests/" + exampleRequestID, Sequence: 3, Party: transfer.PartySource,
		Reference: "PO-4711", Source: "OP0000000001", Destination: "OP0000000002",
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	switch t {
	case transfer.MessageCreated:
		n.Sequence, n.Event, n.State, n.SIMs = 1, transfer.EventCreate, transfer.Validating, sims
	case transfer.MessageRejected:
		n.Event, n.State = transfer.EventReject, transfer.RequestRejected
	case transfer.MessageInReview:
		n.Event, n.State, n.SIMs = transfer.EventReview, transfer.InReview, sims
	case transfer.MessageAwaiting:
		n.Event, n.State, n.SIMs, n.Party = transfer.EventOffer, transfer.AwaitingAcceptance, sims, transfer.PartyDestination
	case transfer.MessageReminder:
		percent := 50
		n.Event, n.Percent, n.WaitingFor, n.ExpiresAt = transfer.EventRemind, &percent, transfer.PartyDestination, &at
	case transfer.MessageExtended:
		n.Event, n.ExpiresAt = transfer.EventExtend, &at
	case transfer.MessageAccepted:
		n.Event, n.State, n.SIMs = transfer.EventAccept, transfer.Transferring, sims
	case transfer.MessageStarted:
		n.Event, n.State = transfer.EventStart, transfer.Transferring
	case transfer.MessageDeclined:
		n.Event, n.State, n.Code = transfer.EventDecline, transfer.RequestDeclined, transfer.DecisionCodes()[0]
	case transfer.MessageCanceled:
		n.Event, n.State = transfer.EventCancel, transfer.RequestCanceled
	case transfer.MessageDenied:
		n.Event, n.State = transfer.EventDeny, transfer.RequestDenied
	case transfer.MessageExpired:
		n.Event, n.State = transfer.EventExpire, transfer.RequestExpired
	case transfer.MessageSIMsEnded:
		n.Event, n.SIMs = transfer.EventDecline, sims
	case transfer.MessageTakenBack:
		n.Event, n.State, n.SIMs = transfer.EventTakeBack, transfer.AwaitingAcceptance, sims
	case transfer.MessageCompleted:
		n.Event, n.State, n.SIMs, n.Completed, n.Outcome = transfer.EventFinish, transfer.RequestCompleted, sims, sims, transfer.OutcomeOf(*sims, *sims)
	case transfer.MessageReleased:
		none := 0
		n.Event, n.State, n.SIMs, n.Completed, n.Outcome = transfer.EventFinish, transfer.RequestDeclined, sims, &none, transfer.OutcomeOf(0, *sims)
	case transfer.MessageRetried:
		n.Event, n.SIMs, n.Retry = transfer.EventRetry, sims, exampleBatchID
	case transfer.MessageCommented:
		n.Event = transfer.EventComment
	case transfer.MessageBatch, transfer.MessageChanges, transfer.MessageTest:
	}
	return n
}
