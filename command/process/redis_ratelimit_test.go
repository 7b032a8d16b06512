package process

import (
	"testing"

	"simtransfer/dev/servers/serverstest"
)

func TestRateLimiterCountsEachKey(t *testing.T) {
	t.Parallel()
	l := NewRateLimiter(mustRedis(t, serverstest.RedisURL(t)), 1)
	defer func() { _ = l.Close() }()
	refused := 0
	for range 5 {
		a, err := l.Allow(t.Context(), "7")
		if err != nil {
			t.Skip("Redis is too slow on this machine:", err)
		}
		if a.Limit != 2 {
			t.Errorf("%+v", a)
		}
		if !a.Allowed {
			refused++
			if a.RetryAfter <= 0 || a.Remaining != 0 {
				t.Errorf("%+v", a)
			}
		}
	}
	if refused == 0 {
		t.Error("no request was refused")
	}
	if a, err := l.Allow(t.Context(), "8"); err == nil && !a.Allowed {
		t.Error("another key was refused")
	}
}

func TestRateLimiterWithoutRedis(t *testing.T) {
	t.Parallel()
	l := NewRateLimiter(RedisServer{Addrs: []string{"127.0.0.1:1"}}, 100)
	defer func() { _ = l.Close() }()
	if _, err := l.Allow(t.Context(), "7"); err == nil {
		t.Error("no error without Redis")
	}
}
