package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/api/signin"
	"simtransfer/storage"
)

func (s *testService) signIn(key string, header map[string]string) testResponse {
	s.t.Helper()
	return s.signInFor(url.Values{"key": {key}}, header)
}

func (s *testService) signInFor(form url.Values, header map[string]string) testResponse {
	s.t.Helper()
	h := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range header {
		h[name] = value
	}
	return s.do(apiCall{method: "POST", path: "/sign-in", body: form.Encode(), header: h})
}

// cookie returns the cookie that an answer sets.
func (a testResponse) cookie() *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		a.t.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

func TestBrowserSignsInWithAKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	if page := s.get("", "/sign-in?next=/sims%3Fq%3D1&fresh=1").is(200); !strings.Contains(page.text, "<form") || strings.Contains(page.text, `role="alert"`) ||
		!strings.Contains(page.text, `value="/sims?q=1"`) || !strings.Contains(page.text, "15 minutes") {
		t.Error(page.text)
	}
	for _, key := range []string{"", "x", "st_admin_" + strings.Repeat("a", tokenSecretLength), "st_signin_" + strings.Repeat("a", tokenSecretLength)} {
		if a := s.signIn(key, nil).is(401); !strings.Contains(a.text, `role="alert"`) || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %s", key, a.text)
		}
	}
	for _, key := range []string{s.source, s.support, s.admin} {
		a := s.signInFor(url.Values{"key": {key}, "next": {"/sims?q=1"}}, nil).is(303)
		c := a.cookie()
		if a.header.Get("Location") != "/sims?q=1" || c.Name != "simtransfer" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 {
			t.Errorf("%+v %v", c, a.header)
		}
		if strings.Contains(key, c.Value) || strings.Contains(c.Value, key) {
			t.Error("the cookie shows the key")
		}
		me := read[Me](s.get(c.Value, "/v1/me").is(200))
		if me.Key == nil || me.Key.ID != s.keyID(key) || me.Person != nil || me.SignIn == nil || !me.SignIn.Fresh || !me.SignIn.FreshUntil.Before(me.SignIn.ExpiresAt) || !me.SignIn.ExpiresAt.Before(me.SignIn.EndsAt) {
			t.Errorf("%+v", me)
		}
		equal(t, me.Memberships, []Membership{*me.ActingFor})
		if is := read[CurrentKey](s.get(c.Value, "/v1/key").is(200)); is.ID != me.Key.ID {
			t.Errorf("%+v", is)
		}
		s.get(c.Value, "/v1/sims").is(200)
	}
	if c := s.signIn(s.source, map[string]string{"X-Forwarded-Proto": "https"}).is(303).cookie(); c.Secure {
		t.Error("a client says that it uses HTTPS, and is believed")
	}
	s.signIn(s.source, map[string]string{"Sec-Fetch-Site": "cross-site"}).problem(403, problem.Forbidden)
	s.signInFor(url.Values{"key": {s.source}, "next": {strings.Repeat("x", maxSignInBytes)}}, nil).is(401)
}

// With a trusted proxy that uses HTTPS, the cookie is bound to the host, and no
// other cookie counts.
func TestCookieOverHTTPS(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI, func(c *Config) { c.TrustProxy = true })
	https := map[string]string{"X-Forwarded-Proto": "https"}
	c := s.signIn(s.admin, https).is(303).cookie()
	if c.Name != "__Host-simtransfer" || !c.Secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly {
		t.Errorf("%+v", c)
	}
	visit := func(name string) testResponse {
		return s.do(apiCall{method: "GET", path: "/ops/queues/api", header: map[string]string{"X-Forwarded-Proto": "https", "Cookie": name + "=" + c.Value}})
	}
	visit(c.Name).is(200)
	visit("simtransfer").problem(401, problem.Unauthenticated)
}

