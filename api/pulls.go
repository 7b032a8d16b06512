package api

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// PullRequest is a pull request as the API shows it.
type PullRequest struct {
	ID        uuid.UUID           `json:"id" format:"uuid"`
	Direction string              `json:"direction,omitempty" enum:"incoming,outgoing" doc:"outgoing: the account asks for the SIMs. incoming: the account is asked. Left out for support."`
	State     transfer.PullState  `json:"state" doc:"An account that asks sees open, expired or canceled, whatever the owners decide. An owner that is silent until expires_at refuses."`
	Asker     transfer.OperatorID `json:"asker" doc:"The operator id of the account that asks for the SIMs."`
	AskerName *string             `json:"asker_name,omitempty" doc:"The name of that account."`
	Reference *string             `json:"reference,omitempty" doc:"A reference of the account that asks, such as a purchase order."`
	Message   *string             `json:"message,omitempty" doc:"What the account that asks says."`
	Size      int                 `json:"size" doc:"How many SIMs it asks for. An owner sees only its own SIMs."`
	ICCIDs    []string            `json:"iccids,omitempty" nullable:"false" doc:"The SIMs. An owner sees only its own SIMs, as long as it owns them. Not in lists."`
	Requests  []string            `json:"requests" nullable:"false" doc:"The ids of the transfer requests that approvals have made. The account that asks sees a request when it can accept it."`
	Owners    []PullOwner         `json:"owners,omitempty" nullable:"false" doc:"The accounts that are asked. For support. Not in lists."`
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at" doc:"When the time to answer ends."`
	EndedAt   *time.Time          `json:"ended_at,omitempty" doc:"When it was approved, refused or canceled."`
}

// PullOwner is an account that a pull request asks.
type PullOwner struct {
	Account   transfer.OperatorID `json:"account"`
	Size      int                 `json:"size" doc:"How many SIMs it was asked for or, once it has decided, has decided on."`
	Decision  *string             `json:"decision,omitempty" enum:"approved,refused"`
	DecidedAt *time.Time          `json:"decided_at,omitempty"`
	Request   *uuid.UUID          `json:"request,omitempty" format:"uuid"`
}

func viewPull(p storage.Pull, c storage.Caller) PullRequest {
	v := PullRequest{
		ID:        p.ID,
		State:     p.State,
		Asker:     p.Asker,
		AskerName: p.AskerName,
		Reference: p.Reference,
		Message:   p.Message,
		Size:      p.Size,
		Requests:  p.Requests,
		CreatedAt: p.CreatedAt.UTC(),
		ExpiresAt: p.ExpiresAt.UTC(),
		EndedAt:   utc(p.EndedAt),
	}
	switch {
	case !isAccount(c):
	case p.Outgoing:
		v.Direction = "outgoing"
	default:
		v.Direction = "incoming"
	}
	return v
}

type createPullInput struct {
	Idempotent
	Body struct {
		ICCIDs        []string `json:"iccids" nullable:"false" minItems:"1" maxItems:"10000" doc:"The ICCIDs of the SIMs, with or without their check digits."`
		Reference     string   `json:"reference,omitempty" maxLength:"64" doc:"Your reference, such as a purchase order. The owners see it, and the transfer requests have it."`
		Message       string   `json:"message,omitempty" maxLength:"1000" doc:"Shown to the owners: who you are, and why they should agree."`
		AnswerSeconds int64    `json:"answer_seconds,omitempty" minimum:"60" maximum:"2592000" doc:"How long the owners have to answer, from 1 minute to 30 days. Default: as long as a destination has to accept a request."`
	}
}

