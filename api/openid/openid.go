// Package openid signs people in with an OpenID provider: authorization code flow
// with PKCE, as a confidential client. It stores nothing and decides nothing about
// who may use the service.
//
//	settings.go  the settings, and which roles of staff claims give
//	openid.go    the provider: discovery, the way there and back
package openid

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The errors of Finish, and of a provider that is needed.
var (
	// ErrUnavailable: the provider does not answer, or not as one.
	ErrUnavailable = errors.New("the OpenID provider does not answer")
	// ErrForeign: the answer does not belong to a sign-in that this browser began.
	ErrForeign = errors.New("the answer does not belong to a sign-in that this browser began")
	// ErrDeclined: the provider did not let the person in, or the person went back.
	ErrDeclined = errors.New("the OpenID provider did not sign the person in")
	// ErrRejected: the provider's answer cannot be trusted.
	ErrRejected = errors.New("the answer of the OpenID provider cannot be trusted")
	// ErrStale: a fresh sign-in was asked for, and the person did not sign in again.
	ErrStale = errors.New("the OpenID provider did not ask the person to sign in again")
)

const (
	callTimeout       = 10 * time.Second // of one call to the provider
	discoveryLifetime = time.Hour        // until the discovery document is read again
	retryInterval     = 5 * time.Second  // after a failed discovery

	// clockSkew is how far the clocks of the provider and of this process may be
	// apart.
	clockSkew = 2 * time.Minute

	// maxSubject is the maximum length of a subject (OpenID Connect Core, section 2).
	maxSubject = 255

	// FreshTime is how long ago a person may have signed in at the provider so that
	// it counts as a fresh sign-in.
	FreshTime = 15 * time.Minute
)

// Identity is who has signed in at the provider.
type Identity struct {
	Issuer  string
	Subject string // identifies the person at the issuer, forever

	Email         string // as the provider writes it; may be empty
	EmailVerified bool   // whether the provider has verified that the address is the person's
	Name          string // may be empty

	StaffRole  string    // that the claims give; empty: none
	SignedInAt time.Time // when the person last proved who it is; zero: unknown
}

// Provider is an OpenID provider. It can be used concurrently.
type Provider struct {
	settings Settings
	redirect string
	client   *http.Client
	now      func() time.Time

	mu    sync.Mutex
	found *discovered // nil: not yet
	tried time.Time   // the last discovery
	err   error       // its error
}

// discovered is what the discovery document says.
type discovered struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	at       time.Time
}

// New returns the provider of settings that have been checked. redirect is the
// address to which it sends people back. New makes no call.
func New(s Settings, redirect string) *Provider {
	return &Provider{settings: s, redirect: redirect, client: &http.Client{Timeout: callTimeout}, now: time.Now}
}

// Settings returns the settings of the provider.
func (p *Provider) Settings() Settings { return p.settings }

// Name returns what people call the provider.
func (p *Provider) Name() string {
	if u, err := url.Parse(p.settings.Issuer); err == nil {
		return cmp.Or(p.settings.Name, u.Host)
	}
	return p.settings.Name
}

// Ready returns an error that wraps ErrUnavailable if the provider does not answer.
// It asks the provider only if it is not known, at most every few seconds.
func (p *Provider) Ready(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// discover returns what the discovery document says. While the provider does not
// answer, an older document is used.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.found != nil && now.Sub(p.found.at) < discoveryLifetime {
		return p.found, nil
	}
	if !p.tried.IsZero() && now.Sub(p.tried) < retryInterval && p.err != nil {
		return p.found, p.err
	}
	// The key set of the provider is used for other people as well, and keeps the
	// context.
	found, err := p.read(oidc.ClientContext(context.WithoutCancel(ctx), p.client))
	p.tried, p.err = now, err
	if err == nil {
		p.found = found
	}
	if p.found != nil {
		p.err = nil
		return p.found, nil
	}
	return nil, p.err
}

func (p *Provider) read(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(ctx, p.settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the discovery document of %s: %w", ErrUnavailable, p.settings.Issuer, err)
	}
	return &discovered{
		provider: provider,
		verifier: provider.VerifierContext(ctx, &oidc.Config{
			ClientID: p.settings.ClientID,
			Now:      func() time.Time { return p.now().Add(-clockSkew) },
		}),
		oauth: oauth2.Config{
			ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret, RedirectURL: p.redirect,
			Endpoint: provider.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.settings.scopes()...),
		},
		at: time.Now(),
	}, nil
}

