package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List API keys (administrators)."`
	Create keysCreateCommand `cmd:"" help:"Make an API key and print it: it cannot be shown again (administrators)."`
	Rotate keysRotateCommand `cmd:"" help:"Replace an API key by a new one, with the same rights (administrators)."`
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
	OldUntil   *time.Time `json:"old_until"`
	Token      string     `json:"token"`
}

type keysListCommand struct {
	Role    string     `enum:"account,support,admin," default:"" help:"Only keys of this role: account, support or admin."`
	Account operatorID `placeholder:"OP…" help:"Only keys that act for this account."`
	Revoked string     `enum:"true,false," default:"" help:"Only keys that are revoked, or only those that are not: true or false."`
	paging
	remote
}

// Help is the detailed help.
func (keysListCommand) Help() string {
	return `Example:

    simtransfer keys list --role=admin --revoked=false`
}

// Run carries the command out.
func (c *keysListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	head := []string{"ID", "KEY", "ROLE", "ACCOUNT", "NAME", "LAST USED", "REVOKED"}
	list := listing{paging: c.paging, path: "/v1/keys", query: url.Values{"role": {c.Role}, "account": {string(c.Account)}, "revoked": {c.Revoked}}}
	return printList(ctx, l, list, head, func(k key) []string {
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

type keysRotateCommand struct {
	ID    int64         `arg:"" help:"The key's id, as the list shows it."`
	Grace time.Duration `placeholder:"1h" help:"How long the old key stays good, up to 24h. It ends at once if it is left out."`
	post
}

// Help is the detailed help.
func (keysRotateCommand) Help() string {
	return `Prints the new key alone on standard output. Whoever is logged in with the old one has to log in again. A key that
replaces itself stays good for a minute all the same, so that the call can be repeated: to end one that
has leaked at once, revoke it.

Examples:

    simtransfer keys rotate 7 > new.key
    simtransfer keys rotate 7 --grace=1h`
}

// Run carries the command out.
func (c *keysRotateCommand) Run(ctx context.Context, s *Session) error {
	if c.Grace < 0 || c.Grace%time.Second != 0 {
		return usageError("--grace has to be whole seconds, such as 90s or 1h")
	}
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var made key
	body := map[string]int64{"grace_seconds": int64(c.Grace / time.Second)}
	answer, err := l.post(ctx, c.post, place("keys", strconv.FormatInt(c.ID, 10), "rotate"), body, &made)
	if err != nil {
		return err
	}
	return l.show(answer, func() error {
		if made.OldUntil != nil {
			l.note("The old key is good until %s.", instant(made.OldUntil))
		}
		return printToken(l, made)
	})
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
