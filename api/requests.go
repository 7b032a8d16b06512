package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Request is a transfer request as the API shows it.
type Request struct {
	ID                uuid.UUID             `json:"id" format:"uuid"`
	State             transfer.RequestState `json:"state"`
	NextAction        *NextAction           `json:"next_action,omitempty" doc:"Whose turn it is. Left out while the service works on the request, and when it is over."`
	Outcome           *transfer.Outcome     `json:"outcome,omitempty" doc:"How many of the SIMs were transferred: none, some or all. Left out until the request is finished. A request can be completed without having transferred a SIM."`
	Source            transfer.OperatorID   `json:"source" doc:"The operator id of the account that sends the SIMs."`
	Destination       transfer.OperatorID   `json:"destination" doc:"The operator id of the account that receives the SIMs."`
	Batch             *uuid.UUID            `json:"batch,omitempty" format:"uuid" doc:"The batch that the request is part of. For the source and support."`
	RetryOf           *uuid.UUID            `json:"retry_of,omitempty" format:"uuid" doc:"The request that this one retries. For the source and support."`
	RetriedBy         []string              `json:"retried_by,omitempty" nullable:"false" doc:"The ids of the requests that retry this one. For the source and support."`
	Reference         *string               `json:"reference,omitempty" doc:"The source's own reference, such as a purchase order."`
	Message           *string               `json:"message,omitempty" doc:"What the source wrote to the destination."`
	Decision          *DecisionWords        `json:"decision,omitempty" doc:"Why the request was declined, denied or canceled as a whole, as the party that did so says."`
	SelfServiceOnly   bool                  `json:"self_service_only" doc:"Whether SIMs that would need approval by support are ineligible."`
	AcceptanceSeconds int64                 `json:"acceptance_seconds" doc:"How long the destination has to accept."`
	Counts            Counts                `json:"counts"`
	Reasons           []ReasonCount         `json:"reasons,omitempty" nullable:"false" doc:"Why SIMs were not transferred. Not in lists."`
	Fees              *Fees                 `json:"fees,omitempty" doc:"For the source and support."`
	Landing           *Landing              `json:"landing,omitempty" doc:"The landing profile: what the destination sets on the SIMs when they arrive. Only for the destination and support."`
	LandingPlans      *LandingPlans         `json:"landing_plans,omitempty" doc:"The plan mapping that was in force when the destination accepted without a plan of its own. Only for the destination and support."`
	Ticket            *string               `json:"ticket,omitempty" doc:"The reference of the support case. For the source and support."`
	FeeOverride       *transfer.Money       `json:"fee,omitempty" doc:"The fee that support set for each SIM that needs support. For the source and support."`
	FeeReason         *string               `json:"fee_reason,omitempty" doc:"Why support set the fee. For the source and support."`
	CreatedAt         time.Time             `json:"created_at"`
	ExpiresAt         *time.Time            `json:"expires_at,omitempty" doc:"When the time to decide ends or, of a scheduled request, when it is too late to start the transfer."`
	NotBefore         *time.Time            `json:"not_before,omitempty" doc:"When the transfer starts, or was to start, if the destination accepted the request for later."`
	NotAfter          *time.Time            `json:"not_after,omitempty" doc:"When it is, or was, too late to start the transfer, if the destination accepted the request for later. Left out if it never is."`
	TakeBack          *TakeBack             `json:"take_back,omitempty" doc:"Who can take back how the request ended, and until when."`
	FinishedAt        *time.Time            `json:"finished_at,omitempty" doc:"When the request finished: every SIM had its outcome and could be requested again."`

	CanAccept   bool              `json:"can_accept" doc:"Whether the caller can accept the request now: as the destination or, as support, on behalf of it."`
	CanDecline  bool              `json:"can_decline" doc:"Whether the caller can decline the request now."`
	CanCancel   bool              `json:"can_cancel" doc:"Whether the caller can cancel the request now."`
	CanExtend   bool              `json:"can_extend" doc:"Whether the caller can extend the time to decide now."`
	CanTakeBack bool              `json:"can_take_back" doc:"Whether the caller can take back now how the request ended, provided that all its SIMs are still free."`
	CanApprove  *bool             `json:"can_approve,omitempty" doc:"Whether the caller can approve the request now. For support."`
	CanDeny     *bool             `json:"can_deny,omitempty" doc:"Whether the caller can deny the request now. For support."`
	WhyNot      map[string]string `json:"why_not,omitempty" nullable:"false" example:"{\"cancel\": \"the request is transferring: only a validating, in_review or awaiting_acceptance request can be canceled\"}" doc:"Why the caller cannot do what a party like it can do with a request, such as accept. Not in lists. When the request is over, only why the caller cannot take that back, while someone can."`

	MadeFrom *MadeFrom `json:"made_from,omitempty" doc:"What the request comes of, if an account asked for the SIMs or redeemed a transfer code. Left out when that is no longer stored, and in the response that creates the request."`

	AcceptedOnBehalf *AcceptedOnBehalf `json:"accepted_on_behalf,omitempty" doc:"Set if support accepted the request on behalf of the destination."`

	Monthly *MonthlyCost `json:"monthly,omitempty" doc:"What the open SIMs would cost the destination a month, while it decides. For the destination and support. Not in lists, and left out if no plan of them has a price."`

	SourceName            *string `json:"source_name,omitempty" doc:"The name of the source account, if it has one."`
	SourceExternalID      *string `json:"source_external_id,omitempty" doc:"The external id of the source. For support."`
	DestinationExternalID *string `json:"destination_external_id,omitempty" doc:"The external id of the destination. For support."`
}