// Each sign-in has a new secret, and ends the one that the browser had before.
func TestSigningInAgainAndOut(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	first := s.signIn(s.source, nil).is(303).cookie()
	with := func(c *http.Cookie) map[string]string { return map[string]string{"Cookie": c.Name + "=" + c.Value} }
	second := s.signIn(s.source, with(first)).is(303).cookie()
	if first.Value == second.Value {
		t.Error("the secret stays the same")
	}
	s.get(first.Value, "/v1/me").problem(401, problem.Unauthenticated)
	other := s.signIn(s.source, nil).is(303).cookie()
	header := with(second)
	header["Sec-Fetch-Site"] = "cross-site"
	s.do(apiCall{method: "POST", path: "/sign-out", header: header}).problem(403, problem.Forbidden)
	out := s.do(apiCall{method: "POST", path: "/sign-out", header: with(second)}).is(303)
	if out.cookie().MaxAge >= 0 || out.header.Get("Location") != "/sign-in" {
		t.Errorf("%v", out.header)
	}
	s.get(second.Value, "/v1/me").problem(401, problem.Unauthenticated)
	s.get(other.Value, "/v1/me").is(200)
	if err := s.db.RevokeKey(t.Context(), s.keyID(s.source), storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	s.get(other.Value, "/v1/me").problem(401, problem.Unauthenticated)
}

// A sign-in ends when it is not used, and in any case some day.
func TestSignInsEnd(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	secret := s.signIn(s.admin, nil).is(303).cookie().Value
	s.exec(`UPDATE sign_ins SET last_seen_at = last_seen_at - interval '1 hour', expires_at = expires_at - interval '1 hour'`)
	s.get(secret, "/v1/me").is(200)
	moved := read[Me](s.get(secret, "/v1/me").is(200)).SignIn
	if left := time.Until(moved.ExpiresAt); left < storage.SignInIdle-time.Minute || left > storage.SignInIdle {
		t.Errorf("after a call it lasts %s", left)
	}
	s.exec(`UPDATE sign_ins SET last_seen_at = last_seen_at - interval '1 hour', ends_at = clock_timestamp() + interval '1 minute', fresh_until = clock_timestamp()`)
	s.get(secret, "/v1/me").is(200)
	if last := read[Me](s.get(secret, "/v1/me").is(200)).SignIn; !last.ExpiresAt.Equal(last.EndsAt) || last.Fresh {
		t.Errorf("%+v", last)
	}
	s.exec(`UPDATE sign_ins SET expires_at = clock_timestamp()`)
	s.get(secret, "/v1/me").problem(401, problem.Unauthenticated)
	s.signIn(s.admin, nil).is(303)
	if n := s.queryInt(`SELECT count(*) FROM sign_ins`); n != 1 {
		t.Errorf("%d sign-ins are kept, of which one has not ended", n)
	}
}

// A key acts for one account, and a call that names another one is refused.
func TestAKeyActsForItsAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	browser := s.signIn(s.source, nil).is(303).cookie().Value
	for _, c := range []struct {
		key, account string
		status       int
	}{
		{s.source, sourceID, 200},
		{s.source, "staff", 403},
		{s.source, destinationID, 403},
		{browser, sourceID, 200},
		{browser, destinationID, 403},
		{s.admin, "staff", 200},
		{s.admin, sourceID, 403},
	} {
		a := s.do(apiCall{method: "GET", path: "/v1/me", key: c.key, header: map[string]string{accountHeader: c.account}}).is(c.status)
		if c.status == 403 {
			a.problem(403, problem.Forbidden)
		}
	}
}

func TestNextPath(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/":                             "/",
		"/requests/7?tab=sims#x":        "/requests/7?tab=sims",
		"/a%2Fb":                        "/a%2Fb",
		"":                              "/",
		"requests":                      "/",
		"//evil.example.com":            "/",
		"///evil.example.com":           "/",
		"/\\evil.example.com":           "/",
		"/%5Cevil.example.com":          "/",
		"https://evil.example.com/":     "/",
		"javascript:alert(1)":           "/",
		"/a\r\nSet-Cookie: x=y":         "/",
		"/sign-in?next=/":               "/",
		"/sign-out":                     "/",
		"/" + strings.Repeat("a", 3000): "/",
		"/" + strings.Repeat("é", 900):  "/", // escaped, it is longer
		"/?q=\xff":                      "/",
	} {
		if got := signin.Next(text); got != want {
			t.Errorf("%q leads to %q, not %q", text, got, want)
		}
	}
}

// People read errors as pages, programs as problems.
func TestErrorsOfPages(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	link := s.invite(s.source, obj{"email": "jane@example.com", "name": "Jane", "permission": "viewer"})
	s.exec(`ALTER TABLE sign_ins RENAME TO gone`)
	s.exec(`ALTER TABLE invitations RENAME TO gone_too`)
	browser := func(method, path, site string) testResponse {
		return s.do(apiCall{method: method, path: path, body: "key=" + s.source, header: map[string]string{
			"Accept": "text/html,application/xhtml+xml", "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": site,
		}})
	}
	for _, c := range []struct{ method, path string }{{"POST", "/sign-in"}, {"GET", link}, {"POST", link}} {
		a := browser(c.method, c.path, "same-origin").is(503)
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Retry-After") == "" || !strings.Contains(a.text, "Try again in a minute") ||
			!strings.Contains(a.text, a.header.Get("X-Request-Id")) {
			t.Errorf("%s %s: %v %s", c.method, c.path, a.header, a.text)
		}
	}
	if a := browser("POST", "/sign-in", "cross-site").is(403); !strings.Contains(a.text, "another site") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Error(a.text)
	}
	s.get("", link).problem(503, problem.Busy)
}

// One key, or one person, fills the table of sign-ins only to a limit.
func TestSignInsAreBounded(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	first := s.signIn(s.source, nil).is(303).cookie().Value
	s.exec(`
		INSERT INTO sign_ins (hash, api_key, expires_at)
		SELECT sha256(convert_to(n::text, 'UTF8')), api_key, expires_at
		FROM sign_ins, generate_series(1, $1) AS n`, storage.MaxSignIns-1)
	other := s.signIn(s.destination, nil).is(303).cookie().Value
	s.get(first, "/v1/me").is(200)
	last := s.signIn(s.source, nil).is(303).cookie().Value
	s.get(first, "/v1/me").problem(401, problem.Unauthenticated)
	s.get(last, "/v1/me").is(200)
	s.get(other, "/v1/me").is(200)
	if n := s.queryInt(`SELECT count(*) FROM sign_ins`); n != storage.MaxSignIns+1 {
		t.Errorf("%d sign-ins", n)
	}
}

// countedBody is a body that counts how much of it is read.
type countedBody struct {
	io.Reader
	read int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

// The sign-in page reads no large body.
func TestSignInReadsLittle(t *testing.T) {
	t.Parallel()
	handler := New(Config{Log: slog.New(slog.DiscardHandler)})
	body := &countedBody{Reader: strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"next\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 1<<20))}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sign-in", body)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if body.read > 64<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
}
