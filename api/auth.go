package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// admit lets those in whom a route is for, before anything of the body is
// read, and bounds the time that the call may take.
func (s *server) admit(route Route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		err := s.authorize(r, route.Roles)
		if err == nil && len(route.Roles) > 0 {
			err = s.limit(w, r)
		}
		if err == nil {
			err = unreadable(r)
		}
		if err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
		limit := route.timeout()
		c, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		// A client that does not read its answer is let go of, too. Not every
		// ResponseWriter has a connection below it; then there is nothing to bound.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + writeGrace))
		w.Header().Set("Cache-Control", "no-store")
		next(huma.WithContext(ctx, c))
	}
}

// unreadable refuses parameters that the database could not compare with
// anything: those that are no text.
func unreadable(r *http.Request) error {
	query := r.URL.Query()
	p := problem.New(problem.Invalid, "nothing was done: correct what the errors list")
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, value := range append(query[name], name) {
			if !utf8.ValidString(value) || strings.Contains(value, "\x00") {
				p.Add(problem.FieldError{Location: "query." + strings.ToValidUTF8(problem.Clip(name), "�"), Message: "not text in UTF-8, or with a NUL character in it"})
				break
			}
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	return nil
}

// writeGrace is how long the answer may take on its way, beyond the time for
// working it out.
const writeGrace = time.Minute

// authorize notes in the call who is calling. No roles at all admit everybody.
func (s *server) authorize(r *http.Request, roles []storage.Role) error {
	if len(roles) == 0 {
		return nil
	}
	token, ok := bearer(r)
	if !ok {
		return problem.New(problem.Unauthenticated, "send an API key: Authorization: Bearer st_…")
	}
	caller, err := s.db.Authenticate(r.Context(), token)
	if errors.Is(err, storage.ErrNotFound) {
		return unknownKey()
	}
	if err != nil {
		return err
	}
	c := callOf(r.Context())
	c.caller, c.token = caller, token
	if !slices.Contains(roles, caller.Role) {
		return problem.New(problem.Forbidden, fmt.Sprintf("a key of the role %s may not do this", caller.Role))
	}
	return nil
}

func unknownKey() *problem.Problem {
	return problem.New(problem.Unauthenticated, "this API key is unknown or revoked")
}

// bearer returns the token of the Authorization header.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// partyOf returns as which party of a request somebody acts; false for
// somebody who has nothing to do with it.
func partyOf(c storage.Caller, r storage.Request) (transfer.Party, bool) {
	switch {
	case c.Role == storage.RoleSupport || c.Role == storage.RoleAdmin:
		return transfer.PartySupport, true
	case c.Account.ID == 0:
	case c.Account.ID == r.Source:
		return transfer.PartySource, true
	case c.Account.ID == r.Destination:
		return transfer.PartyDestination, true
	}
	return "", false
}

// actingAccount returns the account that a call is for: the caller's own, or
// the one that support acts on behalf of and has to name.
func (s *server) actingAccount(ctx context.Context, location, onBehalfOf string) (storage.Account, error) {
	c := callerOf(ctx)
	if c.Role == storage.RoleAccount {
		if onBehalfOf != "" {
			return storage.Account{}, problem.New(problem.Forbidden, "only support acts on behalf of an account",
				problem.FieldError{Location: location, Message: "leave it out"})
		}
		return c.Account, nil
	}
	if onBehalfOf == "" {
		return storage.Account{}, problem.New(problem.Invalid, "support has to say for which account",
			problem.FieldError{Location: location, Message: "name the operator id of the source account"})
	}
	return s.namedAccount(ctx, location, onBehalfOf)
}

// namedAccount returns the account that a parameter or field names.
func (s *server) namedAccount(ctx context.Context, location, name string) (storage.Account, error) {
	id, err := transfer.ParseOperatorID(name)
	if err != nil {
		return storage.Account{}, problem.New(problem.Invalid, "", problem.FieldError{Location: location, Message: err.Error(), Value: name})
	}
	a, err := s.db.Account(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return a, problem.New(problem.Invalid, "", problem.FieldError{Location: location, Message: "there is no such account", Value: string(id)})
	}
	return a, err
}

// listedAccount returns the account whose things a list shows: the caller's
// own, or for support the one it names, or zero for everybody's.
func (s *server) listedAccount(ctx context.Context, name string) (int64, error) {
	c := callerOf(ctx)
	if c.Role == storage.RoleAccount {
		if name != "" && name != string(c.Account.OperatorID) {
			return 0, problem.New(problem.Forbidden, "an account's key lists what is the account's own", problem.FieldError{Location: "query.account", Message: "leave it out"})
		}
		return c.Account.ID, nil
	}
	if name == "" {
		return 0, nil
	}
	a, err := s.namedAccount(ctx, "query.account", name)
	return a.ID, err
}
