package cli

import (
	"context"
	"strconv"

	"simtransfer/client"
)

type signInsCommand struct {
	List   signInsListCommand   `cmd:"" help:"List the browsers that have signed in."`
	Revoke signInsRevokeCommand `cmd:"" help:"Sign browsers out."`
}

type signInsListCommand struct {
	Everyone bool  `help:"Those of all people and keys of the account (owner), or of everyone (administrators). Default: those that have signed in with your key."`
	Person   int64 `min:"1" placeholder:"ID" help:"Only those of the person with this id, as in people list; with --everyone."`
	paging
	remote
}

// Validate implements kong's validation.
func (c *signInsListCommand) Validate() error {
	if c.Person != 0 && !c.Everyone {
		return usageError("--person requires --everyone")
	}
	return nil
}

// Help returns the detailed help.
func (signInsListCommand) Help() string {
	return `Example:

    simtransfer sign-ins list --everyone --person=12`
}

// Run runs the command.
func (c *signInsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.SignInFilter{All: c.Everyone, Person: c.Person}
	list := func(p client.Paging) (client.Page[client.SignIn], error) {
		return l.client.ListSignIns(ctx, filter, p, l.options()...)
	}
	return printList(l, c.paging, maxPage, list, []string{"ID", "WHO", "SIGNED IN", "LAST SEEN", "ENDS", "ADDRESS", "BROWSER"}, func(i client.SignIn) []string {
		who := ""
		if i.Person != nil {
			who = personText(*i.Person)
		} else if i.Key != nil {
			who = "key " + strconv.FormatInt(i.Key.ID, 10) + " " + strconv.Quote(i.Key.Name)
		}
		return []string{strconv.FormatInt(i.ID, 10), who, timeText(i.CreatedAt), timeText(i.LastSeenAt), timeText(i.ExpiresAt), i.Address, i.UserAgent}
	})
}

type signInsRevokeCommand struct {
	IDs    []int64 `arg:"" optional:"" min:"1" name:"id" help:"Ids of the sign-ins, as in sign-ins list."`
	Others bool    `help:"All browsers that have signed in with your key."`
	remote
}

// Validate implements kong's validation.
func (c *signInsRevokeCommand) Validate() error {
	if c.Others == (len(c.IDs) > 0) {
		return usageError("give ids, or --others")
	}
	return nil
}

// Help returns the detailed help.
func (signInsRevokeCommand) Help() string {
	return `The browsers are signed out at once. To stop someone from signing in again, disable or remove the person, or revoke the key.

Examples:

    simtransfer sign-ins revoke 34
    simtransfer sign-ins revoke --others`
}

// Run runs the command.
func (c *signInsRevokeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Others {
		if err := l.client.EndOtherSignIns(ctx, l.options()...); err != nil {
			return l.explain(err)
		}
		l.note("All browsers with your key are signed out.")
		return nil
	}
	return forEach(l, c.IDs, func(id int64) error {
		if err := l.client.EndSignIn(ctx, id, l.options()...); err != nil {
			return l.explain(err)
		}
		l.note("Sign-in %d is ended.", id)
		return nil
	})
}
