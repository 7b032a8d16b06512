package client

import (
	"context"
	"time"

	"simtransfer/transfer"
)

// Me is who the client calls as: an API key, or someone who has signed in with a
// browser, as a person or with a key.
type Me struct {
	Person      *MyPerson      `json:"person,omitempty"`     // nil for an API key
	Key         *MyKey         `json:"key,omitempty"`        // nil for a person
	ActingFor   *Membership    `json:"acting_for,omitempty"` // nil for a person who has to choose among several memberships (Client.Account), or has none
	Memberships []Membership   `json:"memberships"`          // staff first
	SignIn      *CurrentSignIn `json:"sign_in,omitempty"`    // nil for a program
}

// MyPerson is the person who has signed in.
type MyPerson struct {
	ID    int64  `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// MyKey is the API key of a call, or with which a browser has signed in.
type MyKey struct {
	ID   int64  `json:"id"`
	Hint string `json:"hint"` // its beginning and end
	Name string `json:"name"`
}

// Membership is what someone may do in an account, or as staff.
type Membership struct {
	Name        string              `json:"name"` // for Client.Account: the operator id of the account, or staff
	Role        string              `json:"role"` // account, support, finance or admin
	Account     transfer.OperatorID `json:"account,omitempty"`
	AccountName string              `json:"account_name,omitempty"`
	Email       string              `json:"email,omitempty"`      // the primary email of the account
	Permission  string              `json:"permission,omitempty"` // in the account: viewer, operator, approver or owner
}

// CurrentSignIn is the sign-in of the browser that calls.
type CurrentSignIn struct {
	ID         int64     `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"` // without another call
	EndsAt     time.Time `json:"ends_at"`    // in any case
	Fresh      bool      `json:"fresh"`      // recent enough for acts that need a fresh sign-in
	FreshUntil time.Time `json:"fresh_until"`
}

// GetMe returns who the client calls as.
func (c *Client) GetMe(ctx context.Context, options ...Option) (Me, error) {
	return get[Me](ctx, c, path("me"), options)
}