// createPull makes a pull request. How long it takes must not show which of the
// SIMs exist, so the time is rounded up.
func (s *server) createPull(ctx context.Context, in *createPullInput) (*reply[PullRequest], error) {
	begun, c := time.Now(), callerOf(ctx)
	asker, err := ownAccount(c)
	if err != nil {
		return nil, err
	}
	p := problem.New(problem.Invalid, "nothing was accepted: fix the listed errors")
	n := storage.NewPull{
		Asker:     asker,
		ICCIDs:    parseSIMs(p, "body.iccids", in.Body.ICCIDs, transfer.ParseICCID),
		Reference: parsed(p, "body.reference", in.Body.Reference, transfer.ParseLine),
		Message:   parsed(p, "body.message", in.Body.Message, transfer.ParseText),
		Period:    s.acceptance(in.Body.AnswerSeconds),
		By:        actor(ctx, transfer.PartyDestination),
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	out, err := once(ctx, s, func(t *storage.Tx, out *reply[PullRequest]) error {
		made, err := t.CreatePull(ctx, n, s.limits())
		if err != nil {
			return err
		}
		out.Status, out.Location, out.Body = 201, "/v1/pull-requests/"+made.ID.String(), viewPull(made, c)
		return nil
	})
	took := time.Since(begun)
	if late := took % s.PullTime; late > 0 {
		pause(ctx, s.PullTime-late)
	}
	return out, err
}

// pause waits, unless the call ends before.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func fillOwnSIMs(e *storage.OwnSIMsError, p *problem.Problem) {
	p.Detail = "nothing was accepted: some of the SIMs belong to your account"
	for _, place := range e.Places {
		p.Add(problem.FieldError{Location: fmt.Sprintf("body.iccids[%d]", place), Message: "the SIM belongs to your account: remove it"})
	}
}

type listPullsInput struct {
	Paging
	Direction string               `query:"direction" enum:"incoming,outgoing,both" default:"both" doc:"Only those that ask the account (incoming), or that the account asks (outgoing)."`
	State     []transfer.PullState `query:"state" nullable:"false" doc:"Only pull requests in one of these states."`
	Account   string               `query:"account" maxLength:"132" doc:"Only pull requests of the account with this operator id or external id. For support."`
}

func (s *server) listPulls(ctx context.Context, in *listPullsInput) (*listOf[PullRequest], error) {
	c := callerOf(ctx)
	viewer, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	asker, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.PullFilter{
		Viewer: viewer, States: in.State, Limit: in.Limit + 1,
		Incoming: viewer != 0 && in.Direction == "incoming", Outgoing: viewer != 0 && in.Direction == "outgoing",
	}
	if viewer == 0 {
		f.Account = asker
	}
	if f.Before, err = idCursor(in.Cursor); err != nil {
		return nil, err
	}
	rows, err := s.db.Pulls(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(p storage.Pull) string { return p.ID.String() }, func(p storage.Pull) PullRequest { return viewPull(p, c) })
}

// PullPath is embedded in the input of routes for one pull request.
type PullPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the pull request."`
}

type pullOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   PullRequest
}

type getPullInput struct {
	PullPath
	IfNoneMatch
}

