package api

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Limiter limits the calls of each API key and of each person, across all processes.
// The implementation, which counts in Redis, is process.RateLimiter in
// command/process/redis_ratelimit.go.
type Limiter interface {
	// Allow counts a call of a key or a person and returns whether it is allowed. It
	// returns an error if the limiter is not available.
	Allow(ctx context.Context, key string) (Allowance, error)
}

// Allowance is how many calls a key can make.
type Allowance struct {
	Allowed    bool
	Limit      int           // size of a burst, in calls
	Remaining  int           // calls that are left of the burst
	Reset      time.Duration // until the whole burst is available again
	RetryAfter time.Duration // until the next call is allowed, if this one is not
}

// LimiterTimeout bounds each step of a call to the limiter. It is short because every
// request waits for it; if it passes, the request is not limited.
const LimiterTimeout = 50 * time.Millisecond

const (
	limiterRetryPause  = time.Second // after an error, before the limiter is used again
	limiterLogInterval = time.Minute // between log lines about errors
)

// limiterHealth records errors of the limiter, so that calls do not wait for a
// limiter that is not available.
type limiterHealth struct {
	mu      sync.Mutex
	retryAt time.Time
	logAt   time.Time
}

// failed records an error and reports whether to log it.
func (l *limiterHealth) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.retryAt = now.Add(limiterRetryPause)
	if now.Before(l.logAt) {
		return false
	}
	l.logAt = now.Add(limiterLogInterval)
	return true
}

// unavailable reports whether the limiter failed a moment ago.
func (l *limiterHealth) unavailable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.retryAt)
}

// limit rejects a call that exceeds the rate of its key, and sends the state of
// the limit in headers. It admits every call while the limiter is unavailable,
// because no call may depend on Redis.
func (s *server) limit(w http.ResponseWriter, r *http.Request) error {
	if s.Limiter == nil || s.limiter.unavailable() {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), LimiterTimeout)
	defer cancel()
	a, err := s.Limiter.Allow(ctx, limitedAs(callerOf(ctx)))
	if err != nil {
		if r.Context().Err() == nil && s.limiter.failed() {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "the rate limiter is not available: calls are not limited", slog.String("error", err.Error()))
		}
		return nil
	}
	w.Header().Set("RateLimit-Limit", strconv.Itoa(a.Limit))
	w.Header().Set("RateLimit-Remaining", strconv.Itoa(a.Remaining))
	w.Header().Set("RateLimit-Reset", strconv.Itoa(seconds(a.Reset)))
	if a.Allowed {
		return nil
	}
	p := problem.New(problem.RateLimited, fmt.Sprintf("this API key or person made more than %d calls at once, its limit: wait for the time in the header Retry-After", a.Limit))
	p.RetryAfter = max(time.Second, a.RetryAfter)
	return p
}

// limitedAs returns who shares the limit of calls: a key with the browsers that have
// signed in with it, and all memberships and browsers of a person.
func limitedAs(c storage.Caller) string {
	if c.Person.ID != 0 {
		return "person " + itoa(c.Person.ID)
	}
	return itoa(c.Key)
}

// seconds returns a duration in whole seconds, rounded up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
