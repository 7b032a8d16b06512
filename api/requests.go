package api

import (
	"context"
	"fmt"
	"iter"
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
	WaitingFor        *transfer.Party       `json:"waiting_for" nullable:"true" doc:"Who has to decide next, support or destination; null if the service works on it, or it is over."`
	Source            transfer.OperatorID   `json:"source" doc:"The operator id of the account that sends."`
	Destination       transfer.OperatorID   `json:"destination" doc:"The operator id of the account that receives."`
	Batch             *uuid.UUID            `json:"batch,omitempty" format:"uuid" doc:"The upload that it comes from, for the source and support."`
	RetryOf           *uuid.UUID            `json:"retry_of,omitempty" format:"uuid" doc:"The request whose lines this one asks for again."`
	RetriedBy         []string              `json:"retried_by,omitempty" nullable:"false" doc:"The ids of requests that ask for lines of this one again."`
	SelfServiceOnly   bool                  `json:"self_service_only" doc:"Whether SIMs that would need support were made ineligible."`
	AcceptanceSeconds int64                 `json:"acceptance_seconds" doc:"How long the destination has, once it can accept."`
	Counts            Counts                `json:"counts"`
	Reasons           []ReasonCount         `json:"reasons,omitempty" nullable:"false" doc:"Why SIMs were not transferred. Not in lists."`
	Fees              *Fees                 `json:"fees,omitempty" doc:"For the source and support."`
	Landing           *Landing              `json:"landing,omitempty" doc:"What the destination wants of the SIMs as they arrive. For the destination and support alone."`
	Ticket            *string               `json:"ticket,omitempty" doc:"Support's reference."`
	FeeOverride       *int64                `json:"fee_minor,omitempty" doc:"What support has decided that each SIM costs which needs support, in the minor unit of the source's currency."`
	FeeReason         *string               `json:"fee_reason,omitempty" doc:"Why support has decided so."`
	CreatedAt         time.Time             `json:"created_at"`
	ExpiresAt         *time.Time            `json:"expires_at,omitempty" doc:"When the time to decide is over."`
	FinishedAt        *time.Time            `json:"finished_at,omitempty" doc:"When every SIM had its outcome and was free again."`
}

// Counts are the SIMs of a request or a batch by their states. The destination
// is not told of SIMs that were never open to it.
type Counts struct {
	SIMs       int `json:"sims" doc:"All of them."`
	Pending    int `json:"pending" doc:"Not validated yet."`
	Eligible   int `json:"eligible" doc:"Open: validated, and not at an end."`
	Support    int `json:"needing_support" doc:"Of the eligible ones, those that support has to approve."`
	Completed  int `json:"completed"`
	Ineligible int `json:"ineligible"`
	Failed     int `json:"failed"`
	Canceled   int `json:"canceled"`
	Declined   int `json:"declined"`
	Denied     int `json:"denied"`
	Expired    int `json:"expired"`
}

// ReasonCount is how many SIMs were not transferred for one reason, and what
// to do about it.
type ReasonCount struct {
	State  transfer.State  `json:"state" enum:"ineligible,failed"`
	Reason transfer.Reason `json:"reason"`
	Remedy string          `json:"remedy"`
	Count  int             `json:"count"`
}

// Fees are the fees of a request. The source pays them, on completion.
type Fees struct {
	Currency transfer.Currency `json:"currency" doc:"The source's."`
	Quoted   int64             `json:"quoted_minor" doc:"Of the SIMs that are still open, in the minor unit."`
	Charged  int64             `json:"charged_minor" doc:"Posted so far."`
	Unquoted int               `json:"unquoted,omitempty" doc:"Open SIMs for which the fee schedule had no amount: support has to set one."`
}

