package client

import (
	"context"
	"net/http"
	"time"

	"simtransfer/transfer"
)

// Account is an operator account.
type Account struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Email      string              `json:"email"` // primary email, in lower case
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
	Standing   string              `json:"standing"` // open or closed
	CreatedAt  time.Time           `json:"created_at"`
}

// NewAccount is what CreateAccount needs.
type NewAccount struct {
	OperatorID transfer.OperatorID `json:"operator_id"`
	Email      string              `json:"email"`
	Currency   transfer.Currency   `json:"currency"`
	Coverage   string              `json:"coverage"`
	Standing   string              `json:"standing,omitempty"` // empty means open
}

// AccountChange is what UpdateAccount changes; empty fields stay as they are.
type AccountChange struct {
	Email    string `json:"email,omitempty"`
	Coverage string `json:"coverage,omitempty"`
	Standing string `json:"standing,omitempty"`

	// OpenRequests is what happens to open requests when the account is closed:
	// "refuse", the default, does not close it, "end" cancels them.
	OpenRequests string `json:"open_requests,omitempty"`
}

// AccountFilter selects accounts. A zero field selects all.
type AccountFilter struct {
	Email    string
	Standing string
}

// CreateAccount opens an account, for administrators.
func (c *Client) CreateAccount(ctx context.Context, a NewAccount, options ...Option) (Account, error) {
	return post[Account](ctx, c, path("accounts"), a, options)
}

// ListAccounts returns a page of accounts, for support.
func (c *Client) ListAccounts(ctx context.Context, f AccountFilter, p Paging, options ...Option) (Page[Account], error) {
	q := p.query()
	q.set("email", f.Email)
	q.set("standing", f.Standing)
	return get[Page[Account]](ctx, c, q.of(path("accounts")), options)
}

// GetAccount returns an account.
func (c *Client) GetAccount(ctx context.Context, id transfer.OperatorID, options ...Option) (Account, error) {
	return get[Account](ctx, c, path("accounts", string(id)), options)
}

// UpdateAccount changes or closes an account, for administrators.
func (c *Client) UpdateAccount(ctx context.Context, id transfer.OperatorID, change AccountChange, options ...Option) (Account, error) {
	var a Account
	err := c.callJSON(ctx, http.MethodPatch, path("accounts", string(id)), change, &a, options...)
	return a, err
}