// MadeFrom is what a request comes of.
type MadeFrom struct {
	PullRequest  *uuid.UUID `json:"pull_request,omitempty" format:"uuid" doc:"The pull request whose approval made it."`
	TransferCode *uuid.UUID `json:"transfer_code,omitempty" format:"uuid" doc:"The id of the transfer code that the destination redeemed. For the source and support."`
}

// madeFrom returns what a request comes from, as far as the party may see it; nil if
// there is nothing to show.
func madeFrom(r storage.Request, party transfer.Party) *MadeFrom {
	from := MadeFrom{PullRequest: r.Pull}
	if sightOf(party).details {
		from.TransferCode = r.TransferCode
	}
	if from == (MadeFrom{}) || party == partyFinance {
		return nil
	}
	return &from
}

// AcceptedOnBehalf is why support accepted a request on behalf of the destination.
type AcceptedOnBehalf struct {
	Reason *string `json:"reason,omitempty" doc:"Why, in words. For the source, the destination and support."`
	Ticket *string `json:"ticket,omitempty" doc:"The reference of the support case. For the source and support."`
}

// MonthlyCost is what SIMs cost the destination a month.
type MonthlyCost struct {
	Total    transfer.Money `json:"total" doc:"In the currency of the destination, with the plans on which the SIMs land and their prices as they are now."`
	Unpriced int            `json:"unpriced,omitempty" doc:"How many of the SIMs land on a plan without a price in this currency. They are not in the total."`
}

// NextAction is whose turn it is with a request.
type NextAction struct {
	Party transfer.Party   `json:"party" doc:"Who has to decide: support or the destination."`
	Until time.Time        `json:"until" doc:"When the time to decide ends. The request then expires."`
	Acts  []transfer.Event `json:"acts" nullable:"false" doc:"What this party can do. Each is a call of its own."`
}

func viewNextAction(r storage.Request) *NextAction {
	party, acts := r.State.Turn()
	if party == "" || r.ExpiresAt == nil || r.Overdue {
		return nil
	}
	return &NextAction{party, r.ExpiresAt.UTC(), acts}
}

// TakeBack says who can take back that a request was canceled, declined or denied.
type TakeBack struct {
	By    transfer.Party `json:"by" enum:"source,destination,support" doc:"The party that ended the request."`
	Until time.Time      `json:"until" doc:"Ten minutes after the request was ended. Then it stays as it is."`
}

// DecisionWords are what a party says about why it declined, denied or canceled
// a request.
type DecisionWords struct {
	Code   *transfer.DecisionCode `json:"code,omitempty"`
	Reason *string                `json:"reason,omitempty" doc:"In the party's words. For the source, the destination and support."`
}

// Counts are the numbers of SIMs of a request or a batch in each state. The
// destination does not see SIMs that were never open for its decision.
type Counts struct {
	SIMs       int `json:"sims" doc:"All SIMs."`
	Pending    int `json:"pending" doc:"Not validated yet."`
	Eligible   int `json:"eligible" doc:"Validated, and open for a decision or being transferred."`
	Support    int `json:"needing_support" doc:"Eligible SIMs that support has to approve."`
	Completed  int `json:"completed"`
	Ineligible int `json:"ineligible"`
	Failed     int `json:"failed"`
	Canceled   int `json:"canceled"`
	Declined   int `json:"declined"`
	Denied     int `json:"denied"`
	Expired    int `json:"expired"`
	Purged     int `json:"purged,omitempty" doc:"Of the ineligible and canceled SIMs, those whose rows are no longer stored: they named no SIM of the source, and the request finished long ago. Transfers and results do not list them."`
}

