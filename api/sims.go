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
	CoverageBound bool   `json:"coverage_bound" doc:"Whether its SIMs are kept from moving to an account of another coverage."`
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

type putPlanInput struct {
	Name string `path:"name" doc:"The name of the plan." maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" patternDescription:"letters, digits, dots, dashes and underscores" example:"global-01"`
	Body struct {
		CoverageBound bool `json:"coverage_bound"`
	}
}

type planOutput struct{ Body Plan }

func (s *server) putPlan(ctx context.Context, in *putPlanInput) (*planOutput, error) {
	p := storage.Plan{Name: in.Name, CoverageBound: in.Body.CoverageBound}
	if err := s.db.PutPlan(ctx, p); err != nil {
		return nil, err
	}
	return &planOutput{Plan(p)}, nil
}

// SIM is a SIM as its owner and support see it.
type SIM struct {
	ICCID        string              `json:"iccid"`
	IMSIs        []string            `json:"imsis" nullable:"false"`
	MSISDNs      []string            `json:"msisdns" nullable:"false"`
	Account      transfer.OperatorID `json:"account" doc:"The operator id of the account that it is registered to."`
	Since        time.Time           `json:"since" doc:"When it was registered to this account."`
	Status       transfer.Status     `json:"status"`
	Plan         string              `json:"plan"`
	Online       bool                `json:"online" doc:"Whether it has an open data session."`
	TransferLock bool                `json:"transfer_lock" doc:"Whether its owner keeps it from being transferred."`
	Settings
	Transfer *OpenTransfer `json:"transfer,omitempty" doc:"The open transfer of the SIM, if there is one. Its status is untouched by it."`
}

// OpenTransfer is the transfer that holds a SIM.
type OpenTransfer struct {
	Request   uuid.UUID             `json:"request" format:"uuid"`
	State     transfer.RequestState `json:"state" doc:"The state of the request."`
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
		Settings:     viewSettings(s.SIMSettings),
	}
	if s.Request != nil {
		v.Transfer = &OpenTransfer{Request: *s.Request, State: *s.RequestState, ExpiresAt: utc(s.RequestExpiresAt)}
	}
	return v, nil
}

type listSIMsInput struct {
	Paging
	Account string          `query:"account" maxLength:"32" doc:"Only the SIMs of this operator id. For support; an account sees its own anyway."`
	Status  transfer.Status `query:"status" doc:"Only SIMs of this status."`
	Plan    string          `query:"plan" maxLength:"64" doc:"Only SIMs on this plan."`
	Prefix  string          `query:"identifier_prefix" pattern:"^[0-9]{6,22}$" patternDescription:"6 to 22 digits" doc:"Only SIMs with an ICCID, IMSI or MSISDN that begins with these digits, 6 or more."`
	Group   string          `query:"group" maxLength:"128" doc:"Only SIMs in this group. Support names the account, too: all its SIMs are looked through."`
	Tag     string          `query:"tag" maxLength:"385" example:"site=north" doc:"Only SIMs with this tag: name=value, or a name for any value. Support names the account, too: all its SIMs are looked through."`
}

// tooBroad refuses what would look through everybody's SIMs.
func (in *listSIMsInput) tooBroad(account int64) error {
	p := problem.New(problem.Invalid, "groups and tags are an account's own")
	if account == 0 && (in.Group != "" || in.Tag != "") {
		p.Add(problem.FieldError{Location: "query.account", Message: "name the account, too"})
	}
	if name, _, _ := strings.Cut(in.Tag, "="); in.Tag != "" && name == "" {
		p.Add(problem.FieldError{Location: "query.tag", Message: "a tag has a name: write name=value, or name", Value: in.Tag})
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
	if err := in.tooBroad(account); err != nil {
		return nil, err
	}
	f := storage.SIMFilter{Account: account, Status: in.Status, Plan: in.Plan, Group: in.Group, Tag: in.Tag, Prefix: in.Prefix, Limit: in.Limit + 1}
	if f.After, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.SIMs(ctx, f)
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(s storage.SIM) string { return itoa(s.ID) }, viewSIM)
}

// SIMPath names a SIM by any of its identifiers.
type SIMPath struct {
	SIM string `path:"sim" maxLength:"32" doc:"An ICCID, IMSI or MSISDN."`
}

// identifier returns what the path names, or ErrNotFound, because nothing has
// such a name.
func (in SIMPath) identifier() (transfer.Identifier, error) {
	id, err := transfer.ParseIdentifier(in.SIM)
	if err != nil {
		return id, storage.ErrNotFound
	}
	return id, nil
}

type simOutput struct{ Body SIM }

func (s *server) getSIM(ctx context.Context, in *SIMPath) (*simOutput, error) {
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
	v, err := viewSIM(row)
	return &simOutput{v}, err
}

type updateSIMInput struct {
	SIMPath
	Body struct {
		TransferLock *bool             `json:"transfer_lock,omitempty" doc:"For the owner: keeps the SIM from being transferred."`
		Tags         map[string]string `json:"tags,omitempty" maxProperties:"64" doc:"For the owner: all tags; an empty object takes them away. A name has up to 128 characters, a value up to 256."`
		Group        *string           `json:"group,omitempty" maxLength:"128" doc:"For the owner: an empty text takes the SIM out of its group."`
		Status       *transfer.Status  `json:"status,omitempty" doc:"For support."`
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
	settings := in.Body.TransferLock != nil || in.Body.Tags != nil || in.Body.Group != nil
	switch {
	case in.Body.Status != nil && !maySetStatus(c):
		return nil, problem.New(problem.Forbidden, "only support can set the status of a SIM", problem.FieldError{Location: "body.status", Message: "leave it out"})
	case settings && !maySetSettings(c):
		return nil, problem.New(problem.Forbidden, "only the account that owns a SIM can set its lock, tags and group", problem.FieldError{Location: "body", Message: "send only status"})
	}
	p := problem.New(problem.Invalid, "")
	if checkTags(p, "body.tags", in.Body.Tags); len(p.Errors) > 0 {
		return nil, p
	}
	row, err := s.db.UpdateSIM(ctx, owner, id, storage.SIMChange{
		TransferLock: in.Body.TransferLock,
		Tags:         in.Body.Tags,
		Group:        in.Body.Group,
		Status:       in.Body.Status,
	})
	if err != nil {
		return nil, err
	}
	v, err := viewSIM(row)
	return &simOutput{v}, err
}
