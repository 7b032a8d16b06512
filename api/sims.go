package api

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Plan is a plan as the API shows it.
type Plan struct {
	Name          string `json:"name"`
	CoverageBound bool   `json:"coverage_bound" doc:"Whether SIMs on this plan cannot move to an account with a different coverage."`
}

type listPlansOutput struct {
	Body struct {
		Items []Plan `json:"items" nullable:"false"`
	}
}

func (s *server) listPlans(ctx context.Context, _ *struct{}) (*listPlansOutput, error) {
	plans, err := s.db.Plans(ctx)
	if err != nil {
		return nil, err
	}
	out := &listPlansOutput{}
	out.Body.Items = make([]Plan, len(plans))
	for i, p := range plans {
		out.Body.Items[i] = Plan(p)
	}
	return out, nil
}

// PlanPath is embedded in the input of routes for one plan.
type PlanPath struct {
	Name string `path:"name" doc:"The name of the plan." maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" patternDescription:"letters, digits, dots, dashes and underscores" example:"global-01"`
}

type getPlanInput struct {
	PlanPath
	IfNoneMatch
}

func (s *server) getPlan(ctx context.Context, in *getPlanInput) (*planOutput, error) {
	p, err := s.db.Plan(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out := &planOutput{Body: Plan(p)}
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

type putPlanInput struct {
	IfMatch
	PlanPath
	Body struct {
		CoverageBound bool `json:"coverage_bound"`
	}
}

type planOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Plan
}

func (s *server) putPlan(ctx context.Context, in *putPlanInput) (*planOutput, error) {
	p := storage.Plan{Name: in.Name, CoverageBound: in.Body.CoverageBound}
	if err := s.db.PutPlan(ctx, actingCaller(ctx), p, func(was *storage.Plan) error {
		if was == nil {
			return matches(ctx, nil)
		}
		return matches(ctx, Plan(*was))
	}); err != nil {
		return nil, err
	}
	out := &planOutput{Body: Plan(p)}
	var err error
	out.ETag, out.Status, err = tagged(ctx, out.Body)
	return out, err
}

// SIM is a SIM as the account that owns it and support see it.
type SIM struct {
	ICCID        string              `json:"iccid"`
	IMSIs        []string            `json:"imsis" nullable:"false"`
	MSISDNs      []string            `json:"msisdns" nullable:"false"`
	Account      transfer.OperatorID `json:"account" doc:"The operator id of the account that it is registered to."`
	Since        time.Time           `json:"since" doc:"Since when it is registered to this account."`
	Status       transfer.Status     `json:"status"`
	Plan         string              `json:"plan"`
	Online       bool                `json:"online" doc:"Whether it has an open data session."`
	TransferLock bool                `json:"transfer_lock" doc:"Whether the owner prevents transfers of the SIM."`
	EID          *string             `json:"eid,omitempty" doc:"The EID of the eUICC that holds the profile: 32 digits."`
	Lot          *string             `json:"lot,omitempty" doc:"The order or box that the SIM came in."`
	ExternalID   *string             `json:"external_id,omitempty" doc:"The id of the SIM in the operator's inventory."`
	UpdatedAt    time.Time           `json:"updated_at" doc:"When it last changed, also by a transfer."`
	Settings
	Transfer *OpenTransfer `json:"transfer,omitempty" doc:"The open transfer of the SIM, if there is one. It does not change the status of the SIM."`
}

// OpenTransfer is the open transfer of a SIM.
type OpenTransfer struct {
	Request   uuid.UUID             `json:"request" format:"uuid"`
	State     transfer.RequestState `json:"state" doc:"The state of the transfer request."`
	ExpiresAt *time.Time            `json:"expires_at,omitempty"`
}

func viewSIM(s storage.SIM) (SIM, error) {
	v := SIM{
		ICCID:        s.ICCID,
		IMSIs:        append([]string{}, s.IMSIs...),
		MSISDNs:      append([]string{}, s.MSISDNs...),
		Account:      s.OperatorID,
		Since:        s.Since.UTC(),
		Status:       s.Status,
		Plan:         s.Plan,
		Online:       s.Online,
		TransferLock: s.TransferLock,
		EID:          s.EID,
		Lot:          s.Lot,
		ExternalID:   s.ExternalID,
		UpdatedAt:    s.UpdatedAt.UTC(),
		Settings:     viewSettings(s.SIMSettings),
	}
	if s.Request != nil {
		v.Transfer = &OpenTransfer{Request: *s.Request, State: *s.RequestState, ExpiresAt: utc(s.RequestExpiresAt)}
	}
	return v, nil
}

type listSIMsInput struct {
	Paging
	Account string            `query:"account" maxLength:"132" doc:"Only SIMs of the account with this operator id or external id. For support."`
	Status  []transfer.Status `query:"status" nullable:"false" doc:"Only SIMs with one of these statuses."`
	Plan    string            `query:"plan" maxLength:"64" doc:"Only SIMs on this plan."`
	Prefix  string            `query:"identifier_prefix" maxLength:"64" doc:"Only SIMs with an ICCID, IMSI or MSISDN that starts with these 6 to 22 digits."`
	Group   string            `query:"group" maxLength:"128" doc:"Only SIMs in this group. Support also has to give the account."`
	Tag     []string          `query:"tag,explode" nullable:"false" maxItems:"64" example:"[\"site=north\"]" doc:"Only SIMs with this tag: name=value, or only a name for any value. Given several times, SIMs have all of the tags. Support also has to give the account."`
}

// check rejects an invalid tag, and a search by group or tag across all accounts,
// which would scan every SIM. It brings the tags into the form in which they are
// stored.
func (in *listSIMsInput) check(account int64) error {
	p := problem.New(problem.Invalid, "the search by group or tag is invalid: fix the listed errors")
	if account == 0 && (in.Group != "" || len(in.Tag) > 0) {
		p.Add(problem.FieldError{Location: "query.account", Message: "required for a search by group or tag: give an operator id"})
	}
	values := map[string]string{}
	for i, tag := range in.Tag {
		name, value, hasValue := strings.Cut(tag, "=")
		name, value, err := transfer.ParseTag(name, value)
		if err != nil {
			p.Add(problem.FieldError{Location: "query.tag", Message: err.Error() + "; use name=value, or only a name", Value: problem.Clip(tag)})
			continue
		}
		in.Tag[i] = name
		if other, twice := values[name]; hasValue && twice && other != value {
			p.Add(problem.FieldError{Location: "query.tag", Message: "no SIM can have two values of one tag: give the tag once", Value: tag})
		}
		if hasValue {
			values[name], in.Tag[i] = value, name+"="+value
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	return nil
}

func (s *server) listSIMs(ctx context.Context, in *listSIMsInput) (*listOf[SIM], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if err := in.check(account); err != nil {
		return nil, err
	}
	f := storage.SIMFilter{Account: account, Status: in.Status, Plan: in.Plan, Group: in.Group, Tags: in.Tag, Limit: in.Limit + 1}
	if in.Prefix != "" {
		if f.Prefix, err = transfer.ParseIdentifierPrefix(in.Prefix); err != nil {
			return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "query.identifier_prefix", Message: err.Error(), Value: in.Prefix})
		}
	}
	if f.After, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.SIMs(ctx, f)
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(s storage.SIM) string { return itoa(s.ID) }, viewSIM)
}