// ReasonCount is how many SIMs were not transferred for one reason.
type ReasonCount struct {
	State  transfer.State  `json:"state" enum:"ineligible,failed"`
	Reason transfer.Reason `json:"reason"`
	Remedy string          `json:"remedy" doc:"What to do about the reason."`
	Count  int             `json:"count"`
}

// Fees are the fees of a request, which the source pays on
// completion, in the currency of the source.
type Fees struct {
	Quoted   transfer.Money `json:"quoted" doc:"The fees of the SIMs that are still open."`
	Charged  transfer.Money `json:"charged" doc:"The fees that were charged so far."`
	Unquoted int            `json:"unquoted,omitempty" doc:"How many open SIMs have no fee, because the fee schedule had no amount: support has to set one."`
	Entries  []QuotedFee    `json:"entries,omitempty" nullable:"false" doc:"The entries from which fees were quoted: usually one. Several if another entry became valid during validation."`
}

// QuotedFee is an entry from which fees were quoted.
type QuotedFee struct {
	ID           int64          `json:"id" doc:"The id of the entry."`
	Fee          transfer.Money `json:"fee" doc:"The fee per SIM that needs support."`
	ValidFrom    time.Time      `json:"valid_from" doc:"When the entry started to apply."`
	AccountPrice bool           `json:"account_price" doc:"Whether it is a price of the source account. Otherwise it is an entry of the fee schedule."`
}

func viewQuotedFees(entries storage.FeeEntries) []QuotedFee {
	var list []QuotedFee
	for _, e := range entries {
		list = append(list, QuotedFee{e.ID, transfer.Money{Minor: e.Amount, Currency: e.Currency}, e.ValidFrom.UTC(), e.Account != nil})
	}
	return list
}

// viewer is who looks at a request.
type viewer struct {
	caller storage.Caller
	party  transfer.Party
	own    *storage.SelfApprovalError // why the API key cannot approve the request, or accept it on behalf; nil if it can

	onBehalf bool // whether the service lets support accept on behalf of destinations
}

// can reports whether the viewer can cause an event of a request now.
func (by viewer) can(r storage.Request, e transfer.Event) bool {
	return by.mayDecide(r, e) == nil
}

// whyNot returns why the viewer cannot cause the events that its party can cause
// in some state of a request; of one that is over, only why it cannot take that back,
// as long as its party or another one can.
func (by viewer) whyNot(r storage.Request) map[string]string {
	var never *transfer.PartyError
	reasons := map[string]string{}
	for _, e := range transfer.Decisions() {
		switch {
		case (e == transfer.TakeBack) != r.State.Final():
			continue
		case e == transfer.TakeBack && !r.ReadAt.Before(r.End().Until()):
			continue // it stays as it is
		}
		if err := by.mayDecide(r, e); err != nil && !errors.As(err, &never) {
			reasons[string(e)] = err.Error()
		}
	}
	return reasons
}

