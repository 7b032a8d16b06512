package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"simtransfer/client"
)

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List API keys (owner or administrators)."`
	Show   keysShowCommand   `cmd:"" help:"Show an API key (owner or administrators)."`
	Create keysCreateCommand `cmd:"" help:"Create an API key and print it once (owner or administrators)."`
	Rotate keysRotateCommand `cmd:"" help:"Replace an API key with a new one that has the same rights (owner or administrators)."`
	Revoke keysRevokeCommand `cmd:"" help:"Revoke API keys (owner or administrators)."`
}

type keysListCommand struct {
	Role    string     `enum:"account,support,finance,admin," default:"" help:"Only keys with this role: account, support, finance or admin."`
	Account accountRef `placeholder:"OP…" help:"Only keys of this account."`
	Revoked string     `enum:"true,false," default:"" help:"true: only revoked keys; false: only keys that are not revoked."`
	paging
	remote
}

// Help returns the detailed help.
func (keysListCommand) Help() string {
	return `Example:

    simtransfer keys list --role=admin --revoked=false`
}

// Run runs the command.
func (c *keysListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.KeyFilter{Role: c.Role, Account: c.Account.ref(), Revoked: optionalBool(c.Revoked)}
	list := func(p client.Paging) (client.Page[client.Key], error) {
		return l.client.ListKeys(ctx, filter, p, l.options()...)
	}
	head := []string{"ID", "KEY", "ROLE", "ACCOUNT", "PERMISSION", "NAME", "LAST USED", "EXPIRES", "REVOKED"}
	return printList(l, c.paging, maxPage, list, head, func(k client.Key) []string {
		return []string{
			strconv.FormatInt(k.ID, 10),
			k.Hint,
			k.Role,
			accountText(k.Account, k.AccountID),
			k.Permission,
			k.Name,
			timeText(valueOrZero(k.LastUsedAt)),
			timeText(valueOrZero(k.ExpiresAt)),
			timeText(valueOrZero(k.RevokedAt)),
		}
	})
}

type keysShowCommand struct {
	IDs []int64 `arg:"" min:"1" help:"Ids of the keys, as in keys list."`
	showsETag
	remote
}

// Help returns the detailed help.
func (keysShowCommand) Help() string {
	return `Examples:

    simtransfer keys show 7
    simtransfer keys revoke 7 --if-match="$(simtransfer keys show 7 --etag)"`
}

// Run runs the command.
func (c *keysShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, c.IDs, func(l *connection, id int64, options ...client.Option) (client.Key, error) {
		return l.client.GetKey(ctx, id, options...)
	}, printKey)
}

func printKey(l *connection, k client.Key) error {
	t := newTable(l.Out)
	t.add("Key", strconv.FormatInt(k.ID, 10)+", "+k.Hint)
	t.add("Name", k.Name)
	t.add("Role", k.Role)
	for _, row := range []struct{ name, value string }{
		{"Account", accountText(k.Account, k.AccountID)},
		{"Permission", k.Permission},
		{"Networks", strings.Join(k.Networks, ", ")},
		{"Created", timeText(k.CreatedAt)},
		{"Created by key", idText(k.CreatedBy)},
		{"Last used", timeText(valueOrZero(k.LastUsedAt))},
		{"Expires", timeText(valueOrZero(k.ExpiresAt))},
		{"Previous key works until", timeText(valueOrZero(k.OldUntil))},
		{"Revoked", timeText(valueOrZero(k.RevokedAt))},
		{"Revoked by key", idText(k.RevokedBy)},
	} {
		if row.value != "" {
			t.add(row.name, row.value)
		}
	}
	return t.flush()
}

// idText returns the id of a key, empty for none.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

