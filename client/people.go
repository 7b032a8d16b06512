package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"simtransfer/transfer"
)

// Person is someone who signs in with a browser.
type Person struct {
	ID          int64          `json:"id"`
	Email       string         `json:"email"`
	Name        string         `json:"name"`
	Memberships []MembershipOf `json:"memberships"` // those that the caller manages
	CreatedAt   time.Time      `json:"created_at"`
	LastSeenAt  *time.Time     `json:"last_seen_at,omitempty"` // up to a minute late
	DisabledAt  *time.Time     `json:"disabled_at,omitempty"`  // cannot sign in since then
}

// MembershipOf is what a person may do in an account, or as staff.
type MembershipOf struct {
	Name        string              `json:"name"` // the operator id of the account, or staff
	Role        string              `json:"role"` // account, support, finance or admin
	Account     transfer.OperatorID `json:"account,omitempty"`
	AccountName string              `json:"account_name,omitempty"`
	Permission  string              `json:"permission,omitempty"` // in the account: viewer, operator, approver or owner
	Key         int64               `json:"key"`                  // what events name as the key
	Since       time.Time           `json:"since"`
}

// PersonRef names the person who did something.
type PersonRef struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// PersonFilter selects people. A zero field selects all.
type PersonFilter struct {
	Account  string // an operator id, an external id, or staff; for administrators
	Text     string // part of the name or the email
	Disabled *bool
}

// PersonChange is the body of UpdatePerson. Nil fields stay as they are.
type PersonChange struct {
	Name     *string `json:"name,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"` // cannot sign in
}

// Grant is the body of PutMembership: a permission in an account, or a role of staff.
type Grant struct {
	Permission string `json:"permission,omitempty"`
	Role       string `json:"role,omitempty"`
}

// ListPeople returns a page of people, for administrators and the owners of an account.
func (c *Client) ListPeople(ctx context.Context, f PersonFilter, p Paging, options ...Option) (Page[Person], error) {
	q := p.query()
	q.set("account", f.Account)
	q.set("text", f.Text)
	if f.Disabled != nil {
		q.set("disabled", strconv.FormatBool(*f.Disabled))
	}
	return get[Page[Person]](ctx, c, q.of(path("people")), options)
}

// GetPerson returns a person by its id.
func (c *Client) GetPerson(ctx context.Context, id int64, options ...Option) (Person, error) {
	return get[Person](ctx, c, path("people", strconv.FormatInt(id, 10)), options)
}

// UpdatePerson renames or disables a person, for administrators.
func (c *Client) UpdatePerson(ctx context.Context, id int64, change PersonChange, options ...Option) (Person, error) {
	var p Person
	err := c.callJSON(ctx, http.MethodPatch, path("people", strconv.FormatInt(id, 10)), change, &p, options...)
	return p, err
}

// PutMembership changes what a person may do in an account (its operator id or external
// id), or as staff.
func (c *Client) PutMembership(ctx context.Context, person int64, account string, g Grant, options ...Option) (Person, error) {
	var p Person
	err := c.callJSON(ctx, http.MethodPut, path("people", strconv.FormatInt(person, 10), "memberships", account), g, &p, options...)
	return p, err
}

// DeleteMembership removes a person from an account, or from the staff.
func (c *Client) DeleteMembership(ctx context.Context, person int64, account string, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("people", strconv.FormatInt(person, 10), "memberships", account), nil, nil, options...)
}
