package api

import (
	"net/http"
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
	if browser.header.Get("Location") != "/sign-in?next=%2Fops%2Fqueues" {
		t.Errorf("sent to %q", browser.header.Get("Location"))
	}
}

// Administrators who have signed in with a browser see the queues, until they sign
// out, and no other role.
func TestQueueUIAfterSigningIn(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	c := s.signIn(s.admin, nil).is(303).cookie()
	visit := func(c *http.Cookie, header map[string]string, method string) testResponse {
		h := map[string]string{"Cookie": c.Name + "=" + c.Value}
		for name, value := range header {
			h[name] = value
		}
		return s.do(apiCall{method: method, path: "/ops/queues/api", header: h})
	}
	visit(c, nil, "GET").is(200)
	visit(c, map[string]string{"Sec-Fetch-Site": "same-origin"}, "POST").is(200)
	visit(c, map[string]string{"Sec-Fetch-Site": "cross-site"}, "POST").problem(403, problem.Forbidden)
	visit(c, map[string]string{"Origin": "https://evil.example.com"}, "DELETE").problem(403, problem.Forbidden)
	visit(s.signIn(s.support, nil).is(303).cookie(), nil, "GET").problem(403, problem.Forbidden)
	if old := s.get("", "/ops/login").is(301); old.header.Get("Location") != "/sign-in?next=%2Fops%2Fqueues" {
		t.Errorf("sent to %q", old.header.Get("Location"))
	}
	s.do(apiCall{method: "POST", path: "/sign-out", header: map[string]string{"Cookie": c.Name + "=" + c.Value}}).is(303)
	visit(c, nil, "GET").problem(401, problem.Unauthenticated)
}
