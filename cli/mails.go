package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

type mailsCommand struct {
	List mailsListCommand `cmd:"" help:"List mails to contacts and people."`
	Show mailsShowCommand `cmd:"" help:"Show how mail to the contacts of an account goes: who refuses it, and what is turned off."`
	Off  mailsOffCommand  `cmd:"" help:"Turn a kind of mail off for an address (owners)."`
	On   mailsOnCommand   `cmd:"" help:"Turn a kind of mail on again for an address (owners)."`
}

type mailsListCommand struct {
	Account accountRef `placeholder:"OP…" help:"Only mails to contacts of this account (staff)."`
	Email   string     `placeholder:"EMAIL" help:"Only mails to this address."`
	Request uuid.UUID  `placeholder:"ID" help:"Only mails about this request."`
	State   []string   `enum:"${mail_states}" placeholder:"STATE" help:"Only mails in this state: ${mail_states}. Separate several with commas."`
	Kind    []string   `enum:"${mail_kinds}" placeholder:"KIND" help:"Only mails of this kind: ${mail_kinds}. Separate several with commas."`
	paging
	remote
}

// Help returns the detailed help.
func (mailsListCommand) Help() string {
	return `Example:

    simtransfer mails list --state=failed`
}

// Run runs the command.
func (c *mailsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.MailFilter{
		Account: c.Account.ref(), Email: c.Email, Request: c.Request, States: typed[transfer.MailState](c.State), Kinds: typed[transfer.MailKind](c.Kind),
	}
	list := func(p client.Paging) (client.Page[client.Mail], error) {
		return l.client.ListMails(ctx, filter, p, l.options()...)
	}
	head := []string{"ID", "CREATED", "STATE", "ATTEMPTS", "TYPE", "TO", "EVENT", "ERROR"}
	return printList(l, c.paging, maxPage, list, head, func(m client.Mail) []string {
		return []string{
			strconv.FormatInt(m.ID, 10), timeText(m.CreatedAt), string(m.State), strconv.Itoa(m.Attempts), string(m.Type), m.Email, m.Event, m.Error,
		}
	})
}

type mailsShowCommand struct {
	Account accountRef `arg:"" help:"The operator id or the external id of the account."`
	remote
}

// Help returns the detailed help.
func (mailsShowCommand) Help() string {
	return `Example:

    simtransfer mails show OP0000000001`
}

// Run runs the command.
func (c *mailsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	m, err := l.client.GetAccountMail(ctx, c.Account.ref(), l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccountMail(l, m) })
}

func printAccountMail(l *connection, m client.AccountMail) error {
	t := newTable(l.Out)
	if !m.Sending {
		t.add("Mail", "is not sent: no worker has a mail server")
	}
	addIfSet(t, "Mail server", m.Failure)
	for _, r := range m.Refused {
		t.add("Refused", fmt.Sprintf("%s since %s: %s", r.Email, timeText(r.Since), r.Error))
	}
	off := map[transfer.MailKind][]string{}
	for _, c := range m.Off {
		off[c.Kind] = append(off[c.Kind], c.Email)
	}
	for _, k := range m.Kinds {
		text := "to contacts for " + string(k.Purpose)
		if k.Purpose == "" {
			text = "to the person"
		}
		if list := off[k.Kind]; len(list) > 0 {
			text += "; off for " + strings.Join(list, ", ")
		}
		if !k.Choice {
			text += "; cannot be turned off"
		}
		t.add(string(k.Kind), text)
	}
	return t.flush()
}

// mailChoice is embedded in the commands that turn mails off and on.
type mailChoice struct {
	Account accountRef `arg:"" help:"The operator id or the external id of the account."`
	Email   string     `arg:"" help:"The address, usually that of a contact."`
	Kind    string     `arg:"" enum:"${mail_choices}" help:"The kind of mail: ${mail_choices}."`
	remote
}

func (c *mailChoice) run(ctx context.Context, s *Session, off bool) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	m, err := l.client.ChooseMail(ctx, c.Account.ref(), client.NewMailChoice{Email: c.Email, Kind: transfer.MailKind(c.Kind), Off: off}, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccountMail(l, m) })
}

type mailsOffCommand struct{ mailChoice }

// Help returns the detailed help.
func (mailsOffCommand) Help() string {
	return `Every mail that can be turned off also has a link with which its recipient does so without signing in. Example:

    simtransfer mails off OP0000000001 desk@example.com reminder`
}

// Run runs the command.
func (c *mailsOffCommand) Run(ctx context.Context, s *Session) error { return c.run(ctx, s, true) }

type mailsOnCommand struct{ mailChoice }

// Help returns the detailed help.
func (mailsOnCommand) Help() string {
	return `Example:

    simtransfer mails on OP0000000001 desk@example.com reminder`
}

// Run runs the command.
func (c *mailsOnCommand) Run(ctx context.Context, s *Session) error { return c.run(ctx, s, false) }