type keysCreateCommand struct {
	Role    string     `enum:"account,support,finance,admin" default:"account" help:"Role of the key: account, support, finance or admin. finance reads what transfers cost and sets fees. Only administrators create keys that are not for an account."`
	Account accountRef `placeholder:"OP…" help:"Account of the key; with --role=account only. Default: the account of your own key."`
	Name    string     `required:"" help:"Name that identifies the key to people. No other key of the account has it."`

	Permission string    `enum:"viewer,operator,approver,owner," default:"" help:"With --role=account: what the key may do. viewer reads; operator also requests and cancels transfers and sets tags, groups and locks; approver also accepts, declines and removes locks; owner does everything. Default: owner."`
	Expires    time.Time `placeholder:"TIME" help:"When the key stops working, such as 2030-01-31 or 2030-01-31T14:30+01:00. Default: never."`
	Network    []string  `placeholder:"CIDR" help:"Network from which the key can be used, such as 192.0.2.0/24. Separate several with commas, or repeat the flag. Default: any."`
	post
}

// Validate implements kong's validation.
func (c *keysCreateCommand) Validate() error {
	switch {
	case c.Role != "account" && c.Account != "":
		return usageError("--account requires --role=account")
	case c.Role != "account" && c.Permission != "":
		return usageError("--permission requires --role=account")
	}
	return nil
}

// Help returns the detailed help.
func (keysCreateCommand) Help() string {
	return `Standard output contains only the key. The owner of an account creates keys of the account. They cannot have more permission, more networks or a later expiry than the key that creates them.

Examples:

    simtransfer keys create --name="dashboard" --permission=viewer
    simtransfer keys create --role=account --account=OP0000000001 --name="warehouse"
    simtransfer keys create --role=account --account=OP0000000001 --name="dashboard" --permission=viewer --expires=2030-01-31 --network=192.0.2.0/24
    simtransfer keys create --role=support --name="support desk" > support.key`
}

// Run runs the command.
func (c *keysCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	k, err := l.client.CreateKey(ctx, client.NewKey{
		Role: c.Role, Name: c.Name, Account: c.Account.ref(), Permission: c.Permission, ExpiresAt: optionalTime(c.Expires), Networks: c.Network,
	}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printToken(l, k) })
}

func printToken(l *connection, k client.Key) error {
	l.note("Key %d. It cannot be shown again:", k.ID)
	t := newTable(l.Out)
	t.add(k.Token)
	return t.flush()
}

// optionalTime returns nil for the zero time.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type keysRotateCommand struct {
	ID      int64         `arg:"" min:"1" help:"Id of the key, as in keys list."`
	Grace   time.Duration `min:"0s" max:"24h" step:"1s" placeholder:"1h" help:"How long the old key keeps working. Default: it stops working immediately."`
	Expires time.Time     `placeholder:"TIME" help:"When the new key stops working, such as 2030-01-31. Default: as the old key would have."`
	condition
	post
}

// Help returns the detailed help.
func (keysRotateCommand) Help() string {
	return `Standard output contains only the new key. Users of the old key have to log in again.

A key that rotates itself keeps working for one more minute, so that the command can be repeated if the answer is lost. To stop a leaked key immediately, revoke it.

Examples:

    simtransfer keys rotate 7 > new.key
    simtransfer keys rotate 7 --grace=1h`
}

// Run runs the command.
func (c *keysRotateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	k, err := l.client.RotateKey(ctx, c.ID, client.Rotation{GraceSeconds: seconds(c.Grace), ExpiresAt: optionalTime(c.Expires)}, l.options(c.idempotent(), c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		if k.OldUntil != nil {
			l.note("The old key works until %s.", timeText(*k.OldUntil))
		}
		return printToken(l, k)
	})
}

type keysRevokeCommand struct {
	IDs []int64 `arg:"" min:"1" name:"id" help:"Ids of the keys, as in keys list."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *keysRevokeCommand) Validate() error { return c.oneOf(len(c.IDs)) }

// Help returns the detailed help.
func (keysRevokeCommand) Help() string {
	return `Example:

    simtransfer keys revoke 7`
}

// Run runs the command.
func (c *keysRevokeCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	return forEach(l, c.IDs, func(id int64) error {
		if err := l.client.RevokeKey(ctx, id, l.options(c.ifMatch())...); err != nil {
			return l.explain(err)
		}
		l.note("Key %d is revoked.", id)
		return nil
	})
}