func viewRequest(r storage.Request, by viewer) Request {
	v := Request{
		ID:                r.ID,
		State:             r.State,
		NextAction:        viewNextAction(r),
		Source:            r.SourceOperator,
		Destination:       r.DestinationOperator,
		SelfServiceOnly:   r.SelfServiceOnly,
		AcceptanceSeconds: r.Acceptance,
		Counts: Counts{
			SIMs:       r.Size,
			Eligible:   r.Eligible,
			Support:    r.Support,
			Completed:  r.Completed,
			Ineligible: r.Ineligible,
			Failed:     r.Failed,
			Canceled:   r.Canceled,
			Declined:   r.Declined,
			Denied:     r.Denied,
			Expired:    r.Expired,
			Purged:     r.Purged,
		},
		CreatedAt:  r.CreatedAt.UTC(),
		ExpiresAt:  utc(r.ExpiresAt),
		NotBefore:  utc(r.NotBefore),
		NotAfter:   utc(r.NotAfter),
		FinishedAt: utc(r.FinishedAt),
	}
	if end := r.End(); end.From != "" {
		v.TakeBack = &TakeBack{By: end.By, Until: end.Until().UTC()}
	}
	v.Counts.Pending = r.Size - r.Eligible - r.Completed - r.Ineligible - r.Failed - r.Canceled - r.Declined - r.Denied - r.Expired
	v.CanAccept, v.CanDecline, v.CanCancel = by.can(r, transfer.Accept), by.can(r, transfer.Decline), by.can(r, transfer.Cancel)
	v.CanExtend, v.CanTakeBack = by.can(r, transfer.Extend), by.can(r, transfer.TakeBack)
	if isStaff(by.caller) {
		v.CanApprove, v.CanDeny = new(by.can(r, transfer.Approve)), new(by.can(r, transfer.Deny))
	}
	v.SourceName = r.SourceName
	sight := sightOf(by.party)
	v.Reference = r.Reference
	words := DecisionWords{Code: r.Code}
	if sight.words {
		v.Message, words.Reason = r.Message, r.Reason
	}
	if words != (DecisionWords{}) {
		v.Decision = &words
	}
	if sight.batch {
		v.Batch = r.Batch
	}
	if sight.retries {
		v.RetryOf, v.RetriedBy = r.RetryOf, r.RetriedBy
	}
	v.MadeFrom = madeFrom(r, by.party)
	if r.OnBehalfReason != nil {
		v.AcceptedOnBehalf = &AcceptedOnBehalf{}
		if sight.words {
			v.AcceptedOnBehalf.Reason = r.OnBehalfReason
		}
		if sight.review {
			v.AcceptedOnBehalf.Ticket = r.OnBehalfTicket
		}
	}
	if sight.review {
		v.Ticket, v.FeeReason = r.Ticket, r.FeeReason
		if r.FeeOverride != nil {
			v.FeeOverride = &transfer.Money{Minor: *r.FeeOverride, Currency: r.Currency}
		}
	}
	if sight.landing {
		v.Landing, v.LandingPlans = viewLanding(r.Landing), viewLandingPlans(r.Landing)
	}
	if sight.fees {
		fees := r.Fees()
		v.Fees = &Fees{
			Quoted:   transfer.Money{Minor: fees.Quoted, Currency: r.Currency},
			Charged:  transfer.Money{Minor: fees.Charged, Currency: r.Currency},
			Unquoted: fees.Unquoted,
			Entries:  viewQuotedFees(r.FeeEntries),
		}
	}
	if sight.externalIDs {
		v.SourceExternalID, v.DestinationExternalID = r.SourceExternalID, r.DestinationExternalID
	}
	if !sight.unoffered {
		v.Counts.SIMs -= v.Counts.Pending + v.Counts.Ineligible + r.Withheld
		v.Counts.Canceled -= r.Withheld
		v.Counts.Pending, v.Counts.Ineligible, v.Counts.Purged = 0, 0, 0
	}
	if r.FinishedAt != nil {
		v.Outcome = new(transfer.OutcomeOf(v.Counts.Completed, v.Counts.SIMs))
	}
	return v
}

func (s *server) acceptance(seconds int64) time.Duration {
	if seconds == 0 {
		return s.AcceptancePeriod
	}
	return time.Duration(seconds) * time.Second
}

type createRequestInput struct {
	Idempotent
	Body NewRequest
}

// NewRequest is the body that creates or previews a transfer request.
type NewRequest struct {
	Destination destination `json:"destination"`
	Selection
	SelfServiceOnly   bool   `json:"self_service_only,omitempty" doc:"Makes SIMs ineligible that would need approval by support."`
	AcceptanceSeconds int64  `json:"acceptance_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long the destination has to accept, from 1 second to 30 days. Default: as the service is configured, usually one day."`
	OnBehalfOf        string `json:"on_behalf_of,omitempty" maxLength:"132" doc:"The operator id or the external id of the source account. Required for support, not allowed for others."`

	Reference       string            `json:"reference,omitempty" maxLength:"64" doc:"Your own reference, such as a purchase order. The destination sees it."`
	UniqueReference bool              `json:"unique_reference,omitempty" doc:"Refuses the request if the source has another one with the reference, unless that is over and has transferred no SIM."`
	Message         string            `json:"message,omitempty" maxLength:"1000" doc:"A text for the destination. It sees it when it can decide."`
	SIMReferences   map[string]string `json:"sim_references,omitempty" maxProperties:"100000" doc:"References of single SIMs: from a SIM, identified as in sims, to its reference of up to 64 characters. The destination sees them."`
}

// destination identifies an account by its email and its operator id or external
// id, which have to match, or by an earlier request.
type destination struct {
	Email      string     `json:"email,omitempty" maxLength:"254" doc:"The primary email of the account."`
	OperatorID string     `json:"operator_id,omitempty" maxLength:"132" example:"OP0012345678" doc:"The operator id or the external id of the account."`
	SameAs     *uuid.UUID `json:"same_as,omitempty" format:"uuid" doc:"In place of both: the id of an earlier transfer request of the source. The destination is the same account."`
}

// parseDestination returns the email and the operator id of a destination. It adds
// errors to the problem.
func (s *server) parseDestination(p *problem.Problem, d destination) storage.Pair {
	if d.SameAs == nil {
		return storage.Pair{
			Email:   parsed(p, "body.destination.email", d.Email, transfer.ParseEmail),
			Account: parsed(p, "body.destination.operator_id", d.OperatorID, transfer.ParseAccountRef),
		}
	}
	if d.Email != "" || d.OperatorID != "" {
		p.Add(problem.FieldError{Location: "body.destination", Message: "give either email and operator_id, or same_as"})
	}
	return storage.Pair{}
}

