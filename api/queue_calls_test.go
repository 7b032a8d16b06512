package api

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

func TestReadsOfQueuesAreRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, text string
		failures     int64
		status       int
		calls        int64
	}{
		{"GET", "asynq: UNKNOWN: i/o timeout", 0, 200, 1},
		{"GET", "asynq: UNKNOWN: i/o timeout", 2, 200, 3},
		{"GET", "asynq: UNKNOWN: i/o timeout", 9, 503, 3},
		{"GET", "asynq: queue not found", 9, 404, 1},
		{"GET", `NOT_FOUND: queue "x" does not exist`, 9, 404, 1},
		{"POST", "asynq: UNKNOWN: i/o timeout", 1, 503, 1}, // it may have been done
		{"POST", "asynq: FAILED_PRECONDITION: task is already archived", 1, 409, 1},
		{"DELETE", "dial tcp 10.0.0.1:6379: connection refused", 1, 503, 1},
	} {
		t.Run(c.method+" "+c.text, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			s := newTestService(t, func(config *Config) {
				config.QueueUI = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case !strings.Contains(r.URL.Path, "/api/"): // the page
					case calls.Add(1) <= c.failures:
						http.Error(w, c.text, http.StatusInternalServerError)
					default:
						_, _ = w.Write([]byte("fine"))
					}
				})
			})
			a := s.do(apiCall{method: c.method, path: "/ops/queues/api/queues/bulk", key: s.admin}).is(c.status)
			if calls.Load() != c.calls {
				t.Errorf("%d calls, want %d", calls.Load(), c.calls)
			}
			if c.status == 503 && (strings.Contains(a.text, "10.0.0.1") || a.header.Get("Retry-After") == "") {
				t.Errorf("%q %v", a.text, a.header)
			}
		})
	}
}

// Without a Prometheus server, asynqmon would respond 500 to each of these calls.
func TestQueueMetricsAreNotOffered(t *testing.T) {
	t.Parallel()
	var paths []string
	s := newTestService(t, func(c *Config) {
		c.QueueUI = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) })
	})
	s.get(s.admin, "/ops/queues/api/metrics?duration_sec=3600").is(404)
	if slices.Contains(paths, "/ops/queues/api/metrics") {
		t.Error("the call reached asynqmon")
	}
}
