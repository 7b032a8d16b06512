package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"simtransfer/client"
)

// keyText describes an API key in a sentence.
func keyText(k client.CurrentKey) string {
	if k.Account != "" {
		return fmt.Sprintf("the key %q of %s", k.Name, k.Account)
	}
	return fmt.Sprintf("the %s key %q", k.Role, k.Name)
}

type whoamiCommand struct{ remote }

// Help returns the detailed help.
func (whoamiCommand) Help() string {
	return `Shows the service URL, the API key in use, and its account. With the secret of a
sign-in in place of a key, it shows the person and the account that the person
acts for.

Examples:

    simtransfer whoami
    simtransfer whoami --json | jq -r .role`
}

// Run runs the command.
func (c *whoamiCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	k, err := l.client.GetCurrentKey(ctx, l.options()...)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return c.showPerson(ctx, l)
	}
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		t := newTable(l.Out)
		if c.Profile != "" {
			t.add("Profile", c.Profile)
		}
		t.add("Service", l.client.URL)
		t.add("Key", k.Hint)
		t.add("Name", k.Name)
		t.add("Role", k.Role)
		if k.Account != "" {
			t.add("Account", string(k.Account)+", "+k.Email)
		}
		if k.Permission != "" {
			t.add("Permission", k.Permission)
		}
		if len(k.Networks) > 0 {
			t.add("Networks", strings.Join(k.Networks, ", "))
		}
		t.add("Created", timeText(k.CreatedAt))
		if k.ExpiresAt != nil {
			t.add("Expires", expiryText(k))
		}
		if err := t.flush(); err != nil {
			return err
		}
		warnOfExpiry(s, k)
		return nil
	})
}

// showPerson shows the person who has signed in.
func (c *whoamiCommand) showPerson(ctx context.Context, l *connection) error {
	me, err := l.client.GetMe(ctx, l.options()...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		t := newTable(l.Out)
		if c.Profile != "" {
			t.add("Profile", c.Profile)
		}
		t.add("Service", l.client.URL)
		if me.Person != nil {
			t.add("Person", personText(client.PersonRef{Name: me.Person.Name, Email: me.Person.Email}))
		}
		if a := me.ActingFor; a != nil {
			t.add("Role", a.Role)
			if a.Account != "" {
				t.add("Account", string(a.Account)+", "+a.Email)
				t.add("Permission", a.Permission)
			}
		} else {
			var names []string
			for _, m := range me.Memberships {
				names = append(names, m.Name)
			}
			t.add("Belongs to", cmp.Or(strings.Join(names, ", "), "no account"))
		}
		if me.SignIn != nil {
			t.add("Signed in", timeText(me.SignIn.CreatedAt))
			t.add("Expires", timeText(me.SignIn.EndsAt))
		}
		return t.flush()
	})
}

func expiryText(k client.CurrentKey) string {
	if k.Rotated {
		return timeText(*k.ExpiresAt) + ", because it was rotated"
	}
	return timeText(*k.ExpiresAt)
}

// warningPeriod is how long before a key expires its users are warned.
const warningPeriod = 14 * 24 * time.Hour

// warnOfExpiry prints a warning if a key expires soon.
func warnOfExpiry(s *Session, k client.CurrentKey) {
	if k.ExpiresAt != nil && time.Until(*k.ExpiresAt) < warningPeriod {
		fmt.Fprintf(s.Err, "Warning: the key stops working at %s. Ask an administrator for a new one.\n", expiryText(k))
	}
}
