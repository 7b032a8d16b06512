package client

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// SignIn is a browser that has signed in.
type SignIn struct {
	ID         int64      `json:"id"`
	Current    bool       `json:"current"`          // it makes this call
	Person     *PersonRef `json:"person,omitempty"` // nil for an API key
	Key        *MyKey     `json:"key,omitempty"`    // nil for a person
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt time.Time  `json:"last_seen_at"` // up to a minute late
	ExpiresAt  time.Time  `json:"expires_at"`   // without another call
	EndsAt     time.Time  `json:"ends_at"`      // in any case
	Address    string     `json:"address,omitempty"`
	UserAgent  string     `json:"user_agent,omitempty"`
}

// SignInFilter selects sign-ins.
type SignInFilter struct {
	All    bool  // those of all people and keys of the account, for owners, or of everyone, for administrators; otherwise the caller's own
	Person int64 // only those of the person with this id; with All
}

// ListSignIns returns a page of sign-ins, the latest first.
func (c *Client) ListSignIns(ctx context.Context, f SignInFilter, p Paging, options ...Option) (Page[SignIn], error) {
	q := p.query()
	if f.All {
		q.set("whose", "all")
	}
	if f.Person != 0 {
		q.set("person", strconv.FormatInt(f.Person, 10))
	}
	return get[Page[SignIn]](ctx, c, q.of(path("sign-ins")), options)
}

// EndSignIn ends a sign-in of the caller or, for owners and administrators, of one of
// their people or keys.
func (c *Client) EndSignIn(ctx context.Context, id int64, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("sign-ins", strconv.FormatInt(id, 10)), nil, nil, options...)
}

// EndOtherSignIns ends the caller's sign-ins, except the one that calls.
func (c *Client) EndOtherSignIns(ctx context.Context, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("sign-ins"), nil, nil, options...)
}
