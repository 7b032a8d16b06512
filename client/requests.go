package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// Request is a transfer request. Fields that do not concern the caller, or
// have no value yet, are zero.
type Request struct {
	ID                uuid.UUID             `json:"id"`
	State             transfer.RequestState `json:"state"`
	NextAction        *NextAction           `json:"next_action"`       // nil if no decision is due
	Outcome           transfer.Outcome      `json:"outcome,omitempty"` // empty until the request is finished
	Source            transfer.OperatorID   `json:"source"`
	Destination       transfer.OperatorID   `json:"destination"`
	Batch             *uuid.UUID            `json:"batch,omitempty"`
	RetryOf           *uuid.UUID            `json:"retry_of,omitempty"`
	RetriedBy         []string              `json:"retried_by,omitempty"`
	Reference         string                `json:"reference,omitempty"` // the source's own
	Message           string                `json:"message,omitempty"`   // of the source to the destination
	Decision          *DecisionWords        `json:"decision,omitempty"`  // why it was declined, denied or canceled as a whole
	SelfServiceOnly   bool                  `json:"self_service_only"`
	AcceptanceSeconds int64                 `json:"acceptance_seconds"`
	Counts            Counts                `json:"counts"`
	Reasons           []ReasonCount         `json:"reasons,omitempty"` // empty in lists
	Fees              *Fees                 `json:"fees,omitempty"`
	Landing           *Landing              `json:"landing,omitempty"`
	LandingPlans      *LandingPlans         `json:"landing_plans,omitempty"` // the plan mapping that was in force on acceptance
	Ticket            string                `json:"ticket,omitempty"`        // support's reference
	FeeOverride       *transfer.Money       `json:"fee,omitempty"`           // fee per SIM that support set
	FeeReason         string                `json:"fee_reason,omitempty"`
	CreatedAt         time.Time             `json:"created_at"`
	ExpiresAt         *time.Time            `json:"expires_at,omitempty"`  // end of the time to decide, or of the window of a scheduled request
	NotBefore         *time.Time            `json:"not_before,omitempty"`  // beginning of the window of a request that was accepted for later
	NotAfter          *time.Time            `json:"not_after,omitempty"`   // end of the window of a request that was accepted for later; nil if it has none
	TakeBack          *TakeBack             `json:"take_back,omitempty"`   // who can take back how the request ended
	FinishedAt        *time.Time            `json:"finished_at,omitempty"` // nil until every SIM has its outcome

	// What the caller can do now with its API key, and why it cannot do the rest.
	CanAccept   bool              `json:"can_accept"` // for support: on behalf of the destination
	CanDecline  bool              `json:"can_decline"`
	CanCancel   bool              `json:"can_cancel"`
	CanExtend   bool              `json:"can_extend"`
	CanTakeBack bool              `json:"can_take_back"`         // provided that all its SIMs are still free
	CanApprove  *bool             `json:"can_approve,omitempty"` // for support
	CanDeny     *bool             `json:"can_deny,omitempty"`    // for support
	WhyNot      map[string]string `json:"why_not,omitempty"`     // by event, such as accept; empty in lists

	MadeFrom         *MadeFrom         `json:"made_from,omitempty"`          // a pull request or a transfer code
	AcceptedOnBehalf *AcceptedOnBehalf `json:"accepted_on_behalf,omitempty"` // by support, in place of the destination

	Monthly *MonthlyCost `json:"monthly,omitempty"` // for the destination while it decides, and support; nil in lists

	SourceName string `json:"source_name,omitempty"` // of the account that sends the SIMs

	// For support: the ids of the accounts in the operator's own systems.
	SourceExternalID      string `json:"source_external_id,omitempty"`
	DestinationExternalID string `json:"destination_external_id,omitempty"`
}

// MadeFrom is what a request comes of.
type MadeFrom struct {
	PullRequest  *uuid.UUID `json:"pull_request,omitempty"`
	TransferCode *uuid.UUID `json:"transfer_code,omitempty"` // its id; for the source and support
}

// AcceptedOnBehalf is why support accepted a request on behalf of the destination.
type AcceptedOnBehalf struct {
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"` // for the source and support
}

// MonthlyCost is what SIMs cost the destination a month.
type MonthlyCost struct {
	Total    transfer.Money `json:"total"`
	Unpriced int            `json:"unpriced,omitempty"` // SIMs that are not in the total, because their plans have no price
}