// sameDestination returns the email and the operator id of the destination of an
// earlier request of a source.
func (s *server) sameDestination(ctx context.Context, id uuid.UUID, source storage.Account) (storage.Pair, error) {
	r, err := s.db.Request(ctx, id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && r.Source != source.ID {
		return storage.Pair{}, problem.New(problem.UnknownDestination, "the account has not sent a transfer request with this id: give the email and the operator id of the destination",
			problem.FieldError{Location: "body.destination.same_as", Message: "not a request of the source", Value: id.String()})
	}
	if err != nil {
		return storage.Pair{}, err
	}
	to, err := s.db.Account(ctx, r.DestinationOperator.Ref())
	return storage.Pair{Email: to.Email, Account: to.OperatorID.Ref()}, err
}

// parsedRequest is a NewRequest that was parsed.
type parsedRequest struct {
	source storage.Account
	pair   storage.Pair // the destination as submitted
	sims   parsedSelection
	asked  *string // sims as JSON, for the event; nil: a list
	words  storage.Words

	simReferences map[transfer.Identifier]string
}

// parseRequest parses the body that creates or previews a request.
func (s *server) parseRequest(ctx context.Context, r NewRequest) (parsedRequest, error) {
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	a := parsedRequest{
		pair:  s.parseDestination(p, r.Destination),
		sims:  r.parse(p),
		words: parseWords(p, "body.", r.Reference, r.UniqueReference, r.Message),
	}
	a.simReferences = parseSIMReferences(p, "body.sim_references", r.SIMReferences)
	if err := refusal(p); err != nil {
		return a, err
	}
	if err := r.allowed(callerOf(ctx)); err != nil {
		return a, err
	}
	var err error
	if a.asked, err = a.sims.asked(r.Selection); err != nil {
		return a, err
	}
	if a.source, err = s.actingAccount(ctx, "body.on_behalf_of", r.OnBehalfOf); err != nil {
		return a, err
	}
	if id := r.Destination.SameAs; id != nil {
		a.pair, err = s.sameDestination(ctx, *id, a.source)
	}
	return a, err
}

// requestCreator creates requests: *storage.Tx in its transaction, *storage.DB
// each in a transaction of its own.
type requestCreator interface {
	Destinations(ctx context.Context, pairs []storage.Pair) ([]storage.Account, error)
	DestinationAndUsage(ctx context.Context, p storage.Pair, source storage.Account) (storage.Account, storage.Usage, error)
	CreateRequest(ctx context.Context, r storage.NewRequest) (storage.Request, error)
	simSelector
}

// destination returns the destination account, or a problem if it is invalid.
func (a parsedRequest) destination(ctx context.Context, by requestCreator) (storage.Account, error) {
	to, err := by.Destinations(ctx, []storage.Pair{a.pair})
	if err != nil {
		return storage.Account{}, err
	}
	return to[0], a.checkDestination(to[0])
}

// checkDestination returns a problem if the account cannot receive the SIMs.
func (a parsedRequest) checkDestination(to storage.Account) error {
	if wrong := wrongDestination(a.source, to); wrong != nil {
		return problem.New(wrong.code, wrong.message, problem.FieldError{Location: wrong.location, Message: wrong.message})
	}
	return nil
}

func (s *server) createRequest(ctx context.Context, in *createRequestInput) (*reply[Request], error) {
	a, err := s.parseRequest(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	create := func(by requestCreator, sims storage.SelectedSIMs, to storage.Account, out *reply[Request]) error {
		r := s.newRequest(ctx, in.Body, a.source, to, sims)
		references, err := a.alignedReferences(sims)
		if err != nil {
			return err
		}
		r.Words, r.SIMReferences, r.Selection = a.words, references, a.asked
		made, err := by.CreateRequest(ctx, r)
		if err != nil {
			return err
		}
		renderRequest(ctx, made, out)
		return nil
	}
	if callOf(ctx).idem == nil && !a.sims.looksUp() { // no response to store in the same transaction
		sims, err := a.sims.resolve(ctx, s.db, a.source.ID, transfer.MaxRequestSIMs)
		if err != nil {
			return nil, err
		}
		to, near, err := s.destination(ctx, s.db, a, sims.Len())
		if err != nil {
			return nil, err
		}
		if !near {
			out := &reply[Request]{}
			return out, create(s.db, sims, to, out)
		}
	}
	return onceSelected(ctx, s, a.sims, once, func(t *storage.Tx, out *reply[Request]) error {
		sims, err := a.sims.resolve(ctx, t, a.source.ID, transfer.MaxRequestSIMs)
		if err != nil {
			return err
		}
		to, near, err := s.destination(ctx, t, a, sims.Len())
		if err != nil {
			return err
		}
		if err := create(t, sims, to, out); err != nil || !near {
			return err
		}
		return t.EnforceLimits(ctx, a.source, s.limits(), 1, sims.Len())
	})
}

// newRequest returns what a request for some SIMs is made from.
func (s *server) newRequest(ctx context.Context, in NewRequest, source, to storage.Account, sims storage.SelectedSIMs) storage.NewRequest {
	return storage.NewRequest{
		Source:          source,
		Destination:     to,
		SelfServiceOnly: in.SelfServiceOnly,
		Acceptance:      s.acceptance(in.AcceptanceSeconds),
		Review:          s.ReviewPeriod,
		By:              sender(ctx),
		Size:            sims.Len(),
		SIMs:            sims.All(),
	}
}

// renderRequest sets the response to a request that was just created.
func renderRequest(ctx context.Context, r storage.Request, out *reply[Request]) {
	out.Status, out.Location = 202, requestPath(r.ID)
	out.Body = viewRequest(r, viewer{caller: callerOf(ctx), party: senderParty(callerOf(ctx))})
}

func requestPath(id uuid.UUID) string { return "/v1/transfer-requests/" + id.String() }

// sender returns the caller as the actor who creates, cancels or retries
// requests: the source, or support on its behalf.
func sender(ctx context.Context) storage.Actor { return actor(ctx, senderParty(callerOf(ctx))) }

// actor returns the caller as a party of a request.
func actor(ctx context.Context, party transfer.Party) storage.Actor {
	a := actingCaller(ctx)
	a.Party = party
	return a
}

type destinationProblem struct {
	code     problem.Code
	message  string
	location string // of the account in the body of a request
}

// wrongDestination returns why an account cannot send SIMs to another, or nil. A
// zero destination means that no account matches the email and operator id.
func wrongDestination(source, to storage.Account) *destinationProblem {
	const at = "body.destination"
	switch {
	case source.Standing != storage.StandingOpen:
		return &destinationProblem{problem.AccountClosed, "the source account is closed, so it cannot send SIMs", "body.on_behalf_of"}
	case to.ID == 0:
		return &destinationProblem{problem.UnknownDestination, "no account has both this email and this operator id: check both", at}
	case to.ID == source.ID:
		return &destinationProblem{problem.OwnAccount, "the destination is the source account: give another account", at}
	case to.Standing != storage.StandingOpen:
		return &destinationProblem{problem.AccountClosed, "the destination account is closed, so it cannot receive SIMs", at}
	}
	return nil
}

type listRequestsInput struct {
	Paging
	Direction string                  `query:"direction" enum:"outgoing,incoming,both" default:"both" doc:"Only requests that the account sends (outgoing) or receives (incoming)."`
	Account   string                  `query:"account" maxLength:"132" doc:"Only requests of the account with this operator id or external id. For support."`
	State     []transfer.RequestState `query:"state" nullable:"false" doc:"Only requests in one of these states."`
	Batch     string                  `query:"batch" format:"uuid" doc:"Only requests of this batch. For the account that submitted it, and for support."`
	Ticket    string                  `query:"ticket" maxLength:"100" doc:"Only requests that support approved, or accepted on behalf of the destination, with this ticket. For support."`

	SIM           string                  `query:"sim" maxLength:"64" doc:"Only requests for this SIM: an ICCID, IMSI or MSISDN; or for the SIMs on the eUICC with this EID."`
	By            string                  `query:"by" maxLength:"254" doc:"Only requests on which this API key or person acted: the id or the name of a key, or the name or the email of a person. Accounts name their own."`
	Reason        []transfer.Reason       `query:"reason" nullable:"false" doc:"Only requests with a SIM that was not transferred for one of these reasons."`
	Method        []transfer.Method       `query:"method" nullable:"false" doc:"Only requests with a SIM that has one of these transfer methods."`
	Reference     string                  `query:"reference" maxLength:"64" doc:"Only requests that have this reference, or a SIM with it."`
	Code          []transfer.DecisionCode `query:"code" nullable:"false" doc:"Only requests that were declined, denied or canceled, as a whole or in part, with one of these codes."`
	CreatedAfter  time.Time               `query:"created_after" doc:"Only requests created at or after this time."`
	CreatedBefore time.Time               `query:"created_before" doc:"Only requests created before this time."`

	Sort string `query:"sort" enum:"newest,oldest,deadline" default:"newest" doc:"The order: newest first, oldest first, or by deadline: then only requests that wait for a decision or for their window are listed, those whose time ends first at the beginning."`
}

// narrow adds the parameters of the query to a filter.
func (in *listRequestsInput) narrow(f *storage.RequestFilter) error {
	if in.SIM != "" {
		ref, err := transfer.ParseSIMRef(in.SIM)
		if err == nil && !ref.One() && ref.EID == "" {
			err = errors.New("a range: give one ICCID, IMSI, MSISDN or EID")
		}
		if err != nil {
			return problem.New(problem.Invalid, "", problem.FieldError{Location: "query.sim", Message: err.Error(), Value: in.SIM})
		}
		f.SIM = ref.String()
	}
	f.Ticket, f.Reasons, f.Methods, f.Codes = in.Ticket, in.Reason, in.Method, in.Code
	p := problem.New(problem.Invalid, "")
	f.Reference = parsed(p, "query.reference", in.Reference, transfer.ParseLine)
	f.CreatedAfter = given(p, "query.created_after", in.CreatedAfter)
	f.CreatedBefore = given(p, "query.created_before", in.CreatedBefore)
	if len(p.Errors) > 0 {
		return p
	}
	return nil
}

func (s *server) listRequests(ctx context.Context, in *listRequestsInput) (*listOf[Request], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.RequestFilter{States: in.State, Limit: in.Limit + 1, Viewer: callerOf(ctx).Account.ID}
	if err := in.narrow(&f); err != nil {
		return nil, err
	}
	if f.Keys, err = s.actingKeys(ctx, in.By); err != nil {
		return nil, err
	}
	if f.Ticket != "" && !mayFindTickets(callerOf(ctx)) {
		return nil, problem.New(problem.Forbidden, "only support can search by ticket", problem.FieldError{Location: "query.ticket", Message: "leave it out"})
	}
	switch in.Direction {
	case "outgoing":
		f.Source = account
	case "incoming":
		f.Destination = account
	default:
		f.Either = account
	}
	cursor := func(r storage.Request) string { return r.ID.String() }
	switch in.Sort {
	case "deadline":
		f.ByDeadline, cursor = true, deadlineCursorOf
		f.AfterDeadline, err = deadlineCursor(in.Cursor)
	case "oldest":
		f.Oldest = true
		f.After, err = idCursor(in.Cursor)
	default:
		f.Before, err = idCursor(in.Cursor)
	}
	if err != nil {
		return nil, err
	}
	if in.Batch != "" {
		batch, err := uuid.Parse(in.Batch)
		if err != nil {
			return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "query.batch", Message: "not a batch id: use the id of a batch, which is a UUID", Value: in.Batch})
		}
		f.Batch = &batch
	}
	rows, err := s.db.Requests(ctx, f)
	if err != nil {
		return nil, err
	}
	view, err := s.requestView(ctx, s.db, rows...)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, cursor, view)
}

