package api

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"simtransfer/transfer"
)

// The details of events, by kind. Storage writes them; these types describe them
// in the document, and tests compare every event with them. All fields can be
// left out, because a party may not see them: see sharedDetails.

// CreateDetail is what an event create says.
type CreateDetail struct {
	Size int `json:"size,omitempty" doc:"The number of SIMs in the request."`

	Selection *AskedSelection `json:"selection,omitempty" doc:"How the SIMs were selected, unless each was listed or the request comes of a file or a retry. For the source and support."`

	RetryOf *uuid.UUID `json:"retry_of,omitempty" format:"uuid" doc:"The request whose SIMs it retries, if it is a retry."`
}

// AskedSelection is how the SIMs of a request were selected.
type AskedSelection struct {
	AllSIMs bool           `json:"all_sims,omitempty" doc:"All SIMs of the account."`
	Filter  *SIMConditions `json:"filter,omitempty" doc:"The SIMs that matched this filter. It is shown without external ids."`
	Ranges  []string       `json:"ranges,omitempty" nullable:"false" doc:"The ranges of ICCIDs and the EIDs in the list of SIMs: the first 100."`
	Entries int            `json:"entries,omitempty" doc:"The number of entries in the list of SIMs."`

	ExternalIDs int `json:"external_ids,omitempty" doc:"The number of external ids in the filter."`

	TransferCode *uuid.UUID `json:"transfer_code,omitempty" format:"uuid" doc:"The transfer code that was redeemed: the SIMs are those for which it was made."`
	PullRequest  *uuid.UUID `json:"pull_request,omitempty" format:"uuid" doc:"The pull request that was approved: the SIMs are among those that it asks for."`
}

// RetryDetail is what an event retry says.
type RetryDetail struct {
	Size    int        `json:"size,omitempty" doc:"The number of SIMs in the new request."`
	Request *uuid.UUID `json:"request,omitempty" format:"uuid" doc:"The new request."`
}

// ValidationDetail is what the events at the end of validation say: reject,
// review and offer.
type ValidationDetail struct {
	Eligible int `json:"eligible,omitempty" doc:"The number of eligible SIMs."`
	Support  int `json:"support,omitempty" doc:"How many of them need the approval of support."`
}

// ApproveDetail is what an event approve says.
type ApproveDetail struct {
	Ticket string          `json:"ticket,omitempty"`
	Fee    *transfer.Money `json:"fee,omitempty" doc:"The fee of each SIM that needs support, if support changed it."`
	Reason string          `json:"reason,omitempty" doc:"Why support changed the fee."`
}

// AcceptDetail is what an event accept says.
type AcceptDetail struct {
	Accepted  int        `json:"accepted,omitempty" doc:"The number of SIMs that were accepted; the others are declined."`
	NotBefore *time.Time `json:"not_before,omitempty" doc:"When the transfer starts, if the request was accepted for later: the state is then scheduled."`
	NotAfter  *time.Time `json:"not_after,omitempty" doc:"When it is too late to start the transfer."`

	OnBehalf transfer.Party `json:"on_behalf,omitempty" enum:"destination" doc:"For whom support accepted. Left out if the destination accepted itself."`
	Reason   string         `json:"reason,omitempty" doc:"Why support did so."`
	Ticket   string         `json:"ticket,omitempty" doc:"The reference of the support case. For the source and support."`
}

// ExtendDetail is what an event extend says.
type ExtendDetail struct {
	ExpiresAt  *time.Time `json:"expires_at,omitempty" doc:"When the time to decide ends now."`
	Previously *time.Time `json:"previously,omitempty" doc:"When it would have ended."`
}

// RemindDetail is what an event remind says.
type RemindDetail struct {
	Percent    int            `json:"percent,omitempty" doc:"How much of the time to decide is over: 50 or 90."`
	WaitingFor transfer.Party `json:"waiting_for,omitempty" doc:"Who has to decide."`
	ExpiresAt  *time.Time     `json:"expires_at,omitempty" doc:"When the time to decide ends."`
}

// TakeBackDetail is what an event take_back says.
type TakeBackDetail struct {
	Eligible int `json:"eligible,omitempty" doc:"How many SIMs are open again. An event release had reported them as canceled, declined or denied."`
}

// EndDetail is what an event decline, cancel or deny says.
type EndDetail struct {
	Code     transfer.DecisionCode `json:"code,omitempty" doc:"Why, as the party says."`
	Reason   string                `json:"reason,omitempty" doc:"Why, in the party's words."`
	SIMs     int                   `json:"sims,omitempty" doc:"The number of SIMs that were named. Left out for the whole request."`
	Eligible int                   `json:"eligible,omitempty" doc:"For cancel at the end of validation: the number of eligible SIMs that are left."`
	Support  int                   `json:"support,omitempty" doc:"For cancel at the end of validation: how many of them need support."`
}

