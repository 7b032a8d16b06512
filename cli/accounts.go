package cli

import (
	"context"

	"simtransfer/client"
	"simtransfer/transfer"
)

type accountsCommand struct {
	List   accountsListCommand   `cmd:"" help:"List accounts (support)."`
	Show   accountsShowCommand   `cmd:"" help:"Show an account."`
	Create accountsCreateCommand `cmd:"" help:"Open an account (administrators)."`
	Update accountsUpdateCommand `cmd:"" help:"Change or close an account (administrators)."`
}

func printAccount(l *connection, a client.Account) error {
	t := newTable(l.Out)
	t.add("Account", string(a.OperatorID))
	t.add("Email", a.Email)
	t.add("Currency", string(a.Currency))
	t.add("Coverage", a.Coverage)
	t.add("Standing", a.Standing)
	t.add("Opened", timeText(a.CreatedAt))
	return t.flush()
}

type accountsListCommand struct {
	Email    string `help:"Only accounts with this primary email."`
	Standing string `enum:"open,closed," default:"" help:"Only accounts with this standing: open or closed."`
	paging
	remote
}

// Help returns the detailed help.
func (accountsListCommand) Help() string {
	return `Examples:

    simtransfer accounts list --all
    simtransfer accounts list --email=sims@example.com`
}

// Run runs the command.
func (c *accountsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	list := func(p client.Paging) (client.Page[client.Account], error) {
		return l.client.ListAccounts(ctx, client.AccountFilter{Email: c.Email, Standing: c.Standing}, p, l.options()...)
	}
	head := []string{"ACCOUNT", "EMAIL", "CURRENCY", "COVERAGE", "STANDING"}
	return printList(l, c.paging, maxPage, list, head, func(a client.Account) []string {
		return []string{string(a.OperatorID), a.Email, string(a.Currency), a.Coverage, a.Standing}
	})
}

type accountsShowCommand struct {
	Account operatorID `arg:"" name:"operator-id" help:"Operator id: OP and ten digits."`
	remote
}

// Help returns the detailed help.
func (accountsShowCommand) Help() string {
	return `The key of an account can show only that account.

Example:

    simtransfer accounts show OP0000000001`
}

// Run runs the command.
func (c *accountsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	a, err := l.client.GetAccount(ctx, c.Account.id(), l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccount(l, a) })
}

type accountsCreateCommand struct {
	Account  operatorID `arg:"" name:"operator-id" help:"Operator id: OP and ten digits."`
	Email    string     `required:"" help:"Primary email."`
	Currency currency   `required:"" placeholder:"EUR" help:"Currency of the account's fees (ISO 4217)."`
	Coverage string     `required:"" placeholder:"NAME" help:"Coverage. SIMs on plans that are bound to a coverage cannot move to an account with another."`
	post
}

// Help returns the detailed help.
func (accountsCreateCommand) Help() string {
	return `Example:

    simtransfer accounts create OP0000000001 --email=sims@example.com --currency=EUR --coverage=global`
}

// Run runs the command.
func (c *accountsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	a, err := l.client.CreateAccount(ctx, client.NewAccount{
		OperatorID: c.Account.id(),
		Email:      c.Email,
		Currency:   transfer.Currency(c.Currency),
		Coverage:   c.Coverage,
	}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccount(l, a) })
}

type accountsUpdateCommand struct {
	Account  operatorID `arg:"" name:"operator-id" help:"Operator id: OP and ten digits."`
	Email    string     `help:"New primary email."`
	Coverage string     `placeholder:"NAME" help:"New coverage."`
	Standing string     `enum:"open,closed," default:"" help:"New standing: open or closed. A closed account can neither send nor receive SIMs."`
	Requests string     `name:"open-requests" enum:"refuse,end," default:"" help:"With --standing=closed: end cancels the open requests of the account. Default: refuse, which does not close an account with open requests."`
	remote
}

// Validate implements kong's validation.
func (c *accountsUpdateCommand) Validate() error {
	if c.Email == "" && c.Coverage == "" && c.Standing == "" {
		return usageError("nothing to change: set --email, --coverage or --standing")
	}
	return nil
}

// Help returns the detailed help.
func (accountsUpdateCommand) Help() string {
	return `Examples:

    simtransfer accounts update OP0000000001 --standing=closed
    simtransfer accounts update OP0000000001 --standing=closed --open-requests=end`
}

// Run runs the command.
func (c *accountsUpdateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	change := client.AccountChange{Email: c.Email, Coverage: c.Coverage, Standing: c.Standing, OpenRequests: c.Requests}
	a, err := l.client.UpdateAccount(ctx, c.Account.id(), change, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printAccount(l, a) })
}
