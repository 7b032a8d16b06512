package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// A page like asynqmon's, and the one that is served for it.
const (
	foreignPage = `<!doctype html><html><head><meta charset="utf-8"/><link rel="icon" href="/ops/queues/favicon.ico"/>` +
		`<link rel="manifest" href="/ops/queues/manifest.json"/><link rel="stylesheet" href="https://fonts.example.com/css?family=Roboto"/>` +
		`<link rel="stylesheet" href="//fonts.example.com/icon"/><script>window.A="<link>"</script></head>` +
		`<body><div id="root"></div><script>1 < 2 && go()</script><script src="/ops/queues/static/js/main.js"></script></body></html>`
	cleanPage = `<!doctype html><html><head><meta property="csp-nonce" content="NONCE"/><meta charset="utf-8"/><link rel="icon" href="/ops/queues/favicon.ico"/>` +
		`<script>window.A="<link>"</script></head>` +
		`<body><div id="root"></div><script>1 < 2 && go()</script><script src="/ops/queues/static/js/main.js"></script></body></html>`
)

func TestQueuePageNeedsNoUnsafeInline(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) {
		c.QueueUI = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(foreignPage)) })
	})
	seen := map[string]bool{}
	for _, path := range []string{"", "/", "/servers", "/queues/bulk", "/queues/a.b/tasks/1.2", "/index.html"} {
		a := s.get(s.admin, "/ops/queues"+path).is(200)
		policy := a.header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`style-src 'nonce-([A-Z0-9]{26,})';`).FindStringSubmatch(policy)
		if nonce == nil || seen[nonce[1]] {
			t.Fatalf("%s: the policy has no new nonce: %s", path, policy)
		}
		seen[nonce[1]] = true
		if want := strings.Replace(cleanPage, "NONCE", nonce[1], 1); a.text != want {
			t.Errorf("%s: got\n%s\nwant\n%s", path, a.text, want)
		}
		scripts := "script-src 'self' " + cspHash(`window.A="<link>"`) + " " + cspHash(`1 < 2 && go()`) + ";"
		if !strings.Contains(policy, scripts) || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %s, which lacks %s", path, policy, scripts)
		}
	}
	for _, path := range []string{"/static/js/main.js", "/favicon.ico", "/api/queues"} {
		if a := s.get(s.admin, "/ops/queues"+path).is(200); a.text != foreignPage || strings.Contains(a.header.Get("Content-Security-Policy"), "script-src") {
			t.Errorf("%s is served as the page", path)
		}
	}
}

// A page of ours that allows inline scripts or styles, or another server, would make
// an injection or a leak possible.
func TestPoliciesOfPages(t *testing.T) {
	t.Parallel()
	s := newTestService(t, withQueueUI)
	for _, path := range []string{"/", "/docs", "/docs/swagger-ui-bundle.js", "/sign-in", "/ops/queues", "/ops/queues/static/x.js"} {
		policy := s.get(s.admin, path).is(200).header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "//") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy allows too much: %q", path, policy)
		}
	}
}