func (s *server) getPull(ctx context.Context, in *getPullInput) (*pullOutput, error) {
	c := callerOf(ctx)
	viewer, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	p, err := s.db.Pull(ctx, in.ID, viewer)
	if err != nil {
		return nil, err
	}
	out := &pullOutput{}
	if out.Body, err = viewWholePull(ctx, s.db, p, c, viewer); err != nil {
		return nil, err
	}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

// pullReader is the database, or a transaction.
type pullReader interface {
	PullSIMs(ctx context.Context, id uuid.UUID, viewer int64) ([]string, error)
	PullOwners(ctx context.Context, id uuid.UUID) ([]storage.PullOwner, error)
}

// viewWholePull is viewPull with what lists leave out.
func viewWholePull(ctx context.Context, from pullReader, p storage.Pull, c storage.Caller, viewer int64) (v PullRequest, err error) {
	v = viewPull(p, c)
	if v.ICCIDs, err = from.PullSIMs(ctx, p.ID, viewer); err != nil || !isStaff(c) {
		return v, err
	}
	owners, err := from.PullOwners(ctx, p.ID)
	for _, o := range owners {
		v.Owners = append(v.Owners, PullOwner{o.Owner, o.Size, o.Decision, utc(o.DecidedAt), o.Request})
	}
	return v, err
}

// pullMatches returns the condition of a call on a pull request, nil if it has none.
func pullMatches(ctx context.Context, t *storage.Tx, viewer int64) func(storage.Pull) error {
	if !conditional(ctx) {
		return nil
	}
	return func(p storage.Pull) error {
		v, err := viewWholePull(ctx, t, p, callerOf(ctx), viewer)
		if err != nil {
			return err
		}
		return matches(ctx, v)
	}
}

// pullTag returns the ETag of a pull request after a decision.
func pullTag(ctx context.Context, t *storage.Tx, p storage.Pull, viewer int64) (string, error) {
	v, err := viewWholePull(ctx, t, p, callerOf(ctx), viewer)
	if err != nil {
		return "", err
	}
	return entityTag(v)
}

type approvePullInput struct {
	Idempotent
	IfMatch
	PullPath
	Body *struct {
		SIMs              []string `json:"sims,omitempty" nullable:"false" minItems:"1" maxItems:"10000" doc:"Send only these SIMs, by any of their identifiers, and refuse the others. Default: all SIMs that it asks you for."`
		Reference         string   `json:"reference,omitempty" maxLength:"64" doc:"The reference of the transfer request. Default: that of the pull request."`
		Message           string   `json:"message,omitempty" maxLength:"1000" doc:"Shown to the destination."`
		AcceptanceSeconds int64    `json:"acceptance_seconds,omitempty" minimum:"1" maximum:"2592000" doc:"How long the destination has to accept. Default: as the service is configured, usually one day."`
	}
}

func (s *server) approvePull(ctx context.Context, in *approvePullInput) (*reply[PullRequest], error) {
	a := storage.PullAnswer{Decision: transfer.ApprovePull, Acceptance: s.acceptance(0), Review: s.ReviewPeriod, Limits: s.limits()}
	if in.Body != nil {
		p := problem.New(problem.Invalid, "nothing was decided: fix the listed errors")
		a.SIMs = parseSIMs(p, "body.sims", in.Body.SIMs, transfer.ParseIdentifier)
		a.Reference = parsed(p, "body.reference", in.Body.Reference, transfer.ParseLine)
		a.Message = parsed(p, "body.message", in.Body.Message, transfer.ParseText)
		if len(p.Errors) > 0 {
			return nil, p
		}
		a.Acceptance = s.acceptance(in.Body.AcceptanceSeconds)
	}
	return s.answerPull(ctx, in.PullPath, a)
}

type refusePullInput struct {
	Idempotent
	IfMatch
	PullPath
	Body *struct{}
}

func (s *server) refusePull(ctx context.Context, in *refusePullInput) (*reply[PullRequest], error) {
	return s.answerPull(ctx, in.PullPath, storage.PullAnswer{Decision: transfer.RefusePull})
}

// answerPull decides on a pull request as the owner of SIMs.
func (s *server) answerPull(ctx context.Context, in PullPath, a storage.PullAnswer) (*reply[PullRequest], error) {
	c := callerOf(ctx)
	var err error
	if a.Owner, err = ownAccount(c); err != nil {
		return nil, err
	}
	a.By = actor(ctx, transfer.PartySource)
	return once(ctx, s, func(t *storage.Tx, out *reply[PullRequest]) error {
		a := a
		a.If = pullMatches(ctx, t, a.Owner.ID)
		p, err := t.AnswerPull(ctx, in.ID, a)
		if err != nil {
			return err
		}
		out.Status, out.Body = 200, viewPull(p, c)
		if a.Decision == transfer.ApprovePull {
			out.Status, out.Location = 202, "/v1/transfer-requests/"+p.Requests[0]
		}
		out.ETag, err = pullTag(ctx, t, p, a.Owner.ID)
		return err
	})
}

type cancelPullInput struct {
	Idempotent
	IfMatch
	PullPath
	Body *struct{}
}

func (s *server) cancelPull(ctx context.Context, in *cancelPullInput) (*reply[PullRequest], error) {
	c := callerOf(ctx)
	viewer, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[PullRequest]) error {
		p, err := t.CancelPull(ctx, actingCaller(ctx), in.ID, viewer, pullMatches(ctx, t, viewer))
		if err != nil {
			return err
		}
		out.Status, out.Body = 200, viewPull(p, c)
		out.ETag, err = pullTag(ctx, t, p, viewer)
		return err
	})
}