func viewRequest(r storage.Request, party transfer.Party) Request {
	v := Request{
		ID:                r.ID,
		State:             r.State,
		WaitingFor:        waitingFor(r.State),
		Source:            r.SourceOperator,
		Destination:       r.DestinationOperator,
		RetryOf:           r.RetryOf,
		RetriedBy:         r.RetriedBy,
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
		},
		CreatedAt:  r.CreatedAt.UTC(),
		ExpiresAt:  utc(r.ExpiresAt),
		FinishedAt: utc(r.FinishedAt),
	}
	v.Counts.Pending = r.Size - r.Eligible - r.Completed - r.Ineligible - r.Failed - r.Canceled - r.Declined - r.Denied - r.Expired
	sight := sightOf(party)
	if sight.batch {
		v.Batch = r.Batch
	}
	if sight.review {
		v.Ticket, v.FeeOverride, v.FeeReason = r.Ticket, r.FeeOverride, r.FeeReason
	}
	if sight.landing {
		v.Landing = viewLanding(r.Landing)
	}
	if sight.fees {
		fees := r.Fees()
		v.Fees = &Fees{Currency: r.Currency, Quoted: fees.Quoted, Charged: fees.Charged, Unquoted: fees.Unquoted}
	}
	if !sight.unoffered {
		v.Counts.SIMs -= v.Counts.Pending + v.Counts.Ineligible
		v.Counts.Pending, v.Counts.Ineligible = 0, 0
	}
	return v
}

