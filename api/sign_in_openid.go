package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"simtransfer/api/openid"
	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const (
	openIDPath   = signin.Path + "/openid"   // sends the browser to the provider
	callbackPath = signin.Path + "/callback" // where the provider sends it back

	openIDPeriod = 10 * time.Minute // for the way to the provider and back
	openIDCookie = "openid"
)

// newOpenID returns the OpenID provider, or nil if there is none.
func newOpenID(c Config) *openid.Provider {
	if !c.OpenID.Given() {
		return nil
	}
	return openid.New(c.OpenID, c.publicAddress(callbackPath))
}

// publicAddress returns the address of a path on this service, for mails and for the
// OpenID provider.
func (c Config) publicAddress(path string) string {
	return strings.TrimSuffix(c.PublicURL, "/") + path
}

func (s *server) addOpenID(mux *http.ServeMux) {
	if s.openID == nil {
		return
	}
	mux.HandleFunc("GET "+openIDPath, s.beginOpenID)
	mux.HandleFunc("GET "+callbackPath, s.finishOpenID)
}

// openIDAttempt is what the browser keeps while a person signs in at the provider.
type openIDAttempt struct {
	openid.Attempt
	began time.Time
	next  string
}

func (a openIDAttempt) cookie() string {
	return fmt.Sprintf("%s.%d.%t.%s", a.Secret, a.began.Unix(), a.Fresh, base64.RawURLEncoding.EncodeToString([]byte(a.next)))
}

// parseOpenIDAttempt returns an empty attempt for a cookie that has expired, or that
// this service has not written.
func parseOpenIDAttempt(cookie string, now time.Time) openIDAttempt {
	parts := strings.Split(cookie, ".")
	if len(parts) != 4 {
		return openIDAttempt{}
	}
	began, err := strconv.ParseInt(parts[1], 10, 64)
	next, err2 := base64.RawURLEncoding.DecodeString(parts[3])
	age := now.Sub(time.Unix(began, 0))
	if err != nil || err2 != nil || age < -openIDPeriod || age > openIDPeriod {
		return openIDAttempt{}
	}
	return openIDAttempt{openid.Attempt{Secret: parts[0], Fresh: parts[2] == "true"}, time.Unix(began, 0), string(next)}
}

func (s *server) beginOpenID(w http.ResponseWriter, r *http.Request) {
	secret, err := storage.NewSecret()
	if err != nil {
		s.showProblem(w, r, err)
		return
	}
	query := r.URL.Query()
	a := openIDAttempt{openid.Attempt{Secret: secret, Fresh: query.Get("fresh") != ""}, time.Now(), signin.Next(query.Get("next"))}
	address, err := s.openID.Begin(r.Context(), a.Attempt)
	if err != nil {
		s.providerFailed(r.Context(), err)
		s.showSignIn(w, r, http.StatusServiceUnavailable, s.openID.Name()+" does not answer at the moment. Try again in a minute, or sign in another way.")
		return
	}
	signin.Of(r.Context()).SetFlow(w, openIDCookie, a.cookie(), openIDPeriod)
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (s *server) finishOpenID(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	browser := signin.Of(ctx)
	a := parseOpenIDAttempt(signin.Flow(r, openIDCookie), time.Now())
	browser.SetFlow(w, openIDCookie, "", 0) // an answer can be used once
	from := browserOf(r)
	if s.tooManySignIns(w, r) {
		return
	}
	who, err := s.openID.Finish(ctx, a.Attempt, r.URL.Query())
	var secret string
	if err == nil {
		secret, err = s.db.SignInByProvider(ctx, s.providerIdentity(who), from)
	}
	if err != nil {
		s.showSignInError(w, r, err)
		return
	}
	s.signedIn(w, r, secret, a.next)
}

// providerIdentity returns what storage has to know of a person whom the provider has
// signed in.
func (s *server) providerIdentity(who openid.Identity) storage.ProviderIdentity {
	id := storage.ProviderIdentity{Issuer: who.Issuer, Subject: who.Subject, StaffRole: storage.Role(who.StaffRole), DecidesRole: func(r storage.Role) bool {
		return s.OpenID.DecidesRole(string(r))
	}}
	// A name that cannot be shown is left out.
	if name, err := transfer.ParseLine(who.Name); err == nil {
		id.Name = name
	}
	// An address that is no address can belong to no person here.
	if email, err := transfer.ParseEmail(who.Email); err == nil {
		id.Email, id.EmailVerified = email, who.EmailVerified
	}
	if !who.SignedInAt.IsZero() {
		id.Fresh = min(storage.FreshPeriod, max(0, storage.FreshPeriod-time.Since(who.SignedInAt)))
	}
	return id
}

// providerFailed logs why the provider could not be used, within the limits of
// denials.
func (s *server) providerFailed(ctx context.Context, err error) {
	c := callOf(ctx)
	log, repeated, _ := s.denials.count(denial{code: problem.Busy, network: networkOf(c.address)}, time.Now())
	if !log {
		return
	}
	s.Log.LogAttrs(ctx, slog.LevelWarn, "the OpenID provider could not be used",
		slog.String("error", err.Error()), slog.String("address", c.address), slog.Int("repeated", repeated), slog.String("request_id", c.id))
}