// actingKeys returns the API keys that a caller means who looks for what one of them
// or a person did; nil for an empty text. Accounts find only their own.
func (s *server) actingKeys(ctx context.Context, by string) ([]int64, error) {
	if by == "" {
		return nil, nil
	}
	c := callerOf(ctx)
	wrong := problem.FieldError{Location: "query.by", Value: by}
	p := problem.New(problem.Invalid, "")
	text := parsed(p, wrong.Location, by, transfer.ParseLine)
	if len(p.Errors) > 0 {
		return nil, p
	}
	if !isStaff(c) && !isAccount(c) {
		wrong.Message = "leave it out"
		return nil, problem.New(problem.Forbidden, "only accounts and support can search by API key or person", wrong)
	}
	keys, err := s.db.ActingKeys(ctx, reachOf(c).account, text)
	if err == nil && len(keys) == 0 {
		wrong.Message = "there is no such API key or person: give the id or the name of a key, or the name or the email of a person"
		err = problem.New(problem.Invalid, "", wrong)
	}
	return keys, err
}

// deadlineCursorOf returns the cursor after a request in a list by deadline.
func deadlineCursorOf(r storage.Request) string {
	return fmt.Sprintf("%d-%s", r.ExpiresAt.UnixMicro(), r.ID)
}

