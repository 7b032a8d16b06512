package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// admit rejects callers that may not call a route and calls that exceed their
// rate, before the body is read. It limits the time that the call may take.
func (s *server) admit(route Route, parameters func() queryParameters) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		callOf(r.Context()).route = route.Path
		err := s.authorize(r, route.audience)
		if err == nil && route.audience != everyone {
			err = s.limit(w, r)
		}
		if err == nil {
			err = checkFresh(route, callerOf(r.Context()))
		}
		if err == nil {
			err = checkParameters(r, parameters())
		}
		if err == nil {
			err = checkConditions(r, ctx.Operation())
		}
		if err == nil {
			err = readTimes(r, ctx.Operation())
		}
		if err != nil {
			s.problem(r.Context(), err).Write(w)
			return
		}
		if route.reads() {
			release, err := s.reads.acquire(r.Context())
			if err != nil {
				s.problem(r.Context(), err).Write(w)
				return
			}
			defer release()
			callOf(r.Context()).reads = true
		}
		limit := route.timeout()
		c, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		if route.lasts() {
			var stop func()
			c, stop = s.watchKey(c, w)
			defer stop()
		}
		// The connection of a client that does not read the response is closed.
		// A ResponseWriter without a connection returns an error, which is fine.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + writeGrace))
		next(huma.WithContext(ctx, c))
	}
}

// writeGrace is how long sending the response may take, in addition to the
// time limit of the call.
const writeGrace = time.Minute

// accountHeader says for whom a person acts who has several memberships: the
// operator id of an account, or "staff".
const accountHeader = "Simtransfer-Account"

// authorize identifies the caller by the API key or the secret of a sign-in, stores
// it in the call, and rejects a caller that is not in the audience.
func (s *server) authorize(r *http.Request, to audience) error {
	if to == everyone {
		return nil
	}
	token, ok := bearer(r)
	if !ok {
		return problem.New(problem.Unauthenticated, "the call has no API key: send the header Authorization: Bearer st_…")
	}
	return s.identify(r.Context(), token, r.Header.Get(accountHeader), to)
}

// identify is authorize for a token, and the account that the caller wants to act
// for (empty: no choice).
func (s *server) identify(ctx context.Context, token, actFor string, to audience) error {
	c := callOf(ctx)
	who, err := attempt(ctx, s, c.address, token, func(ctx context.Context) (identity, error) { return s.identityOf(ctx, token, actFor, to) })
	if errors.Is(err, storage.ErrNotFound) {
		return unknownToken(token)
	}
	if err != nil {
		return err
	}
	c.caller, c.choices, c.token, c.actFor, c.allowed, c.checked = who.caller, who.choices, token, actFor, to, time.Now()
	return to.check(who.caller, c.address)
}

// identity is who makes a call.
type identity struct {
	caller  storage.Caller
	choices []storage.Caller // as whom the caller can act
}

// identityOf returns who calls with a token. It returns ErrNotFound if the token is
// not valid.
func (s *server) identityOf(ctx context.Context, token, actFor string, to audience) (identity, error) {
	if !storage.IsSignInSecret(token) {
		caller, err := s.db.Authenticate(ctx, token)
		if err == nil && actFor != "" && !actsFor(caller, actFor) {
			err = cannotActFor(actFor, []storage.Caller{caller})
		}
		return identity{caller, []storage.Caller{caller}}, err
	}
	choices, err := s.db.SignedIn(ctx, token)
	if err != nil {
		return identity{}, err
	}
	caller, err := choose(choices, actFor, to)
	if err != nil {
		return identity{}, err
	}
	return identity{caller, choices}, s.db.RecordUse(ctx, caller)
}

