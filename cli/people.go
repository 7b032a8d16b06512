package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"simtransfer/client"
)

type peopleCommand struct {
	List    peopleListCommand    `cmd:"" help:"List people (owner or administrators)."`
	Show    peopleShowCommand    `cmd:"" help:"Show a person (owner or administrators)."`
	Invite  peopleInviteCommand  `cmd:"" help:"Invite a person to an account or to the staff (owner or administrators)."`
	Set     peopleSetCommand     `cmd:"" help:"Change what a person may do (owner or administrators)."`
	Remove  peopleRemoveCommand  `cmd:"" help:"Remove people from an account or from the staff (owner or administrators)."`
	Disable peopleDisableCommand `cmd:"" help:"Sign people out and let them sign in no more (administrators)."`
	Enable  peopleEnableCommand  `cmd:"" help:"Let people sign in again (administrators)."`
}

type peopleListCommand struct {
	Account  string `placeholder:"OP…" help:"Only people of this account, or only staff: an operator id, an external id or staff (administrators)."`
	Text     string `help:"Only people with this text in their name or email."`
	Disabled string `enum:"true,false," default:"" help:"true: only people who are disabled; false: only those who are not."`
	paging
	remote
}

// Help returns the detailed help.
func (peopleListCommand) Help() string {
	return `Examples:

    simtransfer people list
    simtransfer people list --account=staff`
}

// Run runs the command.
func (c *peopleListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.PersonFilter{Account: c.Account, Text: c.Text, Disabled: optionalBool(c.Disabled)}
	list := func(p client.Paging) (client.Page[client.Person], error) {
		return l.client.ListPeople(ctx, filter, p, l.options()...)
	}
	return printList(l, c.paging, maxPage, list, []string{"ID", "EMAIL", "NAME", "MAY", "LAST SEEN", "DISABLED"}, func(p client.Person) []string {
		return []string{
			strconv.FormatInt(p.ID, 10), p.Email, p.Name, membershipsText(p), timeText(valueOrZero(p.LastSeenAt)), timeText(valueOrZero(p.DisabledAt)),
		}
	})
}

// membershipsText lists what a person may do, such as "OP0000000001 owner, support".
func membershipsText(p client.Person) string {
	texts := make([]string, len(p.Memberships))
	for i, m := range p.Memberships {
		texts[i] = m.Role
		if m.Permission != "" {
			texts[i] = m.Name + " " + m.Permission
		}
	}
	return strings.Join(texts, ", ")
}

type peopleShowCommand struct {
	IDs []int64 `arg:"" min:"1" name:"id" help:"Ids of the people, as in people list."`
	showsETag
	remote
}

// Help returns the detailed help.
func (peopleShowCommand) Help() string {
	return `Example:

    simtransfer people show 12`
}

// Run runs the command.
func (c *peopleShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.IDs, func(l *connection, id int64, options ...client.Option) (client.Person, error) {
		return l.client.GetPerson(ctx, id, options...)
	}, printPerson)
}

func printPerson(l *connection, p client.Person) error {
	t := newTable(l.Out)
	t.add("Person", strconv.FormatInt(p.ID, 10))
	t.add("Email", p.Email)
	t.add("Name", p.Name)
	for _, m := range p.Memberships {
		may := m.Role
		if m.Permission != "" {
			may = m.Permission
		}
		t.add(strings.TrimSpace(m.Name+" "+m.AccountName), may+", since "+timeText(m.Since))
	}
	t.add("Created", timeText(p.CreatedAt))
	for _, row := range []struct{ name, value string }{
		{"Last seen", timeText(valueOrZero(p.LastSeenAt))},
		{"Disabled", timeText(valueOrZero(p.DisabledAt))},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	return t.flush()
}

// grant is what a person may do.
type grant struct {
	Permission string `enum:"viewer,operator,approver,owner," default:"" help:"What the person may do in the account. viewer reads; operator also requests and cancels transfers and sets tags, groups and locks; approver also accepts, declines and removes locks; owner does everything."`
	Role       string `enum:"support,finance,admin," default:"" help:"Role of staff: support, finance or admin (administrators)."`
}

func (g grant) check() error {
	if (g.Permission == "") == (g.Role == "") {
		return usageError("give --permission for an account, or --role for staff")
	}
	return nil
}

type peopleInviteCommand struct {
	Email   string     `arg:"" help:"Address of the person."`
	Name    string     `required:"" help:"What the person is called."`
	Account accountRef `placeholder:"OP…" help:"Account to which the person comes (administrators). Default: your own."`
	grant
	post
}

// Validate implements kong's validation.
func (c *peopleInviteCommand) Validate() error {
	if c.Account != "" && c.Role != "" {
		return usageError("--role is for staff, who have no --account")
	}
	return c.check()
}

// Help returns the detailed help.
func (peopleInviteCommand) Help() string {
	return `The person opens the link of the invitation in a browser, within seven days. If the service sends no mail, standard output has the link: give it only to the person.

Examples:

    simtransfer people invite jane@example.com --name="Jane Doe" --permission=operator
    simtransfer people invite sam@example.com --name="Sam Lee" --account=OP0000000001 --permission=owner
    simtransfer people invite kim@example.com --name="Kim Park" --role=support`
}

// Run runs the command.
func (c *peopleInviteCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	i, err := l.client.CreateInvitation(ctx, client.NewInvitation{
		Email: c.Email, Name: c.Name, Account: c.Account.ref(), Permission: c.Permission, Role: c.Role,
	}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		if i.MailError != "" {
			return fmt.Errorf("invitation %d to %s was not mailed: %s", i.ID, i.Email, i.MailError)
		}
		if i.Mailed {
			l.note("Invitation %d is mailed to %s, and works until %s.", i.ID, i.Email, timeText(i.ExpiresAt))
			return nil
		}
		l.note("Invitation %d for %s works until %s. The link cannot be shown again:", i.ID, i.Email, timeText(i.ExpiresAt))
		link := i.Link
		if strings.HasPrefix(link, "/") {
			link = l.client.URL + link
		}
		t := newTable(l.Out)
		t.add(link)
		return t.flush()
	})
}