// waitingFor says whose turn it is.
func waitingFor(s transfer.RequestState) *transfer.Party {
	var p transfer.Party
	switch s {
	case transfer.InReview:
		p = transfer.PartySupport
	case transfer.AwaitingAcceptance:
		p = transfer.PartyDestination
	case transfer.Validating, transfer.Transferring, transfer.RequestCompleted, transfer.RequestRejected,
		transfer.RequestCanceled, transfer.RequestDeclined, transfer.RequestDenied, transfer.RequestExpired:
		return nil
	}
	return &p
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

// NewRequest is what a transfer request is made from.
type NewRequest struct {
	Destination       destination `json:"destination"`
	SIMs              []string    `json:"sims" nullable:"false" minItems:"1" maxItems:"100000" doc:"The SIMs, each by its ICCID, IMSI or MSISDN."`
	SelfServiceOnly   bool        `json:"self_service_only,omitempty" doc:"Makes SIMs that would need support ineligible."`
	AcceptanceSeconds int64       `json:"acceptance_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long the destination has, once it can accept: 1 second to 30 days. If it is left out, what the service is set to holds: a day, unless its operator has changed that."`
	OnBehalfOf        string      `json:"on_behalf_of,omitempty" maxLength:"32" doc:"The operator id of the source, for support alone, which has to say it."`
}

// destination names an account by two things that have to fit together.
type destination struct {
	Email      string `json:"email" maxLength:"254" doc:"The primary email of the account."`
	OperatorID string `json:"operator_id" maxLength:"32" example:"OP0012345678" doc:"Its operator id."`
}

// asked is a NewRequest that was read.
type asked struct {
	source storage.Account
	pair   storage.Pair // the destination, as its source names it
	sims   []transfer.Identifier
}

// readRequest reads what a request is to be made from.
func (s *server) readRequest(ctx context.Context, r NewRequest) (asked, error) {
	p := problem.New(problem.Invalid, "nothing was accepted: correct what the errors list")
	a := asked{
		pair: storage.Pair{
			Email:      parsed(p, "body.destination.email", r.Destination.Email, transfer.ParseEmail),
			OperatorID: parsed(p, "body.destination.operator_id", r.Destination.OperatorID, transfer.ParseOperatorID),
		},
		sims: parseSIMs(p, "body.sims", r.SIMs),
	}
	if len(p.Errors) > 0 {
		return a, p
	}
	var err error
	a.source, err = s.actingAccount(ctx, "body.on_behalf_of", r.OnBehalfOf)
	return a, err
}

// maker is where requests are made: in a transaction, or each by itself.
type maker interface {
	Destinations(ctx context.Context, pairs []storage.Pair) ([]storage.Account, error)
	CreateRequest(ctx context.Context, r storage.NewRequest) (storage.Request, error)
}

// destination returns the account that a request is to go to.
func (a asked) destination(ctx context.Context, by maker) (storage.Account, error) {
	to, err := by.Destinations(ctx, []storage.Pair{a.pair})
	if err != nil {
		return storage.Account{}, err
	}
	if wrong := wrongDestination(a.source, to[0]); wrong != nil {
		return storage.Account{}, problem.New(wrong.code, wrong.message, problem.FieldError{Location: "body.destination", Message: wrong.message})
	}
	return to[0], nil
}

func (s *server) createRequest(ctx context.Context, in *createRequestInput) (*reply[Request], error) {
	a, err := s.readRequest(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	create := func(by maker, out *reply[Request]) error {
		to, err := a.destination(ctx, by)
		if err != nil {
			return err
		}
		made, err := by.CreateRequest(ctx, storage.NewRequest{
			Source:          a.source,
			Destination:     to,
			SelfServiceOnly: in.Body.SelfServiceOnly,
			Acceptance:      s.acceptance(in.Body.AcceptanceSeconds),
			Review:          s.ReviewPeriod,
			By:              sender(ctx),
			Size:            len(a.sims),
			SIMs:            numbered(a.sims),
		})
		if err != nil {
			return err
		}
		renderRequest(made, out)
		return nil
	}
	if callOf(ctx).idem == nil { // nothing to store beside it
		out := &reply[Request]{}
		return out, create(s.db, out)
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[Request]) error { return create(t, out) })
}

// renderRequest answers with a request that the caller has just made.
func renderRequest(r storage.Request, out *reply[Request]) {
	out.Status, out.Location = 202, requestPath(r.ID)
	out.Body = viewRequest(r, transfer.PartySource)
}

func requestPath(id uuid.UUID) string { return "/v1/transfer-requests/" + id.String() }

// sender returns the caller as the actor who creates, cancels or retries
// requests: the source, or support on its behalf.
func sender(ctx context.Context) storage.Actor { return actor(ctx, senderParty(callerOf(ctx))) }

// actor returns the caller as a party of a request.
func actor(ctx context.Context, party transfer.Party) storage.Actor {
	c := callOf(ctx)
	return storage.Actor{Party: party, Key: c.caller.Key, Address: c.address}
}

type destinationProblem struct {
	code    problem.Code
	message string
}

// wrongDestination says why an account cannot send to another, or nil. The
// zero destination is one of which not both halves were right.
func wrongDestination(source, to storage.Account) *destinationProblem {
	switch {
	case source.Standing != storage.StandingOpen:
		return &destinationProblem{problem.AccountClosed, "the source account is closed"}
	case to.ID == 0:
		return &destinationProblem{problem.UnknownDestination, "no account has this email and this operator id together"}
	case to.ID == source.ID:
		return &destinationProblem{problem.OwnAccount, "the destination is the source account itself"}
	case to.Standing != storage.StandingOpen:
		return &destinationProblem{problem.AccountClosed, "the destination account is closed"}
	}
	return nil
}

// parseSIMs reads a list of SIMs and adds what is wrong with it to a problem.
func parseSIMs(p *problem.Problem, location string, list []string) []transfer.Identifier {
	sims := make([]transfer.Identifier, len(list))
	first := make(map[transfer.Identifier]int, len(list))
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", location, i)
		id, err := transfer.ParseIdentifier(text)
		if err != nil {
			p.Add(problem.FieldError{Location: at, Message: err.Error(), Value: text})
			continue
		}
		if earlier, twice := first[id]; twice {
			p.Add(problem.FieldError{Location: at, Message: fmt.Sprintf("the same as %s[%d]: remove one of the two", location, earlier), Value: id.String()})
			continue
		}
		first[id], sims[i] = i, id
	}
	return sims
}