// CommentDetail is what an event comment says.
type CommentDetail struct {
	Text      string           `json:"text,omitempty"`
	VisibleTo []transfer.Party `json:"visible_to,omitempty" nullable:"false" doc:"The parties that see the comment."`
}

// WorkDetail is what an event validate, execute, drop_sessions or release says:
// how many SIMs a piece of work brought to each state.
type WorkDetail struct {
	Eligible      int    `json:"eligible,omitempty"`
	Completed     int    `json:"completed,omitempty"`
	Ineligible    int    `json:"ineligible,omitempty"`
	Failed        int    `json:"failed,omitempty"`
	Canceled      int    `json:"canceled,omitempty"`
	Declined      int    `json:"declined,omitempty"`
	Denied        int    `json:"denied,omitempty"`
	Expired       int    `json:"expired,omitempty"`
	HandedOff     int    `json:"handed_off,omitempty" doc:"How many SIMs wait until their data sessions are disconnected."`
	GatewayAnswer string `json:"gateway_answer,omitempty" doc:"What a gateway answered last about the SIMs that failed. Support also sees which gateway."`
}

// FinishDetail is what an event finish says.
type FinishDetail struct {
	Size      int              `json:"size,omitempty" doc:"The number of SIMs in the request."`
	SIMs      int              `json:"sims,omitempty" doc:"How many of them the destination could decide on."`
	Completed int              `json:"completed,omitempty" doc:"How many SIMs were transferred."`
	Outcome   transfer.Outcome `json:"outcome,omitempty" doc:"How many SIMs were transferred, of those that the reader sees: none, some or all."`
}

// addOutcome adds the outcome to the details of an event finish, as far as a party
// sees them. Events of versions before it was recorded have none.
func addOutcome(detail map[string]any) {
	completed, known := detail["completed"].(float64)
	sims, ok := detail["size"].(float64)
	if !ok {
		sims, ok = detail["sims"].(float64)
	}
	if known && ok {
		detail["outcome"] = transfer.OutcomeOf(int(completed), int(sims))
	}
}

// NoDetail is what an event says that has no details.
type NoDetail struct{}

// eventDetail returns the type of the details of a kind of event.
func eventDetail(kind transfer.EventKind) reflect.Type {
	switch kind {
	case transfer.EventCreate:
		return reflect.TypeFor[CreateDetail]()
	case transfer.EventRetry:
		return reflect.TypeFor[RetryDetail]()
	case transfer.EventReject, transfer.EventReview, transfer.EventOffer:
		return reflect.TypeFor[ValidationDetail]()
	case transfer.EventApprove:
		return reflect.TypeFor[ApproveDetail]()
	case transfer.EventAccept:
		return reflect.TypeFor[AcceptDetail]()
	case transfer.EventExtend:
		return reflect.TypeFor[ExtendDetail]()
	case transfer.EventRemind:
		return reflect.TypeFor[RemindDetail]()
	case transfer.EventTakeBack:
		return reflect.TypeFor[TakeBackDetail]()
	case transfer.EventDecline, transfer.EventCancel, transfer.EventDeny:
		return reflect.TypeFor[EndDetail]()
	case transfer.EventComment:
		return reflect.TypeFor[CommentDetail]()
	case transfer.EventValidate, transfer.EventExecute, transfer.EventDropSessions, transfer.EventRelease:
		return reflect.TypeFor[WorkDetail]()
	case transfer.EventFinish:
		return reflect.TypeFor[FinishDetail]()
	case transfer.EventStart, transfer.EventExpire:
	}
	return reflect.TypeFor[NoDetail]()
}

// documentEventDetails says in the schema of events which details each kind has.
func documentEventDetails(schemas huma.Registry) {
	var list []*huma.Schema
	byType := map[reflect.Type]*huma.Schema{}
	for _, kind := range transfer.EventKinds() {
		detail := eventDetail(kind)
		s := byType[detail]
		if s == nil {
			s = &huma.Schema{
				Type: huma.TypeObject,
				Properties: map[string]*huma.Schema{
					"kind":   {Type: huma.TypeString},
					"detail": schemas.Schema(detail, true, ""),
				},
				Required:             []string{"kind", "detail"},
				AdditionalProperties: true,
			}
			list, byType[detail] = append(list, s), s
		}
		s.Properties["kind"].Enum = append(s.Properties["kind"].Enum, string(kind))
	}
	for _, s := range list {
		s.PrecomputeMessages()
	}
	for _, name := range []string{"Event", "FeedEvent"} {
		schemas.Map()[name].OneOf = list
	}
}
