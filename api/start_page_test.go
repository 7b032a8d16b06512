package api

import (
	"regexp"
	"strings"
	"testing"
)

// The start page needs no key, loads nothing from elsewhere, and each of its
// links leads somewhere.
func TestStartPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	page := s.get("", "/").is(200)
	if policy := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page.text, -1)
	if len(links) < 7 {
		t.Fatalf("%d links", len(links))
	}
	for _, link := range links {
		if link[1] == "/ops/queues" {
			continue // not part of the test service
		}
		if status := s.get("", link[1]).status; status != 200 {
			t.Errorf("%s: %d", link[1], status)
		}
	}
	s.get("", "/nothing").is(404)
}