// NextAction is whose turn it is with a request.
type NextAction struct {
	Party transfer.Party   `json:"party"` // support or destination
	Until time.Time        `json:"until"` // when the time to decide ends
	Acts  []transfer.Event `json:"acts"`  // what the party can do
}

// TakeBack is who can take back that a request was canceled, declined or denied,
// and until when.
type TakeBack struct {
	By    transfer.Party `json:"by"`
	Until time.Time      `json:"until"`
}

// DecisionWords are what a party says about why it declined, denied or canceled
// a request.
type DecisionWords struct {
	Code   transfer.DecisionCode `json:"code,omitempty"`
	Reason string                `json:"reason,omitempty"`
}

// Counts are the numbers of SIMs of a request or batch, by state.
type Counts struct {
	SIMs       int `json:"sims"` // the total
	Pending    int `json:"pending"`
	Eligible   int `json:"eligible"`
	Support    int `json:"needing_support"` // eligible SIMs that support has to approve
	Completed  int `json:"completed"`
	Ineligible int `json:"ineligible"`
	Failed     int `json:"failed"`
	Canceled   int `json:"canceled"`
	Declined   int `json:"declined"`
	Denied     int `json:"denied"`
	Expired    int `json:"expired"`
	Purged     int `json:"purged,omitempty"` // of the ineligible and canceled ones, those whose rows are no longer stored
}

// ReasonCount is the number of SIMs that were not transferred for one reason.
type ReasonCount struct {
	State  transfer.State  `json:"state"`
	Reason transfer.Reason `json:"reason"`
	Remedy string          `json:"remedy"`
	Count  int             `json:"count"`
}

// Fees are the fees of a request, in the currency of the source, which pays
// them.
type Fees struct {
	Quoted   transfer.Money `json:"quoted"`
	Charged  transfer.Money `json:"charged"`
	Unquoted int            `json:"unquoted,omitempty"` // open SIMs for which the fee schedule has no amount
	Entries  []QuotedFee    `json:"entries,omitempty"`  // from which fees were quoted
}

// QuotedFee is an entry of the fee schedule, or a price of the source, from which
// fees were quoted.
type QuotedFee struct {
	ID           int64          `json:"id"`
	Fee          transfer.Money `json:"fee"` // per SIM that needs support
	ValidFrom    time.Time      `json:"valid_from"`
	AccountPrice bool           `json:"account_price"` // a price of the source; otherwise an entry of the schedule
}

