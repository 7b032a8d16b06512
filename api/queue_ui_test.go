package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// withQueueUI puts a page in place of the queue page.
func withQueueUI(c *Config) {
	c.QueueUI = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("queues " + r.Method + " " + r.URL.Path))
	})
}

func (s *testService) login(key string, header map[string]string) testResponse {
	s.t.Helper()
	h := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, value := range header {
		h[name] = value
	}
	return s.do(apiCall{method: "POST", path: "/ops/login", body: url.Values{"key": {key}}.Encode(), header: h})
}

// cookie returns the session's cookie that an answer sets.
func (a testResponse) cookie() *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		a.t.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

func TestQueueUIIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	if a := s.get(s.admin, "/ops/queues/api/queues").is(200); a.text != "queues GET /ops/queues/api/queues" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%s %v", a.text, a.header)
	}
	s.get(s.admin, "/ops/queues").is(200)
	s.do(apiCall{method: "POST", path: "/ops/queues/api/queues/bulk:pause", key: s.admin}).is(200)
	for _, who := range s.testCallers() {
		a := s.get(who.key, "/ops/queues")
		switch {
		case who.role == storage.RoleAdmin:
			a.is(200)
		case who.role != "":
			a.problem(403, problem.Forbidden)
		default:
			a.problem(401, problem.Unauthenticated)
		}
	}
	browser := s.do(apiCall{method: "GET", path: "/ops/queues", header: map[string]string{"Accept": "text/html,*/*"}}).is(303)
	if browser.header.Get("Location") != "/ops/login" {
		t.Errorf("sent to %q", browser.header.Get("Location"))
	}
}

func TestBrowserSignsIn(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	if page := s.get("", "/ops/login").is(200); !strings.Contains(page.text, "<form") || strings.Contains(page.text, "role=\"alert\"") {
		t.Error(page.text)
	}
	for _, key := range []string{"", "x", s.source, s.support, "st_admin_" + strings.Repeat("a", 52)} {
		if a := s.login(key, nil).is(401); !strings.Contains(a.text, "role=\"alert\"") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %s", key, a.text)
		}
	}
	made, key, err := s.db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "browser"})
	if err != nil {
		t.Fatal(err)
	}
	a := s.login(key, nil).is(303)
	c := a.cookie()
	if a.header.Get("Location") != "/ops/queues" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/ops" || c.MaxAge <= 0 {
		t.Errorf("%+v", c)
	}
	if strings.Contains(key, c.Value) || strings.Contains(c.Value, key) {
		t.Error("the cookie shows the key")
	}
	if c := s.login(key, map[string]string{"X-Forwarded-Proto": "https"}).is(303).cookie(); c.Secure {
		t.Error("a client says that it uses HTTPS, and is believed")
	}
	visit := func(header map[string]string, method string) testResponse {
		h := map[string]string{"Cookie": c.Name + "=" + c.Value}
		for name, value := range header {
			h[name] = value
		}
		return s.do(apiCall{method: method, path: "/ops/queues/api", header: h})
	}
	visit(nil, "GET").is(200)
	visit(map[string]string{"Sec-Fetch-Site": "same-origin"}, "POST").is(200)
	visit(map[string]string{"Sec-Fetch-Site": "cross-site"}, "POST").problem(403, problem.Forbidden)
	visit(map[string]string{"Origin": "https://evil.example.com"}, "DELETE").problem(403, problem.Forbidden)
	s.login(key, map[string]string{"Sec-Fetch-Site": "cross-site"}).problem(403, problem.Forbidden)

	other := s.login(key, nil).is(303).cookie()
	out := s.do(apiCall{method: "POST", path: "/ops/logout", header: map[string]string{"Cookie": other.Name + "=" + other.Value}}).is(303)
	if out.cookie().MaxAge >= 0 {
		t.Error("the cookie stays")
	}
	s.do(apiCall{method: "GET", path: "/ops/queues", header: map[string]string{"Cookie": other.Name + "=" + other.Value}}).problem(401, problem.Unauthenticated)

	visit(nil, "GET").is(200)
	if err := s.db.RevokeKey(t.Context(), storage.System(), made.ID, nil); err != nil {
		t.Fatal(err)
	}
	visit(nil, "GET").problem(401, problem.Unauthenticated)
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	c := s.login(s.admin, nil).is(303).cookie()
	s.exec(`UPDATE sign_ins SET expires_at = clock_timestamp()`)
	s.do(apiCall{method: "GET", path: "/ops/queues", header: map[string]string{"Cookie": c.Name + "=" + c.Value}}).problem(401, problem.Unauthenticated)
	s.login(s.admin, nil).is(303)
	if n := s.queryInt(`SELECT count(*) FROM sign_ins`); n != 1 {
		t.Errorf("%d sessions are kept, of which one is not over", n)
	}
}
