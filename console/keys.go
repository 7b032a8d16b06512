package console

import (
	"cmp"
	"errors"
	"net/url"
	"strconv"
	"time"

	"simtransfer/client"
	"simtransfer/transfer"
)

// keysView is the list of API keys, with the form of a new one.
type keysView struct {
	base

	Keys    []client.Key
	Next    string
	Role    string
	Account string
	Revoked string
	Editing *client.Key // that is being replaced or revoked; nil: none
	Made    *client.Key // with its token, which is shown once
	Rotated bool        // Made replaces a key
	Until   *time.Time  // until when the replaced key works
}

// keys shows the API keys of the account or, to an administrator, of everyone.
func (v *visit) keys() error { return v.showKeys(func(*keysView) {}) }

func (v *visit) showKeys(with func(*keysView)) error {
	q := v.r.URL.Query()
	view := keysView{base: base{v}, Role: q.Get("role"), Account: q.Get("account"), Revoked: q.Get("revoked")}
	revoked := view.Revoked != ""
	f := client.KeyFilter{Revoked: &revoked}
	if v.me.has("admin") {
		f.Role, f.Account = view.Role, transfer.AccountRef(view.Account)
	}
	page, err := v.api.ListKeys(v.ctx(), f, client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view.Keys, view.Next = page.Items, page.NextCursor
	if id, err := strconv.ParseInt(cmp.Or(v.r.PathValue("id"), q.Get("key")), 10, 64); err == nil {
		k, err := v.api.GetKey(v.ctx(), id)
		if err != nil {
			return err
		}
		view.Editing = &k
	}
	with(&view)
	return v.show("keys", "API keys", view)
}

// Roles returns the roles of a new key.
func (keysView) Roles() []choice {
	return []choice{{"account", "An account"}, {"support", "Support"}, {"finance", "Finance"}, {"admin", "Administrators"}}
}

// Permissions returns the permissions of a new key of an account, the least first.
func (keysView) Permissions() []choice {
	return []choice{
		{"viewer", "Viewer: reads"},
		{"operator", "Operator: makes and cancels requests"},
		{"approver", "Approver: also accepts, declines and unlocks"},
		{"owner", "Owner: also manages people, keys and contacts"},
	}
}

// Graces returns how long a key that is replaced can keep working.
func (keysView) Graces() []choice {
	return []choice{{"0", "stops at once"}, {"3600", "works for an hour"}, {"86400", "works for a day"}}
}

// Expires reports whether a key stops working within a month.
func (keysView) Expires(k client.Key) bool {
	return k.ExpiresAt != nil && time.Until(*k.ExpiresAt) < 30*24*time.Hour
}

// errNotADay means that a field has no day.
var errNotADay = errors.New("write a day as year, month and day, such as 2030-01-31")

// dayField reads a day as its end in UTC; nil if the field is empty.
func (f form) dayField(name string) (*time.Time, error) {
	text := f.Value(name)
	if text == "" {
		return nil, nil
	}
	day, err := time.Parse("2006-01-02", text)
	if err != nil {
		return nil, errNotADay
	}
	end := day.AddDate(0, 0, 1).Add(-time.Second).UTC()
	return &end, nil
}

// createKey creates an API key and shows it once.
func (v *visit) createKey() error {
	f := v.posted("key")
	expires, err := f.dayField("expires_at")
	if err != nil {
		return v.wrong(f, v.keys, "expires_at", err.Error())
	}
	k := client.NewKey{Role: f.Or("role", "account"), Name: f.Value("name"), ExpiresAt: expires, Networks: listed(f.Value("networks"))}
	if k.Role == "" {
		k.Role = "account"
	}
	if k.Role == "account" {
		k.Permission, k.Account = f.Value("permission"), transfer.AccountRef(f.Value("account"))
	}
	made, err := v.api.CreateKey(v.ctx(), k, f.Option())
	if err != nil {
		return v.refused(f, err, v.keys)
	}
	return v.showKeys(func(view *keysView) { view.Made = &made })
}

// rotateKey replaces an API key and shows the new one once.
func (v *visit) rotateKey() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	f := v.posted("key-" + strconv.FormatInt(id, 10))
	grace, err := strconv.ParseInt(f.Or("grace_seconds", "0"), 10, 64)
	if err != nil {
		return v.wrong(f, v.keys, "grace_seconds", "choose how long the old key keeps working")
	}
	made, err := v.api.RotateKey(v.ctx(), id, client.Rotation{GraceSeconds: grace}, f.Option())
	if err != nil {
		return v.refused(f, err, v.keys)
	}
	return v.showKeys(func(view *keysView) {
		view.Made, view.Rotated, view.Until, view.Editing = &made, true, made.OldUntil, nil
	})
}

// revokeKey ends an API key.
func (v *visit) revokeKey() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	f := v.posted("key-" + strconv.FormatInt(id, 10))
	if err := v.api.RevokeKey(v.ctx(), id); err != nil {
		return v.refused(f, err, v.keys)
	}
	return v.redirect("/keys", "Key "+strconv.FormatInt(id, 10)+" is revoked. It has stopped working.")
}

// EditPath returns the address on which a key is replaced or revoked.
func (keysView) EditPath(k client.Key) string {
	return "/keys?key=" + strconv.FormatInt(k.ID, 10) + "#change"
}

// FormName returns the name of the form of a key.
func (keysView) FormName(k client.Key) string { return "key-" + strconv.FormatInt(k.ID, 10) }

// AuditOf returns the address of what a key has done.
func (keysView) AuditOf(k client.Key) string {
	return "/audit?" + url.Values{"key": {strconv.FormatInt(k.ID, 10)}}.Encode()
}
