package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"simtransfer/transfer"
)

// Key is an API key.
type Key struct {
	ID         int64               `json:"id"`
	Hint       string              `json:"hint"` // its beginning and end
	Role       string              `json:"role"` // account, support, finance or admin
	Account    transfer.OperatorID `json:"account,omitempty"`
	AccountID  string              `json:"account_external_id,omitempty"` // for support
	Permission string              `json:"permission,omitempty"`          // in its account: viewer, operator, approver or owner
	Networks   []string            `json:"networks,omitempty"`            // from which it can be used; empty: any
	Name       string              `json:"name"`
	CreatedAt  time.Time           `json:"created_at"`
	CreatedBy  int64               `json:"created_by,omitempty"` // id of the key that created it; zero: it was created on the server
	ExpiresAt  *time.Time          `json:"expires_at,omitempty"`
	LastUsedAt *time.Time          `json:"last_used_at,omitempty"` // up to a minute late
	RevokedAt  *time.Time          `json:"revoked_at,omitempty"`
	RevokedBy  int64               `json:"revoked_by,omitempty"` // id of the key that revoked it
	OldUntil   *time.Time          `json:"old_until,omitempty"`  // when the previous key stops working
	Token      string              `json:"token,omitempty"`      // the key itself; set only in the answers of CreateKey and RotateKey
}

// CurrentKey is the key that a call was made with.
type CurrentKey struct {
	Key
	Email   string `json:"email,omitempty"`   // primary email of the account
	Rotated bool   `json:"rotated,omitempty"` // it was rotated, and stops working at ExpiresAt
}

// NewKey is what CreateKey needs.
type NewKey struct {
	Role       string              `json:"role"`                 // account, support, finance or admin
	Account    transfer.AccountRef `json:"account,omitempty"`    // with the role account only
	Permission string              `json:"permission,omitempty"` // with the role account only: viewer, operator, approver or owner; empty: owner
	Name       string              `json:"name"`
	ExpiresAt  *time.Time          `json:"expires_at,omitempty"`
	Networks   []string            `json:"networks,omitempty"` // IP addresses or networks from which it can be used; empty: any
}

// Rotation is the body of RotateKey.
type Rotation struct {
	GraceSeconds int64      `json:"grace_seconds,omitempty"` // how long the old key keeps working, up to a day
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`    // nil: no change
}

// KeyFilter selects API keys. A zero field selects all.
type KeyFilter struct {
	Role    string
	Account transfer.AccountRef
	Revoked *bool
}

// GetCurrentKey returns the key that the client uses.
func (c *Client) GetCurrentKey(ctx context.Context, options ...Option) (CurrentKey, error) {
	return get[CurrentKey](ctx, c, path("key"), options)
}

// CreateKey creates an API key, for administrators and the owners of an account.
func (c *Client) CreateKey(ctx context.Context, k NewKey, options ...Option) (Key, error) {
	return post[Key](ctx, c, path("keys"), k, options)
}

// GetKey returns an API key by its id.
func (c *Client) GetKey(ctx context.Context, id int64, options ...Option) (Key, error) {
	return get[Key](ctx, c, path("keys", strconv.FormatInt(id, 10)), options)
}

// ListKeys returns a page of API keys: an account's key lists those of its account.
func (c *Client) ListKeys(ctx context.Context, f KeyFilter, p Paging, options ...Option) (Page[Key], error) {
	q := p.query()
	q.set("role", f.Role)
	q.set("account", string(f.Account))
	q.setBool("revoked", f.Revoked)
	return get[Page[Key]](ctx, c, q.of(path("keys")), options)
}

// RotateKey replaces an API key with a new one that has the same rights.
func (c *Client) RotateKey(ctx context.Context, id int64, r Rotation, options ...Option) (Key, error) {
	return post[Key](ctx, c, path("keys", strconv.FormatInt(id, 10), "rotate"), r, options)
}

// RevokeKey revokes an API key.
func (c *Client) RevokeKey(ctx context.Context, id int64, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, path("keys", strconv.FormatInt(id, 10)), nil, nil, options...)
}
