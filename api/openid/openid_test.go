package openid

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/openid/openidtest"
)

const redirect = "http://127.0.0.1:8080/sign-in/callback"

func newProvider(t *testing.T, change func(*Settings)) (*openidtest.Provider, *Provider) {
	t.Helper()
	server := openidtest.Start(t, redirect)
	server.Set(openidtest.User{Subject: "maria", Email: "Maria@example.org", Verified: true, Name: "Maria Beispiel", Groups: []string{"iot-support", "skiing"}})
	s := DefaultSettings()
	s.Issuer, s.ClientID, s.ClientSecret = server.Issuer, openidtest.ClientID, openidtest.ClientSecret
	s.StaffClaim, s.StaffRoles = "groups", "iot-admins=admin,iot-support=support"
	if change != nil {
		change(&s)
	}
	if err := s.Check([]string{"support", "finance", "admin"}); err != nil {
		t.Fatal(err)
	}
	return server, New(s, redirect)
}

// begin returns the address at the provider.
func begin(t *testing.T, p *Provider, a Attempt) string {
	t.Helper()
	address, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	server, p := newProvider(t, nil)
	for _, fresh := range []bool{false, true} {
		a := Attempt{Secret: "the secret", Fresh: fresh}
		address := begin(t, p, a)
		query, _ := url.Parse(address)
		if q := query.Query(); q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid email profile" || q.Has("prompt") != fresh || strings.Contains(address, "secret") {
			t.Errorf("the address at the provider is %s", address)
		}
		who, err := p.Finish(t.Context(), a, server.SignIn(t, address, "maria").Query())
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(who.SignedInAt); age > time.Minute || age < -time.Minute {
			t.Errorf("signed in at %s", who.SignedInAt)
		}
		who.SignedInAt = time.Time{}
		want := Identity{Issuer: server.Issuer, Subject: "maria", Email: "Maria@example.org", EmailVerified: true, Name: "Maria Beispiel", StaffRole: "support"}
		if diff := cmp.Diff(want, who); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	server.Set(openidtest.User{Subject: "maria", Email: "maria@example.org"})
	a := Attempt{Secret: "another secret"}
	who, err := p.Finish(t.Context(), a, server.SignIn(t, begin(t, p, a), "maria").Query())
	if err != nil || who.EmailVerified || who.StaffRole != "" {
		t.Errorf("unverified, in no group: %+v, %v", who, err)
	}
}

// Answers that do not belong to the attempt, or not to this service, are refused.
func TestFinishRefuses(t *testing.T) {
	t.Parallel()
	server, p := newProvider(t, nil)
	a := Attempt{Secret: "the secret"}
	back := func(change func(query url.Values)) url.Values {
		t.Helper()
		address, err := url.Parse(begin(t, p, a))
		if err != nil {
			t.Fatal(err)
		}
		q := address.Query()
		change(q)
		address.RawQuery = q.Encode()
		return server.SignIn(t, address.String(), "maria").Query()
	}
	same := func(url.Values) {}
	refused := func(name string, p *Provider, a Attempt, query url.Values, want error, text string) {
		t.Helper()
		who, err := p.Finish(t.Context(), a, query)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), text) || who.Subject != "" {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	good := back(same)
	refused("another browser", p, Attempt{Secret: "another secret"}, good, ErrForeign, "")
	refused("a browser without a cookie", p, Attempt{}, good, ErrForeign, "")
	refused("another state", p, a, url.Values{"code": good["code"], "state": {"forged"}}, ErrForeign, "")
	refused("no state", p, a, url.Values{"code": good["code"]}, ErrForeign, "")
	if _, err := p.Finish(t.Context(), a, good); err != nil {
		t.Errorf("the right answer after wrong ones: %v", err)
	}
	refused("a replayed code", p, a, good, ErrRejected, "exchanging the code")
	refused("a wrong nonce", p, a, back(func(q url.Values) { q.Set("nonce", "forged") }), ErrRejected, "nonce")
	refused("a wrong verifier", p, a, back(func(q url.Values) { q.Set("code_challenge", "forged") }), ErrRejected, "exchanging the code")
	refused("no code", p, a, url.Values{"state": good["state"]}, ErrRejected, "")
	refused("another issuer", p, a, url.Values{"state": good["state"], "code": {"x"}, "iss": {"https://evil.example.com"}}, ErrRejected, "issuer")
	refused("a person who went back", p, a, url.Values{"state": good["state"], "error": {"access_denied"}}, ErrDeclined, "access_denied")

	other := back(func(q url.Values) { q.Set("client_id", openidtest.OtherClient) })
	swapped := server.Exchange(t, openidtest.OtherClient, other.Get("code"), redirect, a.derive("verifier"))
	query := back(same)
	server.SwapIDToken(swapped)
	refused("a wrong audience", p, a, query, ErrRejected, "audience")
	server.SwapIDToken("")

	later := New(p.settings, redirect)
	later.now = func() time.Time { return time.Now().Add(61 * time.Minute) }
	if _, err := later.Finish(t.Context(), a, back(same)); err != nil {
		t.Errorf("a token that expired within the skew of clocks: %v", err)
	}
	later.now = func() time.Time { return time.Now().Add(63 * time.Minute) }
	refused("an expired token", later, a, back(same), ErrRejected, "expired")
	later.now = func() time.Time { return time.Now().Add(20 * time.Minute) }
	fresh := Attempt{Secret: "the secret", Fresh: true}
	refused("a sign-in that is not fresh", later, fresh, server.SignIn(t, begin(t, later, fresh), "maria").Query(), ErrStale, "")
}

