package cli

import (
	"context"
	"fmt"
	"time"
)

const currentKeyPath = "/v1/key"

// currentKey is the key that one calls with, as the API shows it.
type currentKey struct {
	key
	Email     string     `json:"email"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// String says what one is with the key.
func (k currentKey) String() string {
	if k.Account != "" {
		return fmt.Sprintf("the key %q of %s", k.Name, k.Account)
	}
	return fmt.Sprintf("the %s key %q", k.Role, k.Name)
}

type whoamiCommand struct{ remote }

// Help is the detailed help.
func (whoamiCommand) Help() string {
	return `Asks the service with which key you call it, and for which account.

Examples:

    simtransfer whoami
    simtransfer whoami --json | jq -r .role`
}

// Run carries the command out.
func (c *whoamiCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.open(s)
	if err != nil {
		return err
	}
	var k currentKey
	answer, err := l.get(ctx, currentKeyPath, &k)
	if err != nil {
		return err
	}
	return l.show(answer, func() error {
		t := newTable(l.Out)
		t.add("Service", l.client.URL)
		t.add("Key", k.Hint)
		t.add("Name", k.Name)
		t.add("Role", k.Role)
		if k.Account != "" {
			t.add("Account", k.Account+", "+k.Email)
		}
		t.add("Made", instant(k.CreatedAt))
		if k.ExpiresAt != nil {
			t.add("Good until", instant(k.ExpiresAt)+": it was rotated")
		}
		return t.flush()
	})
}
