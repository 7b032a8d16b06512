package api

import (
	"context"
	"fmt"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// SignIn is a browser that has signed in, as the API shows it.
type SignIn struct {
	ID         int64      `json:"id"`
	Current    bool       `json:"current" doc:"Whether it is the one that makes this call."`
	Person     *PersonRef `json:"person,omitempty" doc:"Who has signed in. Left out for an API key."`
	Key        *MyKey     `json:"key,omitempty" doc:"The API key that the browser has signed in with. Left out for a person."`
	CreatedAt  time.Time  `json:"created_at"`
	LastSeenAt time.Time  `json:"last_seen_at" doc:"When the browser last made a call, up to a minute late."`
	ExpiresAt  time.Time  `json:"expires_at" doc:"When it ends without another call."`
	EndsAt     time.Time  `json:"ends_at" doc:"When it ends in any case."`
	Address    *string    `json:"address,omitempty" doc:"The IP address from which the browser has signed in. Owners do not see it of people who also act for another account or are staff."`
	UserAgent  *string    `json:"user_agent,omitempty" doc:"What the browser calls itself."`
}

func viewSignIn(l storage.ListedSignIn, c storage.Caller) SignIn {
	v := SignIn{
		ID: l.ID, Current: c.SignIn != nil && c.SignIn.ID == l.ID, Person: viewActor(l.ActingPerson),
		CreatedAt: l.CreatedAt.UTC(), LastSeenAt: l.LastSeenAt.UTC(), ExpiresAt: l.ExpiresAt.UTC(), EndsAt: l.EndsAt.UTC(),
		Address: l.Address, UserAgent: l.UserAgent,
	}
	if !mayEndSignIn(c, l) {
		v.Address, v.UserAgent = nil, nil
	}
	if l.Key != nil {
		v.Key = &MyKey{ID: *l.Key, Hint: valueOrZero(l.KeyHint), Name: valueOrZero(l.KeyName)}
	}
	return v
}

type listSignInsInput struct {
	Paging
	Whose  string `query:"whose" enum:"own,all" default:"own" doc:"own: those of the caller. all: those of all people and keys of the account, for owners, or of everyone, for administrators."`
	Person int64  `query:"person" minimum:"1" doc:"Only those of the person with this id. With whose=all."`
}

func (s *server) listSignIns(ctx context.Context, in *listSignInsInput) (*listOf[SignIn], error) {
	c, f := callerOf(ctx), storage.SignInFilter{Limit: in.Limit + 1}
	switch {
	case in.Whose == "all":
		if err := keyManagers.check(c, callOf(ctx).address); err != nil {
			return nil, err
		}
		f.Account, f.Person = c.Account.ID, in.Person
	case in.Person != 0:
		return nil, problem.New(problem.Invalid, "", problem.FieldError{Location: "query.person", Message: "only with whose=all: leave it out, or add that", Value: itoa(in.Person)})
	case c.Person.ID != 0:
		f.Person = c.Person.ID
	default:
		f.Key = c.Key
	}
	var err error
	if f.Before, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.SignIns(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(l storage.ListedSignIn) string { return itoa(l.ID) }, func(l storage.ListedSignIn) SignIn { return viewSignIn(l, c) })
}

// SignInPath is embedded in the input of routes for one sign-in.
type SignInPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The id of the sign-in, as in the list of sign-ins."`
}

func (s *server) endSignIn(ctx context.Context, in *SignInPath) (*struct{}, error) {
	return nil, s.db.EndSignIn(ctx, actingCaller(ctx), in.ID, func(l storage.ListedSignIn) bool { return mayEndSignIn(callerOf(ctx), l) })
}

func (s *server) endOtherSignIns(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, s.db.EndOtherSignIns(ctx, actingCaller(ctx), callerOf(ctx))
}

// checkFresh returns why a browser cannot make a call that needs a fresh sign-in, nil
// if it can. A program, which sends an API key, always can.
func checkFresh(r Route, c storage.Caller) error {
	if !r.needsFresh() || c.SignIn == nil || c.SignIn.Fresh {
		return nil
	}
	return problem.New(problem.FreshSignInRequired, fmt.Sprintf("you signed in more than %d minutes ago: sign in again, and then repeat the call", int(storage.FreshPeriod.Minutes())))
}