// SIMPath is embedded in the input of routes for one SIM, which is given by any of
// its identifiers.
type SIMPath struct {
	SIM string `path:"sim" maxLength:"64" doc:"An ICCID, IMSI or MSISDN."`
}

// identifier returns the identifier of the path. No SIM has an invalid one, so it
// is not found; the problem says what is wrong with it.
func (in SIMPath) identifier() (transfer.Identifier, error) {
	id, err := transfer.ParseIdentifier(in.SIM)
	if err != nil {
		return id, problem.New(problem.NotFound, err.Error())
	}
	return id, nil
}

type simOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   SIM
}

// simResponse returns a SIM with its ETag.
func simResponse(ctx context.Context, row storage.SIM) (*simOutput, error) {
	v, err := viewSIM(row)
	if err != nil {
		return nil, err
	}
	out := &simOutput{Body: v}
	out.ETag, out.Status, err = tagged(ctx, v)
	return out, err
}

type getSIMInput struct {
	SIMPath
	IfNoneMatch
}

func (s *server) getSIM(ctx context.Context, in *getSIMInput) (*simOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	owner, err := reachOf(callerOf(ctx)).owner()
	if err != nil {
		return nil, err
	}
	row, err := s.db.SIM(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	return simResponse(ctx, row)
}

type updateSIMInput struct {
	SIMPath
	IfMatch
	Body struct {
		TransferLock *bool                     `json:"transfer_lock,omitempty" doc:"Prevents transfers of the SIM. For its owner."`
		Protection   *bool                     `json:"termination_protection,omitempty" doc:"Prevents termination of the SIM. For its owner."`
		Tags         patch[map[string]*string] `json:"tags,omitempty" doc:"Sets the tags that are named and keeps the others; null as the value of a tag removes it, and null instead of the object removes all. A SIM can have up to 64 tags; a name can have up to 128 characters, a value up to 256. For the owner of the SIM."`
		Group        patch[string]             `json:"group,omitempty" maxLength:"128" doc:"The group of the SIM; null or an empty string removes it from its group. For the owner of the SIM."`
		Status       *transfer.Status          `json:"status,omitempty" doc:"The new status. For support. No SIM becomes ready again or leaves the status terminated, and none with termination protection is terminated."`
	}
}

func (s *server) updateSIM(ctx context.Context, in *updateSIMInput) (*simOutput, error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	owner, err := reachOf(c).owner()
	if err != nil {
		return nil, err
	}
	settings := in.Body.TransferLock != nil || in.Body.Protection != nil || in.Body.Tags.given || in.Body.Group.given
	switch {
	case in.Body.Status != nil && !maySetStatus(c):
		return nil, problem.New(problem.Forbidden, "only support can set the status of a SIM", problem.FieldError{Location: "body.status", Message: "leave it out"})
	case in.Body.TransferLock != nil && !*in.Body.TransferLock && isAccount(c) && !mayUnlock(c):
		return nil, lacksPermission(c, storage.PermissionApprover, "taking the transfer lock off a SIM")
	case in.Body.Protection != nil && !*in.Body.Protection && isAccount(c) && !mayUnlock(c):
		return nil, lacksPermission(c, storage.PermissionApprover, "taking the termination protection off a SIM")
	case settings && !maySetSettings(c):
		return nil, problem.New(problem.Forbidden, "only the account that owns a SIM can set its lock, termination protection, tags and group", problem.FieldError{Location: "body", Message: "send only status"})
	}
	p := problem.New(problem.Invalid, "")
	change := storage.SIMChange{
		TransferLock: in.Body.TransferLock,
		ClearTags:    in.Body.Tags.null,
		Tags:         parseTagChanges(p, "body.tags", in.Body.Tags.value),
		Status:       in.Body.Status,
		StatusBy:     statusActorOf(c),

		TerminationProtection: in.Body.Protection,
	}
	if in.Body.Group.given {
		group := parsed(p, "body.group", in.Body.Group.value, transfer.ParseLine)
		change.Group = &group
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	change.If = simCondition(ctx)
	row, err := s.db.UpdateSIM(ctx, actingCaller(ctx), owner, id, change)
	if err != nil {
		return nil, err
	}
	return simResponse(ctx, row)
}

// simCondition returns the condition of a call with the header If-Match, nil for
// a call without one.
func simCondition(ctx context.Context) func(storage.SIM) error {
	if !conditional(ctx) {
		return nil
	}
	return func(was storage.SIM) error {
		v, err := viewSIM(was)
		if err != nil {
			return err
		}
		return matches(ctx, v)
	}
}

type correctStatusInput struct {
	Idempotent
	IfMatch
	SIMPath
	Body struct {
		Status transfer.Status `json:"status"`
		Reason string          `json:"reason" minLength:"1" maxLength:"500" doc:"Why the status has to be corrected. Recorded in the audit trail."`
	}
}

func (s *server) correctStatus(ctx context.Context, in *correctStatusInput) (*reply[SIM], error) {
	id, err := in.identifier()
	if err != nil {
		return nil, err
	}
	if in.Body.Reason, err = filled(transfer.ParseText)(in.Body.Reason); err != nil {
		return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "body.reason", Message: err.Error()})
	}
	return once(ctx, s, func(t *storage.Tx, out *reply[SIM]) error {
		row, err := t.UpdateSIM(ctx, actingCaller(ctx), 0, id, storage.SIMChange{
			Status: &in.Body.Status, StatusBy: transfer.ByCorrection, Why: in.Body.Reason, If: simCondition(ctx),
		})
		if err != nil {
			return err
		}
		out.Status = 200
		if out.Body, err = viewSIM(row); err != nil {
			return err
		}
		out.ETag, err = entityTag(out.Body)
		return err
	})
}
