package cli

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

type accountsCommand struct {
	List   accountsListCommand   `cmd:"" help:"List accounts (support)."`
	Show   accountsShowCommand   `cmd:"" help:"Show an account."`
	Create accountsCreateCommand `cmd:"" help:"Open an account (administrators)."`
	Update accountsUpdateCommand `cmd:"" help:"Change or close an account (administrators)."`
}

// account is an account as the API shows it.
type account struct {
	OperatorID string     `json:"operator_id"`
	Email      string     `json:"email"`
	Currency   string     `json:"currency"`
	Coverage   string     `json:"coverage"`
	Standing   string     `json:"standing"`
	CreatedAt  *time.Time `json:"created_at"`
}

func printAccount(l *link, a account) error {
	t := newTable(l.Out)
	t.add("Account", a.OperatorID)
	t.add("Email", a.Email)
	t.add("Currency", a.Currency)
	t.add("Coverage", a.Coverage)
	t.add("Standing", a.Standing)
	t.add("Opened", instant(a.CreatedAt))
	return t.flush()
}

type accountsListCommand struct {
	Email    string `help:"Only accounts with this primary email."`
	Standing string `enum:"open,closed," default:"" help:"Only accounts of this standing: open or closed."`
	paging
	remote
}

// Help is the detailed help.
func (accountsListCommand) Help() string {
	return `Examples:

    simtransfer accounts list --all
    simtransfer accounts list --email=sims@example.com`
}

// Run carries the command out.
func (c *accountsListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	head := []string{"ACCOUNT", "EMAIL", "CURRENCY", "COVERAGE", "STANDING"}
	return printList(ctx, l, listing{paging: c.paging, path: "/v1/accounts", query: url.Values{"email": {c.Email}, "standing": {c.Standing}}}, head, func(a account) []string {
		return []string{a.OperatorID, a.Email, a.Currency, a.Coverage, a.Standing}
	})
}

type accountsShowCommand struct {
	Account operatorID `arg:"" name:"operator-id" help:"OP and ten digits."`
	remote
}

// Help is the detailed help.
func (accountsShowCommand) Help() string {
	return `An account can see itself alone.

Example:

    simtransfer accounts show OP0000000001`
}

// Run carries the command out.
func (c *accountsShowCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var a account
	answer, err := l.get(ctx, place("accounts", string(c.Account)), &a)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printAccount(l, a) })
}

type accountsCreateCommand struct {
	Account  operatorID `arg:"" name:"operator-id" help:"OP and ten digits."`
	Email    string     `required:"" help:"The primary email."`
	Currency string     `required:"" placeholder:"EUR" help:"ISO 4217: fees are charged in it."`
	Coverage string     `required:"" placeholder:"NAME" help:"Plans that are bound to a coverage do not leave it."`
	post
}

// Help is the detailed help.
func (accountsCreateCommand) Help() string {
	return `Example:

    simtransfer accounts create OP0000000001 --email=sims@example.com --currency=EUR --coverage=global`
}

// Run carries the command out.
func (c *accountsCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var a account
	answer, err := l.post(ctx, c.post, "/v1/accounts", map[string]any{
		"operator_id": c.Account, "email": c.Email, "currency": c.Currency, "coverage": c.Coverage,
	}, &a)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printAccount(l, a) })
}

type accountsUpdateCommand struct {
	Account  operatorID `arg:"" name:"operator-id" help:"OP and ten digits."`
	Email    string     `help:"The primary email."`
	Coverage string     `placeholder:"NAME" help:"The coverage."`
	Standing string     `enum:"open,closed," default:"" help:"open or closed: a closed account neither sends nor receives SIMs."`
	remote
}

// Validate refuses to change nothing.
func (c *accountsUpdateCommand) Validate() error {
	if c.Email == "" && c.Coverage == "" && c.Standing == "" {
		return usageError("say what to change: --email, --coverage or --standing")
	}
	return nil
}

// Help is the detailed help.
func (accountsUpdateCommand) Help() string {
	return `Example:

    simtransfer accounts update OP0000000001 --standing=closed`
}

// Run carries the command out.
func (c *accountsUpdateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	change := map[string]string{}
	for name, value := range map[string]string{"email": c.Email, "coverage": c.Coverage, "standing": c.Standing} {
		if value != "" {
			change[name] = value
		}
	}
	var a account
	answer, err := l.send(ctx, http.MethodPatch, place("accounts", string(c.Account)), change, &a)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printAccount(l, a) })
}