// Attempt is a sign-in on its way. The browser keeps it in a cookie; nothing is
// stored. Secret is random, and known only to this service and the browser: the
// state, the nonce and the verifier of PKCE are derived from it.
type Attempt struct {
	Secret string
	Fresh  bool // the person has to prove who it is, even if signed in at the provider
}

func (a Attempt) derive(what string) string {
	mac := hmac.New(sha256.New, []byte(a.Secret))
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Begin returns the address at the provider to which the browser is sent. The error
// wraps ErrUnavailable.
func (p *Provider) Begin(ctx context.Context, a Attempt) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.derive("nonce")), oauth2.S256ChallengeOption(a.derive("verifier"))}
	if a.Fresh {
		// With max_age the provider has to say when the person signed in.
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return d.oauth.AuthCodeURL(a.derive("state"), options...), nil
}

// Finish returns who has signed in. query is that of the address to which the
// provider has sent the browser. The error wraps one of those above.
func (p *Provider) Finish(ctx context.Context, a Attempt, query url.Values) (Identity, error) {
	if a.Secret == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.derive("state"))) != 1 {
		return Identity{}, ErrForeign
	}
	d, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	// Providers that send iss protect against answers of another provider (RFC 9207).
	if iss := query.Get("iss"); iss != "" && iss != p.settings.Issuer {
		return Identity{}, fmt.Errorf("%w: it comes from another issuer", ErrRejected)
	}
	if code := query.Get("error"); code != "" {
		return Identity{}, fmt.Errorf("%w: error %.50q", ErrDeclined, code)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), callTimeout)
	defer cancel()
	token, err := d.oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.derive("verifier")))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: verifying the ID token: %w", ErrRejected, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.derive("nonce"))) != 1 {
		return Identity{}, fmt.Errorf("%w: the nonce of the ID token is another one", ErrRejected)
	}
	claims, err := p.claims(ctx, d, id, token)
	if err != nil {
		return Identity{}, err
	}
	return p.identity(a, id, claims)
}

// exchangeError tells a provider that refuses a code from one that does not answer.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < 500 {
		return fmt.Errorf("%w: exchanging the code: status %d, error %.50q %.200q", ErrRejected, refused.Response.StatusCode, refused.ErrorCode, refused.ErrorDescription)
	}
	return fmt.Errorf("%w: exchanging the code: %w", ErrUnavailable, err)
}

// claims returns the claims of the ID token, and those of the user info endpoint
// that the token leaves out.
func (p *Provider) claims(ctx context.Context, d *discovered, id *oidc.IDToken, token *oauth2.Token) (map[string]any, error) {
	all := map[string]any{}
	if err := id.Claims(&all); err != nil {
		return nil, fmt.Errorf("%w: reading the claims: %w", ErrRejected, err)
	}
	if d.provider.UserInfoEndpoint() == "" {
		return all, nil
	}
	info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("%w: reading the user info: %w", ErrUnavailable, err)
	}
	if info.Subject != id.Subject {
		return nil, fmt.Errorf("%w: the user info is that of another person", ErrRejected)
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: reading the user info: %w", ErrRejected, err)
	}
	return mergeClaims(all, more), nil
}

// mergeClaims returns the claims of an ID token, and those of the user info that the
// token leaves out. An address and whether it is verified are from the same of the two.
func mergeClaims(token, info map[string]any) map[string]any {
	all := maps.Clone(info)
	if _, ok := token["email"]; ok {
		delete(all, "email_verified")
	} else {
		token = maps.Clone(token)
		delete(token, "email_verified")
	}
	maps.Copy(all, token)
	return all
}

func (p *Provider) identity(a Attempt, id *oidc.IDToken, claims map[string]any) (Identity, error) {
	who := Identity{Issuer: p.settings.Issuer, Subject: id.Subject, StaffRole: p.settings.staffRole(claims)}
	if who.Subject == "" || len(who.Subject) > maxSubject || strings.ContainsFunc(who.Subject, unicode.IsControl) {
		return Identity{}, fmt.Errorf("%w: the subject of the ID token is empty, longer than %d bytes, or has control characters", ErrRejected, maxSubject)
	}
	who.Email, _ = claims["email"].(string)
	who.Name, _ = claims["name"].(string)
	// Some providers send a text.
	who.EmailVerified = claims["email_verified"] == true || claims["email_verified"] == "true"
	if at, ok := claims["auth_time"].(float64); ok {
		who.SignedInAt = time.Unix(int64(at), 0)
	}
	if a.Fresh && p.now().Sub(who.SignedInAt) > FreshTime {
		return Identity{}, ErrStale
	}
	return who, nil
}
