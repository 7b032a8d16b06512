package cli

import (
	"context"
	"strconv"

	"simtransfer/client"
)

type invitationsCommand struct {
	List   invitationsListCommand   `cmd:"" help:"List invitations (owner or administrators)."`
	Revoke invitationsRevokeCommand `cmd:"" help:"Revoke invitations (owner or administrators)."`
}

type invitationsListCommand struct {
	Account string `placeholder:"OP…" help:"Only invitations to this account, or only those for staff: an operator id, an external id or staff (administrators)."`
	State   string `enum:"open,accepted,revoked,expired," default:"" help:"Only invitations in this state: open, accepted, revoked or expired."`
	paging
	remote
}

// Help returns the detailed help.
func (invitationsListCommand) Help() string {
	return `Example:

    simtransfer invitations list --state=open`
}

// Run runs the command.
func (c *invitationsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.InvitationFilter{Account: c.Account, State: c.State}
	list := func(p client.Paging) (client.Page[client.Invitation], error) {
		return l.client.ListInvitations(ctx, filter, p, l.options()...)
	}
	return printList(l, c.paging, maxPage, list, []string{"ID", "STATE", "EMAIL", "NAME", "TO", "AS", "BY", "EXPIRES"}, func(i client.Invitation) []string {
		to, as := "staff", i.Role
		if i.Account != "" {
			to, as = string(i.Account), i.Permission
		}
		return []string{strconv.FormatInt(i.ID, 10), i.State, i.Email, i.Name, to, as, i.CreatedBy, timeText(i.ExpiresAt)}
	})
}

type invitationsRevokeCommand struct {
	IDs []int64 `arg:"" min:"1" name:"id" help:"Ids of the invitations, as in invitations list."`
	remote
}

// Help returns the detailed help.
func (invitationsRevokeCommand) Help() string {
	return `To revoke what an accepted invitation has given, remove the person.

Example:

    simtransfer invitations revoke 3`
}

// Run runs the command.
func (c *invitationsRevokeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id int64) error {
		if err := l.client.RevokeInvitation(ctx, id, l.options()...); err != nil {
			return l.explain(err)
		}
		l.note("Invitation %d is revoked.", id)
		return nil
	})
}