// attempt authenticates with a secret, unless too many attempts from the same
// address have failed. It returns ErrNotFound if the secret is not valid.
func attempt[T any](ctx context.Context, s *server, address, secret string, authenticate func(context.Context) (T, error)) (T, error) {
	var nothing T
	if wait := s.attempts.wait(address, secret, time.Now()); wait > 0 {
		p := problem.New(problem.RateLimited, "too many calls with unknown API keys came from this address: wait for the time in the header Retry-After")
		p.RetryAfter = max(time.Second, wait)
		return nothing, p
	}
	v, err := authenticate(ctx)
	switch {
	case err == nil:
		s.attempts.succeeded(secret)
	case errors.Is(err, storage.ErrNotFound):
		s.attempts.failed(address, secret, time.Now())
	}
	return v, err
}

// unknownToken says that an API key or the secret of a sign-in is not valid.
func unknownToken(token string) *problem.Problem {
	if storage.IsSignInSecret(token) {
		return problem.New(problem.Unauthenticated, "the sign-in has ended: sign in again at "+signin.Path)
	}
	return unknownKey()
}

func unknownKey() *problem.Problem {
	return problem.New(problem.Unauthenticated, "the API key is unknown, expired or revoked: check it, or ask an administrator for a new one")
}

// bearer returns the token of the Authorization header.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// actingAccount returns the source account of a call: the caller's own account,
// or the account that support names in onBehalfOf. location is where the call
// names it, for errors.
func (s *server) actingAccount(ctx context.Context, location, onBehalfOf string) (storage.Account, error) {
	switch c := callerOf(ctx); {
	case isAccount(c) && onBehalfOf == "":
		return c.Account, nil
	case !isStaff(c):
		return storage.Account{}, problem.New(problem.Forbidden, "only support can act on behalf of an account",
			problem.FieldError{Location: location, Message: "leave it out"})
	case onBehalfOf == "":
		return storage.Account{}, problem.New(problem.Invalid, "the source account is missing: support acts on behalf of an account",
			problem.FieldError{Location: location, Message: "give the operator id or the external id of the source account"})
	}
	return s.namedAccount(ctx, location, onBehalfOf)
}

// namedAccount returns the account whose operator id or external id is in a
// parameter or field.
func (s *server) namedAccount(ctx context.Context, location, name string) (storage.Account, error) {
	ref, err := transfer.ParseAccountRef(name)
	if err != nil {
		return storage.Account{}, problem.New(problem.Invalid, "", problem.FieldError{Location: location, Message: err.Error(), Value: name})
	}
	a, err := s.db.Account(ctx, ref)
	if errors.Is(err, storage.ErrNotFound) {
		return a, problem.New(problem.Invalid, "", problem.FieldError{Location: location, Message: noAccount(ref), Value: name})
	}
	return a, err
}

// noAccount says that no account has an operator id or an external id.
func noAccount(ref transfer.AccountRef) string {
	if _, external := ref.External(); external {
		return "no account has this external id, and it is not an operator id, which is OP and ten digits"
	}
	return "no account has this operator id"
}

// names reports whether a text is the operator id or the external id of an account.
func names(text string, a storage.Account) bool {
	ref, err := transfer.ParseAccountRef(text)
	return err == nil && a.ID != 0 && (ref == a.OperatorID.Ref() || a.ExternalID != nil && ref == transfer.ExternalRef(*a.ExternalID))
}

// listedAccount returns the account whose resources a list shows: the caller's
// own account, or the account that support names. Zero means every account,
// for support that names none.
func (s *server) listedAccount(ctx context.Context, name string) (int64, error) {
	return s.reachedAccount(ctx, "query.account", name)
}

// reachedAccount is listedAccount for an account that is named at a location.
func (s *server) reachedAccount(ctx context.Context, location, name string) (int64, error) {
	c := callerOf(ctx)
	owner, err := reachOf(c).owner()
	if err != nil || name == "" || names(name, c.Account) {
		return owner, err
	}
	if owner != 0 {
		return 0, problem.New(problem.Forbidden, "an account only reaches resources of its own",
			problem.FieldError{Location: location, Message: "leave it out, or give " + string(c.Account.OperatorID), Value: name})
	}
	a, err := s.namedAccount(ctx, location, name)
	return a.ID, err
}