// numbered yields SIMs with their places in the list, from 1.
func numbered(sims []transfer.Identifier) iter.Seq2[int, transfer.Identifier] {
	return func(yield func(int, transfer.Identifier) bool) {
		for i, id := range sims {
			if !yield(i+1, id) {
				return
			}
		}
	}
}

type listRequestsInput struct {
	Paging
	Direction string                `query:"direction" enum:"outgoing,incoming,both" default:"both" doc:"Seen from the account: what it sends, or what it is to receive."`
	Account   string                `query:"account" maxLength:"32" doc:"Only the requests of this operator id. For support; an account sees its own anyway."`
	State     transfer.RequestState `query:"state" doc:"Only requests in this state."`
	Batch     string                `query:"batch" format:"uuid" doc:"Only the requests of this batch, for the account that submitted it, and for support."`
	Ticket    string                `query:"ticket" maxLength:"100" doc:"Only requests that were approved with this reference. For support."`

	SIM           string          `query:"sim" maxLength:"32" doc:"Only requests for this SIM: an ICCID, IMSI or MSISDN."`
	Reason        transfer.Reason `query:"reason" doc:"Only requests with a SIM that was not transferred for this reason."`
	Method        transfer.Method `query:"method" doc:"Only requests with a SIM that goes, or went, by this method."`
	CreatedAfter  time.Time       `query:"created_after" doc:"Only requests made at this instant or later."`
	CreatedBefore time.Time       `query:"created_before" doc:"Only requests made before this instant."`
}

// narrow adds to a filter what the query asks for.
func (in *listRequestsInput) narrow(f *storage.RequestFilter) error {
	if in.SIM != "" {
		id, err := transfer.ParseIdentifier(in.SIM)
		if err != nil {
			return problem.New(problem.Invalid, "", problem.FieldError{Location: "query.sim", Message: err.Error(), Value: in.SIM})
		}
		f.SIM = id
	}
	f.Ticket, f.Reason, f.Method = in.Ticket, in.Reason, in.Method
	f.CreatedAfter, f.CreatedBefore = given(in.CreatedAfter), given(in.CreatedBefore)
	return nil
}

func (s *server) listRequests(ctx context.Context, in *listRequestsInput) (*listOf[Request], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.RequestFilter{State: in.State, Limit: in.Limit + 1, Viewer: callerOf(ctx).Account.ID}
	if err := in.narrow(&f); err != nil {
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
	if f.Before, err = idCursor(in.Cursor); err != nil {
		return nil, err
	}
	if in.Batch != "" {
		batch, err := uuid.Parse(in.Batch)
		if err != nil {
			return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "query.batch", Message: "not a batch id", Value: in.Batch})
		}
		f.Batch = &batch
	}
	rows, err := s.db.Requests(ctx, f)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	return pageOf(rows, in.Limit, func(r storage.Request) string { return r.ID.String() }, func(r storage.Request) Request {
		party, _ := partyOf(caller, r)
		return viewRequest(r, party)
	})
}

// RequestPath names a transfer request.
type RequestPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the transfer request."`
}

type requestOutput struct{ Body Request }

func (s *server) getRequest(ctx context.Context, in *RequestPath) (*requestOutput, error) {
	r, party, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := viewWhole(ctx, s.db, r, party)
	return &requestOutput{v}, err
}

// reasons is where the reasons of a request's SIMs are counted: in a transaction
// or beside any.
type reasons interface {
	ReasonCounts(ctx context.Context, request uuid.UUID) ([]storage.ReasonCount, error)
}

// viewWhole is viewRequest with what is told of a single request alone.
func viewWhole(ctx context.Context, from reasons, r storage.Request, party transfer.Party) (Request, error) {
	v := viewRequest(r, party)
	if r.Ineligible+r.Failed > 0 {
		counts, err := from.ReasonCounts(ctx, r.ID)
		if err != nil {
			return v, err
		}
		v.Reasons = viewReasons(counts, party)
	}
	return v, nil
}

// visible returns a request and as which party the caller sees it, or
// ErrNotFound if it is none of the caller's business.
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
