package cli

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List API keys (administrators)."`
	Create keysCreateCommand `cmd:"" help:"Make an API key and print it: it cannot be shown again (administrators)."`
	Revoke keysRevokeCommand `cmd:"" help:"Make API keys useless (administrators)."`
}

// key is an API key as the API shows it.
type key struct {
	ID         int64      `json:"id"`
	Hint       string     `json:"hint"`
	Role       string     `json:"role"`
	Account    string     `json:"account"`
	Name       string     `json:"name"`
	CreatedAt  *time.Time `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	Token      string     `json:"token"`
}

type keysListCommand struct {
	paging
	remote
}

// Help is the detailed help.
func (keysListCommand) Help() string {
	return `Example:

    simtransfer keys list --all`
}

// Run carries the command out.
func (c *keysListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	head := []string{"ID", "KEY", "ROLE", "ACCOUNT", "NAME", "LAST USED", "REVOKED"}
	return printList(ctx, l, listing{paging: c.paging, path: "/v1/keys"}, head, func(k key) []string {
		return []string{strconv.FormatInt(k.ID, 10), k.Hint, k.Role, k.Account, k.Name, instant(k.LastUsedAt), instant(k.RevokedAt)}
	})
}

type keysCreateCommand struct {
	Role    string     `required:"" enum:"account,support,admin" help:"What the key may do: account, support or admin."`
	Account operatorID `placeholder:"OP…" help:"The account that it acts for, with --role=account."`
	Name    string     `required:"" help:"What people know the key by."`
	post
}

// Validate refuses a key that acts for nobody, and one that acts for two.
func (c *keysCreateCommand) Validate() error {
	if (c.Role == "account") != (c.Account != "") {
		return usageError("--account goes with --role=account, and no other role")
	}
	return nil
}

// Help is the detailed help.
func (keysCreateCommand) Help() string {
	return `Prints the key alone on standard output.

Examples:

    simtransfer keys create --role=account --account=OP0000000001 --name="warehouse"
    simtransfer keys create --role=support --name="support desk" > support.key`
}

// Run carries the command out.
func (c *keysCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	body := map[string]any{"role": c.Role, "name": c.Name}
	if c.Account != "" {
		body["account"] = c.Account
	}
	var made key
	answer, err := l.post(ctx, c.post, "/v1/keys", body, &made)
	if err != nil {
		return err
	}
	return l.show(answer, func() error { return printToken(l, made) })
}

func printToken(l *link, k key) error {
	l.note("Key %d, which cannot be shown again:", k.ID)
	t := newTable(l.Out)
	t.add(k.Token)
	return t.flush()
}

type keysRevokeCommand struct {
	IDs []int64 `arg:"" name:"id" help:"The keys' ids, as the list shows them."`
	remote
}

// Help is the detailed help.
func (keysRevokeCommand) Help() string {
	return `Example:

    simtransfer keys revoke 7`
}

// Run carries the command out.
func (c *keysRevokeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	for _, id := range c.IDs {
		if _, err := l.send(ctx, http.MethodDelete, place("keys", strconv.FormatInt(id, 10)), nil, nil); err != nil {
			return err
		}
		l.note("Key %d is revoked.", id)
	}
	return nil
}
