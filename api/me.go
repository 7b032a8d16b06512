package api

import (
	"context"
	"time"

	"simtransfer/storage"
	"simtransfer/transfer"
)

// Me is who makes a call: a program with an API key, or someone who has signed in
// with a browser, as a person or with a key.
type Me struct {
	Person      *MyPerson      `json:"person,omitempty" doc:"Who has signed in. Left out for an API key."`
	Key         *MyKey         `json:"key,omitempty" doc:"The API key of the call, or with which the browser has signed in. Left out for a person."`
	ActingFor   *Membership    `json:"acting_for,omitempty" doc:"As whom this call acts. Left out for a person who has several memberships, if the call does not say which one in the header Simtransfer-Account, and for one who has none."`
	Memberships []Membership   `json:"memberships" doc:"As whom the caller can act: the account of the key, or every account that the person belongs to, with staff first."`
	SignIn      *CurrentSignIn `json:"sign_in,omitempty" doc:"The sign-in of the browser. Left out for a program, which sends an API key."`
}

// MyPerson is the person who makes a call.
type MyPerson struct {
	ID    int64  `json:"id"`
	Email string `json:"email" format:"email"`
	Name  string `json:"name"`
}

// MyKey is the API key of a call.
type MyKey struct {
	ID   int64  `json:"id"`
	Hint string `json:"hint" example:"st_admin_abcd…wxyz" doc:"The beginning and the end of the key."`
	Name string `json:"name"`
}

// Membership is what someone may do in an account, or as staff.
type Membership struct {
	Name        string               `json:"name" example:"OP0000000001" doc:"What the header Simtransfer-Account takes: the operator id of the account, or staff."`
	Role        storage.Role         `json:"role"`
	Account     *transfer.OperatorID `json:"account,omitempty" doc:"The operator id of the account. Left out for staff."`
	AccountName *string              `json:"account_name,omitempty" doc:"The name of the account, if it has one."`
	Email       string               `json:"email,omitempty" format:"email" doc:"The primary email of the account."`
	Permission  *storage.Permission  `json:"permission,omitempty" doc:"The permission in the account. Left out for staff."`
}

// CurrentSignIn is the sign-in of the browser that makes a call.
type CurrentSignIn struct {
	ID         int64     `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends without another call."`
	EndsAt     time.Time `json:"ends_at" doc:"When it ends in any case."`
	Fresh      bool      `json:"fresh" doc:"Whether it is recent enough for acts that need a fresh sign-in."`
	FreshUntil time.Time `json:"fresh_until" doc:"Until when it is. Signing in again renews it."`
}

func viewMembership(c storage.Caller) Membership {
	m := Membership{Name: membershipName(c), Role: c.Role}
	if c.Role.HasAccount() {
		m.Account, m.AccountName, m.Email, m.Permission = &c.Account.OperatorID, c.Account.Name, c.Account.Email, &c.Permission
	}
	return m
}

type meOutput struct{ Body Me }

func (s *server) getMe(ctx context.Context, _ *struct{}) (*meOutput, error) {
	c, me := callOf(ctx), Me{Memberships: []Membership{}}
	for _, choice := range c.choices {
		if choice.Key != 0 {
			me.Memberships = append(me.Memberships, viewMembership(choice))
		}
	}
	if c.caller.Key != 0 {
		acting := viewMembership(c.caller)
		me.ActingFor = &acting
	}
	if p := c.caller.Person; p.ID != 0 {
		me.Person = &MyPerson{ID: p.ID, Email: p.Email, Name: p.Name}
	} else {
		k, err := s.db.Key(ctx, c.caller.Key)
		if err != nil {
			return nil, err
		}
		me.Key = &MyKey{ID: k.ID, Hint: k.Hint, Name: k.Name}
	}
	if in := c.caller.SignIn; in != nil {
		me.SignIn = &CurrentSignIn{
			ID: in.ID, CreatedAt: in.CreatedAt.UTC(), ExpiresAt: in.ExpiresAt.UTC(), EndsAt: in.EndsAt.UTC(),
			Fresh: in.Fresh, FreshUntil: in.FreshUntil.UTC(),
		}
	}
	return &meOutput{me}, nil
}