// deadlineCursor parses what deadlineCursorOf returned; nil for an empty cursor.
func deadlineCursor(cursor string) (*storage.Deadline, error) {
	if cursor == "" {
		return nil, nil
	}
	micros, text, _ := strings.Cut(cursor, "-")
	at, err := strconv.ParseInt(micros, 10, 64)
	id, wrong := uuid.Parse(text)
	if err != nil || wrong != nil || at < 0 || at > latestMicros {
		return nil, badCursor(cursor)
	}
	return &storage.Deadline{At: time.UnixMicro(at).UTC(), Request: id}, nil
}

// latestMicros is the end of the year 9999, as a number of microseconds.
const latestMicros = 253_402_300_799_999_999

// requestReader reads what requests are shown with: *storage.Tx in its
// transaction, *storage.DB outside of one.
type requestReader interface {
	MonthlyTotal(ctx context.Context, request uuid.UUID) (storage.MonthlyTotal, error)
	ReasonCounts(ctx context.Context, request uuid.UUID) ([]storage.ReasonCount, error)
	SelfApprovals(ctx context.Context, key int64, requests ...uuid.UUID) (map[uuid.UUID]*storage.SelfApprovalError, error)
	planChooser
}

// viewerOf returns how the caller looks at each of some requests, as far as it
// may.
func (s *server) viewerOf(ctx context.Context, from requestReader, rows ...storage.Request) (func(storage.Request) viewer, error) {
	caller := callerOf(ctx)
	var ids []uuid.UUID
	var own map[uuid.UUID]*storage.SelfApprovalError
	for _, r := range rows {
		by := viewer{caller: caller, party: transfer.PartySupport, onBehalf: s.AllowAcceptOnBehalf}
		if isStaff(caller) && (by.can(r, transfer.Approve) || by.can(r, transfer.Accept)) {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) > 0 && !s.AllowSelfApproval {
		var err error
		if own, err = from.SelfApprovals(ctx, caller.Key, ids...); err != nil {
			return nil, err
		}
	}
	return func(r storage.Request) viewer {
		party, _ := partyOf(caller, r)
		return viewer{caller, party, own[r.ID], s.AllowAcceptOnBehalf}
	}, nil
}

// requestView returns how the caller sees each of some requests in a list.
func (s *server) requestView(ctx context.Context, from requestReader, rows ...storage.Request) (func(storage.Request) Request, error) {
	by, err := s.viewerOf(ctx, from, rows...)
	return func(r storage.Request) Request { return viewRequest(r, by(r)) }, err
}

// RequestPath is embedded in the input of routes for one transfer request.
type RequestPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the transfer request."`
}

type requestOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Request
}

type getRequestInput struct {
	RequestPath
	IfNoneMatch
}

func (s *server) getRequest(ctx context.Context, in *getRequestInput) (*requestOutput, error) {
	r, _, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &requestOutput{}
	if out.Body, err = s.viewWhole(ctx, s.db, r); err != nil {
		return nil, err
	}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

// viewWhole is viewRequest for the caller, with the fields that lists leave out.
func (s *server) viewWhole(ctx context.Context, from requestReader, r storage.Request) (Request, error) {
	viewers, err := s.viewerOf(ctx, from, r)
	if err != nil {
		return Request{}, err
	}
	by := viewers(r)
	v := viewRequest(r, by)
	v.WhyNot = by.whyNot(r)
	if sightOf(by.party).arrivals && r.State == transfer.AwaitingAcceptance {
		m, err := from.MonthlyTotal(ctx, r.ID)
		if err != nil {
			return v, err
		}
		if m.Priced > 0 {
			v.Monthly = &MonthlyCost{transfer.Money{Minor: m.Monthly, Currency: m.Currency}, m.Unpriced}
		}
	}
	if r.Ineligible+r.Failed > 0 {
		counts, err := from.ReasonCounts(ctx, r.ID)
		if err != nil {
			return v, err
		}
		v.Reasons = viewReasons(counts, by.party)
		told := remedies{from: from, source: r.SourceOperator, party: by.party}
		for i, c := range v.Reasons {
			if v.Reasons[i].Remedy, err = told.of(ctx, c.Reason, r.DestinationOperator); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// visible returns a request and as which party the caller sees it, or
// ErrNotFound if the caller may not see it.
func (s *server) visible(ctx context.Context, id uuid.UUID) (storage.Request, transfer.Party, error) {
	r, err := s.db.Request(ctx, id)
	if err != nil {
		return r, "", err
	}
	party, ok := partyOf(callerOf(ctx), r)
	if !ok {
		return r, "", storage.ErrNotFound
	}
	return r, party, nil
}

func viewReasons(counts []storage.ReasonCount, party transfer.Party) []ReasonCount {
	list := make([]ReasonCount, 0, len(counts))
	for _, c := range counts {
		if c.State == transfer.Ineligible && !sightOf(party).unoffered {
			continue
		}
		list = append(list, ReasonCount{State: c.State, Reason: c.Reason, Remedy: c.Reason.Remedy(), Count: c.Count})
	}
	return list
}
