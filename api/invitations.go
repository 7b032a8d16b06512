package api

import (
	"context"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Invitation offers a membership to a person, as the API shows it.
type Invitation struct {
	ID          int64                   `json:"id"`
	State       storage.InvitationState `json:"state"`
	Email       string                  `json:"email" format:"email"`
	Name        string                  `json:"name" doc:"What the person will be called, if it is new."`
	Role        storage.Role            `json:"role"`
	Account     *transfer.OperatorID    `json:"account,omitempty" doc:"The operator id of the account. Left out for staff."`
	AccountName *string                 `json:"account_name,omitempty" doc:"The name of the account, if it has one."`
	Permission  *storage.Permission     `json:"permission,omitempty" doc:"The permission in the account. Left out for staff."`
	Mailed      bool                    `json:"mailed" doc:"Whether the link is mailed to the person. Otherwise the response that creates the invitation has it."`
	MailError   *string                 `json:"mail_error,omitempty" doc:"Why the link could not be mailed: no one has it. Invite the person again, which replaces this invitation."`
	CreatedAt   time.Time               `json:"created_at"`
	CreatedBy   *string                 `json:"created_by,omitempty" doc:"The name of the person or the API key that invites. For accounts, left out if that is the operator of the service."`
	ExpiresAt   time.Time               `json:"expires_at"`
	RevokedAt   *time.Time              `json:"revoked_at,omitempty"`
	AcceptedAt  *time.Time              `json:"accepted_at,omitempty"`
	Person      *int64                  `json:"person,omitempty" doc:"The id of the person who has accepted it."`
	Link        string                  `json:"link,omitempty" example:"/invitations/st_invitation_…" doc:"Where the person accepts the invitation; without a scheme and a host, on this service (SIMTRANSFER_PUBLIC_URL is not set). It is only in the response that creates the invitation, and only if the service sends no mail. Anyone who has the link can accept the invitation: give it only to this person."`
}

func viewInvitation(i storage.Invitation, c storage.Caller) Invitation {
	v := Invitation{
		ID: i.ID, State: i.State, Email: i.Email, Name: i.Name, Role: i.Role, Account: i.OperatorID, AccountName: i.AccountName, Permission: i.Permission,
		Mailed: i.Mailed, MailError: i.MailError, CreatedAt: i.CreatedAt.UTC(), ExpiresAt: i.ExpiresAt.UTC(), RevokedAt: utc(i.RevokedAt), AcceptedAt: utc(i.AcceptedAt),
		Person: i.Person,
	}
	if c.Role == storage.RoleAdmin || i.Creator != nil && reachOf(c).includes(*i.Creator) {
		v.CreatedBy = i.CreatorName
	}
	return v
}

type createInvitationInput struct {
	Idempotent
	Body struct {
		Email      string             `json:"email" minLength:"1" maxLength:"254" doc:"The address of the person."`
		Name       string             `json:"name" minLength:"1" maxLength:"100" doc:"What the person is called, if it is new here."`
		Account    string             `json:"account,omitempty" maxLength:"132" doc:"The operator id or the external id of the account. Can be left out by an account. For administrators: left out for staff."`
		Permission storage.Permission `json:"permission,omitempty" doc:"What the person will be able to do in the account. Each permission contains those before it: viewer reads; operator requests and cancels transfers and sets tags, groups and locks; approver accepts and declines requests and removes locks; owner does everything, such as inviting people. Required for an account."`
		Role       storage.Role       `json:"role,omitempty" enum:"support,finance,admin" doc:"The role of staff. Required without an account."`
	}
}

func (s *server) createInvitation(ctx context.Context, in *createInvitationInput) (*reply[Invitation], error) {
	c, p := callerOf(ctx), problem.New(problem.Invalid, "")
	n := storage.NewInvitation{
		Email: parsed(p, "body.email", in.Body.Email, transfer.ParseEmail), Name: parsed(p, "body.name", in.Body.Name, filled(transfer.ParseLine)),
		Role: in.Body.Role, Permission: in.Body.Permission, Mailed: s.Mail != nil, By: actingCaller(ctx),
	}
	if err := refusal(p); err != nil {
		return nil, err
	}
	var err error
	if n.Account, err = s.invitingAccount(ctx, in.Body.Account); err != nil {
		return nil, err
	}
	if err := checkGrant(n.Account != nil, n.Role, n.Permission); err != nil {
		return nil, err
	}
	if n.Account != nil {
		n.Role = storage.RoleAccount
	}
	by, err := s.db.Key(ctx, c.Key)
	if err != nil {
		return nil, err
	}
	if err := checkInvites(by); err != nil {
		return nil, err
	}
	var i storage.Invitation
	var secret string
	out, err := onceSealed(ctx, s, func(t *storage.Tx, out *reply[Invitation]) (err error) {
		if i, secret, err = t.CreateInvitation(ctx, n); err != nil {
			return err
		}
		out.Status, out.Location, out.Body = 201, "/v1/invitations/"+itoa(i.ID), viewInvitation(i, c)
		if !n.Mailed {
			out.Body.Link = s.publicAddress(invitationPath + secret)
		}
		return nil
	})
	if err != nil || !n.Mailed || out.Replayed != "" {
		return out, err
	}
	out.Body.MailError, err = s.mailInvitation(ctx, i, secret)
	return out, err
}

// invitingAccount returns the account to which a call invites, nil for staff.
func (s *server) invitingAccount(ctx context.Context, name string) (*storage.Account, error) {
	c := callerOf(ctx)
	switch {
	case isAccount(c) && (name == "" || names(name, c.Account)):
		return &c.Account, nil
	case isAccount(c):
		return nil, problem.New(problem.Forbidden, "an account can only invite people to itself",
			problem.FieldError{Location: "body.account", Message: "leave it out, or give " + string(c.Account.OperatorID), Value: name})
	case name == "":
		return nil, nil
	}
	a, err := s.namedAccount(ctx, "body.account", name)
	return &a, err
}

type listInvitationsInput struct {
	Paging
	Account string                  `query:"account" maxLength:"132" doc:"Only invitations to the account with this operator id or external id, or only those for staff. For administrators."`
	State   storage.InvitationState `query:"state" doc:"Only invitations in this state."`
}

func (s *server) listInvitations(ctx context.Context, in *listInvitationsInput) (*listOf[Invitation], error) {
	f := storage.InvitationFilter{State: in.State, Limit: in.Limit + 1}
	var err error
	if f.Account, f.Staff, err = s.peopleOf(ctx, in.Account); err != nil {
		return nil, err
	}
	if f.Before, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.Invitations(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(i storage.Invitation) string { return itoa(i.ID) }, func(i storage.Invitation) Invitation { return viewInvitation(i, callerOf(ctx)) })
}

// InvitationPath is embedded in the input of routes for one invitation.
type InvitationPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The id of the invitation, as in the list of invitations."`
}

type invitationOutput struct{ Body Invitation }

func (s *server) getInvitation(ctx context.Context, in *InvitationPath) (*invitationOutput, error) {
	i, err := s.db.Invitation(ctx, in.ID)
	if err == nil && !mayManageInvitation(callerOf(ctx), i) {
		err = storage.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &invitationOutput{viewInvitation(i, callerOf(ctx))}, nil
}

func (s *server) revokeInvitation(ctx context.Context, in *InvitationPath) (*struct{}, error) {
	return nil, s.db.RevokeInvitation(ctx, actingCaller(ctx), in.ID, func(i storage.Invitation) bool { return mayManageInvitation(callerOf(ctx), i) })
}