// The ID token cannot say that the address of the user info is verified, nor the other
// way round.
func TestMergeClaims(t *testing.T) {
	t.Parallel()
	const email, verified = "email", "email_verified"
	for name, c := range map[string]struct {
		token, info map[string]any
		email       string
		verified    bool
	}{
		"both in the token":          {map[string]any{email: "a@x", verified: true}, map[string]any{email: "b@x", verified: false}, "a@x", true},
		"both in the user info":      {map[string]any{}, map[string]any{email: "b@x", verified: true}, "b@x", true},
		"verified in the token":      {map[string]any{verified: true}, map[string]any{email: "b@x", verified: false}, "b@x", false},
		"verified in the token only": {map[string]any{verified: true}, map[string]any{email: "b@x"}, "b@x", false},
		"verified in the user info":  {map[string]any{email: "a@x"}, map[string]any{email: "b@x", verified: true}, "a@x", false},
	} {
		all := mergeClaims(c.token, c.info)
		if all[email] != c.email || (all[verified] == true) != c.verified {
			t.Errorf("%s: %v", name, all)
		}
	}
}

// Keys that the provider rotates are fetched; a provider that is down is asked again.
func TestProviderChanges(t *testing.T) {
	t.Parallel()
	server, p := newProvider(t, nil)
	server.Down(true)
	if err := p.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down at first: %v", err)
	}
	server.Down(false)
	if err := p.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the provider was asked again at once: %v", err)
	}
	p.tried = time.Now().Add(-retryInterval)
	a := Attempt{Secret: "the secret"}
	for range 2 {
		if _, err := p.Finish(t.Context(), a, server.SignIn(t, begin(t, p, a), "maria").Query()); err != nil {
			t.Error(err)
		}
		server.Rotate(t)
	}
	query := server.SignIn(t, begin(t, p, a), "maria").Query()
	p.found.at = time.Now().Add(-discoveryLifetime)
	server.Down(true)
	if err := p.Ready(t.Context()); err != nil {
		t.Errorf("down, with an older discovery document: %v", err)
	}
	if _, err := p.Finish(t.Context(), a, query); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down while the code is exchanged: %v", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := Settings{Issuer: "https://login.example.com", ClientID: "id", ClientSecret: "geheim", StaffClaim: "groups", StaffRoles: "cn=iot=support, x=support"}
	for name, change := range map[string]func(*Settings){
		"no provider":                   func(s *Settings) { s.Issuer = "" },
		"plain HTTP":                    func(s *Settings) { s.Issuer = "http://login.example.com" },
		"an issuer with a query":        func(s *Settings) { s.Issuer += "?a=b" },
		"no client":                     func(s *Settings) { s.ClientID = "" },
		"no secret":                     func(s *Settings) { s.ClientSecret = "" },
		"a claim without roles":         func(s *Settings) { s.StaffRoles = "" },
		"roles without a claim":         func(s *Settings) { s.StaffClaim = "" },
		"an unknown role":               func(s *Settings) { s.StaffRoles = "x=account" },
		"a role without a value":        func(s *Settings) { s.StaffRoles = "=support" },
		"a value without a role":        func(s *Settings) { s.StaffRoles = "support" },
		"scopes that are not separated": func(s *Settings) { s.Scopes = "email profile" },
	} {
		s := good
		change(&s)
		if err := s.Check([]string{"support"}); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if err := good.Check([]string{"support"}); err != nil {
		t.Error(err)
	}
	if err := DefaultSettings().Check(nil); err != nil {
		t.Error(err)
	}
	for roles, want := range map[string]string{
		"CN=a,OU=Groups=support;x=admin": "support",
		"CN=a,OU=Groups=support;":        "support",
		"OU=Groups=admin,x=support":      "",
	} {
		s := good
		s.StaffRoles = roles
		if err := s.Check([]string{"support", "admin"}); err != nil {
			t.Errorf("%s: %v", roles, err)
		}
		if got := s.staffRole(map[string]any{"groups": []any{"CN=a,OU=Groups"}}); got != want {
			t.Errorf("%s gives the role %q, want %q", roles, got, want)
		}
	}
	claims := map[string]any{
		"groups": []any{"a", 7.0, "b"}, "one": "c", "realm_access": map[string]any{"roles": []any{"d"}},
		"https://example.com/roles": []any{"e"}, "object": map[string]any{"f": map[string]any{}},
	}
	for name, want := range map[string][]string{
		"groups": {"a", "b"}, "one": {"c"}, "realm_access.roles": {"d"}, "https://example.com/roles": {"e"}, "object": {"f"},
		"none": nil, "groups.a": nil, "realm_access.other": nil, "": nil,
	} {
		if diff := cmp.Diff(want, valuesOf(claims, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