// Landing is what the destination sets on SIMs as they arrive.
type Landing struct {
	Group      string            `json:"group,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	SpeedClass string            `json:"speed_class,omitempty"`
	Plan       string            `json:"plan,omitempty"`
}

// NewRequest is what CreateRequest and PreviewRequest need.
type NewRequest struct {
	Destination       Destination         `json:"destination"`
	SIMs              []string            `json:"sims,omitempty"`         // ICCIDs, IMSIs, MSISDNs, EIDs or ranges of ICCIDs: 1 to 100,000
	Filter            *SIMConditions      `json:"filter,omitempty"`       // in place of SIMs: those that match
	AllSIMs           bool                `json:"all_sims,omitempty"`     // in place of SIMs: all that the source has
	ExpectCount       *int                `json:"expect_count,omitempty"` // the number of SIMs to be selected; otherwise nothing is created
	SelfServiceOnly   bool                `json:"self_service_only,omitempty"`
	AcceptanceSeconds int64               `json:"acceptance_seconds,omitempty"` // zero means the service's default
	OnBehalfOf        transfer.AccountRef `json:"on_behalf_of,omitempty"`       // the source; required for support, and only for support

	Reference       string            `json:"reference,omitempty"` // the source's own, which the destination sees
	UniqueReference bool              `json:"unique_reference,omitempty"`
	Message         string            `json:"message,omitempty"`        // to the destination
	SIMReferences   map[string]string `json:"sim_references,omitempty"` // from a SIM, identified as in SIMs, to its reference
}

// Destination identifies an account by two values that must match, or by an earlier
// request of the source.
type Destination struct {
	Email      string              `json:"email,omitempty"`
	OperatorID transfer.AccountRef `json:"operator_id,omitempty"`
	SameAs     *uuid.UUID          `json:"same_as,omitempty"` // in place of both: the request
}

// Acceptance is the body of AcceptRequest.
type Acceptance struct {
	SIMs    []string `json:"sims,omitempty"`    // the others are declined; empty means all SIMs
	Landing *Landing `json:"landing,omitempty"` // what it leaves out comes from the landing profile of the destination

	WithoutProfile bool `json:"without_profile,omitempty"` // ignores that profile

	OnBehalf *OnBehalf `json:"on_behalf,omitempty"` // set by support, which accepts on behalf of the destination

	// The window in which the transfer starts; nil for both means at once.
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
}

// OnBehalf is why support accepts on behalf of the destination. Both are required.
type OnBehalf struct {
	Reason string `json:"reason"` // the source and the destination see it
	Ticket string `json:"ticket"` // the source sees it
}

// Extension is the body of ExtendRequest. One of the two is set.
type Extension struct {
	Until   *time.Time `json:"until,omitempty"`   // the new end of the time to decide
	Seconds int64      `json:"seconds,omitempty"` // how much longer the time to decide gets
}

// Decline is the body of DeclineRequest.
type Decline struct {
	SIMs   []string              `json:"sims,omitempty"` // the others stay open; empty means all SIMs
	Code   transfer.DecisionCode `json:"code,omitempty"`
	Reason string                `json:"reason,omitempty"`
}

// Cancellation is the body of CancelRequest.
type Cancellation struct {
	SIMs   []string              `json:"sims,omitempty"` // the others stay open; empty means all SIMs
	Code   transfer.DecisionCode `json:"code,omitempty"`
	Reason string                `json:"reason,omitempty"`
}

// Approval is the body of ApproveRequest.
type Approval struct {
	Ticket    string      `json:"ticket"`
	Fee       *MoneyInput `json:"fee,omitempty"` // per SIM that needs support, in place of the quote; 0 waives it
	FeeReason string      `json:"fee_reason,omitempty"`
}

// Denial is the body of DenyRequest.
type Denial struct {
	Code   transfer.DecisionCode `json:"code,omitempty"`
	Reason string                `json:"reason"`
}

// RequestChoice lists requests, or selects them by a filter.
type RequestChoice struct {
	Requests    []string     `json:"requests,omitempty"`     // ids: up to 1,000
	Filter      *ReviewQueue `json:"filter,omitempty"`       // selects requests in review: up to 1,000
	ExpectCount *int         `json:"expect_count,omitempty"` // how many are chosen; required with a filter, except in a dry run
	DryRun      bool         `json:"dry_run,omitempty"`
}

// ReviewQueue selects requests in review. The zero value selects all of them.
type ReviewQueue struct {
	Account       transfer.AccountRef `json:"account,omitempty"` // the source
	Reference     string              `json:"reference,omitempty"`
	Batch         *uuid.UUID          `json:"batch,omitempty"`
	CreatedAfter  *time.Time          `json:"created_after,omitempty"`  // inclusive
	CreatedBefore *time.Time          `json:"created_before,omitempty"` // exclusive
}

// ApprovalOfMany is the body of ApproveRequests.
type ApprovalOfMany struct {
	RequestChoice
	Approval
}

// DenialOfMany is the body of DenyRequests.
type DenialOfMany struct {
	RequestChoice
	Denial
}

// RequestDecisions is the outcome of a decision on many requests.
type RequestDecisions struct {
	Chosen   int               `json:"chosen"`
	Decided  int               `json:"decided"` // or would be, in a dry run
	DryRun   bool              `json:"dry_run"`
	Requests []RequestDecision `json:"requests"`
}

// RequestDecision is the outcome for one of many requests.
type RequestDecision struct {
	Request uuid.UUID             `json:"request"`
	Decided bool                  `json:"decided"`
	State   transfer.RequestState `json:"state,omitempty"` // after the call; empty if there is no such request
	Code    problem.Code          `json:"code,omitempty"`  // why it was not decided
	Detail  string                `json:"detail,omitempty"`
}

// Retry is the body of RetryRequest.
type Retry struct {
	Reasons           []transfer.Reason `json:"reasons,omitempty"` // empty means every SIM that can be retried
	SelfServiceOnly   bool              `json:"self_service_only,omitempty"`
	AcceptanceSeconds int64             `json:"acceptance_seconds,omitempty"` // zero means as before
}

// RequestFilter selects transfer requests. A zero field selects all.
type RequestFilter struct {
	Direction     string // outgoing, incoming or both; seen from the account
	Account       transfer.AccountRef
	States        []transfer.RequestState
	Batch         string
	Ticket        string
	SIM           string // any identifier, or an EID
	By            string // the id or name of an API key, or the name or email of a person
	Reasons       []transfer.Reason
	Methods       []transfer.Method
	Reference     string // of the request, or of one of its SIMs
	Codes         []transfer.DecisionCode
	CreatedAfter  time.Time // inclusive
	CreatedBefore time.Time // exclusive
	Sort          string    // newest, oldest or deadline; empty means newest
}

// CreateRequest creates a transfer request.
func (c *Client) CreateRequest(ctx context.Context, r NewRequest, options ...Option) (Request, error) {
	return post[Request](ctx, c, path("transfer-requests"), r, options)
}

// PreviewedItems says which SIMs PreviewRequest lists: "all", the default, of up to
// 100,000 SIMs; "ineligible" or "none", of up to 1,000,000.
func PreviewedItems(which string) Option {
	return func(c *call) { c.path += "?items=" + url.QueryEscape(which) }
}

// PreviewRequest evaluates a transfer request without creating it.
func (c *Client) PreviewRequest(ctx context.Context, r NewRequest, options ...Option) (Preview, error) {
	var p Preview
	err := c.callJSON(ctx, http.MethodPost, path("transfer-requests", "preview"), r, &p, options...)
	return p, err
}

// ListRequests returns a page of transfer requests, the latest first.
func (c *Client) ListRequests(ctx context.Context, f RequestFilter, p Paging, options ...Option) (Page[Request], error) {
	q := p.query()
	q.set("direction", f.Direction)
	q.set("account", string(f.Account))
	q.set("state", joined(f.States))
	q.set("batch", f.Batch)
	q.set("ticket", f.Ticket)
	q.set("by", f.By)
	q.set("sim", f.SIM)
	q.set("reason", joined(f.Reasons))
	q.set("method", joined(f.Methods))
	q.set("reference", f.Reference)
	q.set("code", joined(f.Codes))
	q.setTime("created_after", f.CreatedAfter)
	q.setTime("created_before", f.CreatedBefore)
	q.set("sort", f.Sort)
	return get[Page[Request]](ctx, c, q.of(path("transfer-requests")), options)
}

// GetRequest returns a transfer request.
func (c *Client) GetRequest(ctx context.Context, id uuid.UUID, options ...Option) (Request, error) {
	return get[Request](ctx, c, requestPath(id), options)
}

// AcceptRequest accepts all or some SIMs of a request, for the destination or, by
// support, on behalf of it.
func (c *Client) AcceptRequest(ctx context.Context, id uuid.UUID, a Acceptance, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "accept"), a, options)
}

// DeclineRequest declines all or some SIMs of a request, for the destination.
func (c *Client) DeclineRequest(ctx context.Context, id uuid.UUID, d Decline, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "decline"), d, options)
}

// CancelRequest cancels all or some SIMs of a request, for the source or
// support.
func (c *Client) CancelRequest(ctx context.Context, id uuid.UUID, d Cancellation, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "cancel"), d, options)
}

// ExtendRequest gives more time to decide on a request, for the source or support.
func (c *Client) ExtendRequest(ctx context.Context, id uuid.UUID, e Extension, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "extend"), e, options)
}

// TakeBackRequest takes back that the caller has canceled, declined or denied a whole
// request.
func (c *Client) TakeBackRequest(ctx context.Context, id uuid.UUID, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "take-back"), struct{}{}, options)
}

// ApproveRequest approves a request, for support.
func (c *Client) ApproveRequest(ctx context.Context, id uuid.UUID, a Approval, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "approve"), a, options)
}

// DenyRequest denies a request, for support.
func (c *Client) DenyRequest(ctx context.Context, id uuid.UUID, d Denial, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "deny"), d, options)
}

// ApproveRequests approves many requests, for support.
func (c *Client) ApproveRequests(ctx context.Context, a ApprovalOfMany, options ...Option) (RequestDecisions, error) {
	return post[RequestDecisions](ctx, c, path("transfer-requests", "approve"), a, options)
}

// DenyRequests denies many requests, for support.
func (c *Client) DenyRequests(ctx context.Context, d DenialOfMany, options ...Option) (RequestDecisions, error) {
	return post[RequestDecisions](ctx, c, path("transfer-requests", "deny"), d, options)
}

// RetryRequest creates a request for the SIMs of another that were not
// transferred.
func (c *Client) RetryRequest(ctx context.Context, id uuid.UUID, r Retry, options ...Option) (Request, error) {
	return post[Request](ctx, c, requestPath(id, "retry"), r, options)
}

func requestPath(id uuid.UUID, more ...string) string {
	return path(append([]string{"transfer-requests", id.String()}, more...)...)
}