type peopleSetCommand struct {
	ID      int64  `arg:"" min:"1" help:"Id of the person, as in people list."`
	Account string `placeholder:"OP…" help:"Account in which to change the permission (administrators). Default: your own."`
	grant
	condition
	remote
}

// Validate implements kong's validation.
func (c *peopleSetCommand) Validate() error {
	if c.Account != "" && c.Role != "" {
		return usageError("--role is for staff, who have no --account")
	}
	return c.check()
}

// Help returns the detailed help.
func (peopleSetCommand) Help() string {
	return `The person has the new rights with the next call.

Examples:

    simtransfer people set 12 --permission=approver
    simtransfer people set 12 --account=OP0000000001 --permission=owner
    simtransfer people set 13 --role=finance`
}

// Run runs the command.
func (c *peopleSetCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	account := c.Account
	if c.Role != "" {
		account = "staff"
	}
	if account, err = l.membership(ctx, account); err != nil {
		return err
	}
	p, err := l.client.PutMembership(ctx, c.ID, account, client.Grant{Permission: c.Permission, Role: c.Role}, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printPerson(l, p) })
}

// membership returns the account that a command means which names none: that of the
// key in use.
func (l *connection) membership(ctx context.Context, account string) (string, error) {
	if account != "" {
		return account, nil
	}
	me, err := l.client.GetMe(ctx)
	switch {
	case err != nil:
		return "", l.explain(err)
	case me.ActingFor == nil || me.ActingFor.Account == "":
		return "", usageError("your key belongs to no account: give --account")
	}
	return string(me.ActingFor.Account), nil
}

type peopleRemoveCommand struct {
	IDs     []int64 `arg:"" min:"1" name:"id" help:"Ids of the people, as in people list."`
	Account string  `placeholder:"OP…" help:"Account from which to remove them, or staff (administrators). Default: your own."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *peopleRemoveCommand) Validate() error { return c.oneOf(len(c.IDs)) }

// Help returns the detailed help.
func (peopleRemoveCommand) Help() string {
	return `They lose their rights at once. What they have done keeps naming them. API keys that they have created continue to work: see keys list.

Examples:

    simtransfer people remove 12
    simtransfer people remove 13 --account=staff`
}

// Run runs the command.
func (c *peopleRemoveCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	account, err := l.membership(ctx, c.Account)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id int64) error {
		if err := l.client.DeleteMembership(ctx, id, account, l.options(c.ifMatch())...); err != nil {
			return l.explain(err)
		}
		l.note("Person %d is removed from %s.", id, account)
		return nil
	})
}

type peopleDisableCommand struct {
	IDs []int64 `arg:"" min:"1" name:"id" help:"Ids of the people, as in people list."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *peopleDisableCommand) Validate() error { return c.oneOf(len(c.IDs)) }

// Help returns the detailed help.
func (peopleDisableCommand) Help() string {
	return `Example:

    simtransfer people disable 12`
}

// Run runs the command.
func (c *peopleDisableCommand) Run(ctx context.Context, s *Session) error {
	return disable(ctx, s, c.remote, c.condition, c.IDs, true, "disabled")
}

type peopleEnableCommand struct {
	IDs []int64 `arg:"" min:"1" name:"id" help:"Ids of the people, as in people list."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *peopleEnableCommand) Validate() error { return c.oneOf(len(c.IDs)) }

// Help returns the detailed help.
func (peopleEnableCommand) Help() string {
	return `Example:

    simtransfer people enable 12`
}

// Run runs the command.
func (c *peopleEnableCommand) Run(ctx context.Context, s *Session) error {
	return disable(ctx, s, c.remote, c.condition, c.IDs, false, "enabled")
}

func disable(ctx context.Context, s *Session, r remote, only condition, ids []int64, disabled bool, done string) error {
	l, err := r.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, ids, func(id int64) error {
		if _, err := l.client.UpdatePerson(ctx, id, client.PersonChange{Disabled: &disabled}, l.options(only.ifMatch())...); err != nil {
			return l.explain(err)
		}
		l.note("Person %d is %s.", id, done)
		return nil
	})
}
