package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"simtransfer/transfer"
)

// Invitation offers a person a membership.
type Invitation struct {
	ID          int64               `json:"id"`
	State       string              `json:"state"` // open, accepted, revoked or expired
	Email       string              `json:"email"`
	Name        string              `json:"name"`
	Role        string              `json:"role"` // account, support, finance or admin
	Account     transfer.OperatorID `json:"account,omitempty"`
	AccountName string              `json:"account_name,omitempty"`
	Permission  string              `json:"permission,omitempty"` // in the account
	Mailed      bool                `json:"mailed"`               // the link was mailed to the person
	MailError   string              `json:"mail_error,omitempty"` // why the link could not be mailed; no one has it
	CreatedAt   time.Time           `json:"created_at"`
	CreatedBy   string              `json:"created_by,omitempty"` // name of the person or the key that invites
	ExpiresAt   time.Time           `json:"expires_at"`
	RevokedAt   *time.Time          `json:"revoked_at,omitempty"`
	AcceptedAt  *time.Time          `json:"accepted_at,omitempty"`
	Person      int64               `json:"person,omitempty"` // who has accepted it
	Link        string              `json:"link,omitempty"`   // set only in the answer of CreateInvitation, and only if it is not mailed; may be a path on the service
}

// NewInvitation is what CreateInvitation needs.
type NewInvitation struct {
	Email      string              `json:"email"`
	Name       string              `json:"name"`
	Account    transfer.AccountRef `json:"account,omitempty"`    // empty: the caller's own, or staff
	Permission string              `json:"permission,omitempty"` // in the account: viewer, operator, approver or owner
	Role       string              `json:"role,omitempty"`       // of staff: support, finance or admin
}

// InvitationFilter selects invitations. A zero field selects all.
type InvitationFilter struct {
	Account string // an operator id, an external id, or staff; for administrators
	State   string // open, accepted, revoked or expired
}

// CreateInvitation invites a person, for administrators and the owners of an account.
func (c *Client) CreateInvitation(ctx context.Context, n NewInvitation, options ...Option) (Invitation, error) {
	return post[Invitation](ctx, c, path("invitations"), n, options)
}

// ListInvitations returns a page of invitations, the latest first.
func (c *Client) ListInvitations(ctx context.Context, f InvitationFilter, p Paging, options ...Option) (Page[Invitation], error) {
	q := p.query()
	q.set("account", f.Account)
	q.set("state", f.State)
	return get[Page[Invitation]](ctx, c, q.of(path("invitations")), options)
}

// GetInvitation returns an invitation by its id, without its link.
func (c *Client) GetInvitation(ctx context.Context, id int64, options ...Option) (Invitation, error) {
	return get[Invitation](ctx, c, path("invitations", strconv.FormatInt(id, 10)), options)
}

// RevokeInvitation ends an invitation.
func (c *Client) RevokeInvitation(ctx context.Context, id int64, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("invitations", strconv.FormatInt(id, 10)), nil, nil, options...)
}
