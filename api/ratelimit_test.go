package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage/storagetest"
)

type limiterFunc func(ctx context.Context, key string) (Allowance, error)

func (f limiterFunc) Allow(ctx context.Context, key string) (Allowance, error) { return f(ctx, key) }

func TestCallsOfAKeyAreLimited(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	calls := map[string]int{}
	s := newTestService(t, func(c *Config) {
		c.Limiter = limiterFunc(func(_ context.Context, key string) (Allowance, error) {
			mu.Lock()
			defer mu.Unlock()
			calls[key]++
			n := calls[key]
			return Allowance{Allowed: n <= 2, Limit: 2, Remaining: max(0, 2-n), Reset: 1500 * time.Millisecond, RetryAfter: 300 * time.Millisecond}, nil
		})
	})
	for _, remaining := range []string{"1", "0"} {
		a := s.get(s.source, "/v1/sims").is(200)
		if a.header.Get("RateLimit-Limit") != "2" || a.header.Get("RateLimit-Remaining") != remaining || a.header.Get("RateLimit-Reset") != "2" {
			t.Errorf("%v", a.header)
		}
	}
	a := s.get(s.source, "/v1/sims")
	if a.problem(429, problem.RateLimited); a.header.Get("Retry-After") != "1" || a.header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("%v", a.header)
	}
	s.get(s.destination, "/v1/sims").is(200)
	s.get("", "/healthz").is(200) // has no key
}

func TestCallsAreAdmittedWithoutALimiter(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	log := &storagetest.Log{}
	s := newTestService(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
		c.Limiter = limiterFunc(func(ctx context.Context, _ string) (Allowance, error) {
			asked.Add(1)
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > LimiterTimeout {
				t.Error("it may take too long")
			}
			return Allowance{}, errors.New("no answer")
		})
	})
	for range 20 {
		if a := s.get(s.source, "/v1/sims").is(200); a.header.Get("RateLimit-Limit") != "" {
			t.Errorf("%v", a.header)
		}
	}
	if n := strings.Count(log.String(), "no answer"); n != 1 {
		t.Errorf("logged %d times: %s", n, log)
	}
	if asked.Load() == 0 {
		t.Error("never asked")
	}
}
