package api

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"simtransfer/api/problem"
)

// Limiter counts the calls of each key, in all processes together.
type Limiter interface {
	// Allow counts a call of a key and says whether it may be made. It returns
	// an error when it cannot tell.
	Allow(ctx context.Context, key string) (Allowance, error)
}

// Allowance is what a key may do.
type Allowance struct {
	Allowed    bool
	Limit      int           // calls that may be made at once
	Remaining  int           // of those, from now
	Reset      time.Duration // until they are all there again
	RetryAfter time.Duration // until the next call may be made, if this one may not
}

const (
	limiterTimeout = 50 * time.Millisecond
	limiterPause   = time.Second // after a failure, in which it is not asked
	limiterQuiet   = time.Minute // between lines in the log
)

// limits remembers that the limiter does not answer.
type limits struct {
	mu       sync.Mutex
	askAgain time.Time
	warnNext time.Time
}

// failed notes a failure and reports whether to log it.
func (l *limits) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.askAgain = now.Add(limiterPause)
	if now.Before(l.warnNext) {
		return false
	}
	l.warnNext = now.Add(limiterQuiet)
	return true
}

func (l *limits) away() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.askAgain)
}

// limit refuses a call that is one too many, and tells every client where it
// stands. When the limiter does not answer, the call is let through: no call
// needs Redis.
func (s *server) limit(w http.ResponseWriter, r *http.Request) error {
	if s.Limiter == nil || s.limits.away() {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), limiterTimeout)
	defer cancel()
	a, err := s.Limiter.Allow(ctx, itoa(callerOf(ctx).Key))
	if err != nil {
		if r.Context().Err() == nil && s.limits.failed() {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "calls are not limited: the limiter does not answer", slog.String("error", err.Error()))
		}
		return nil
	}
	w.Header().Set("RateLimit-Limit", strconv.Itoa(a.Limit))
	w.Header().Set("RateLimit-Remaining", strconv.Itoa(a.Remaining))
	w.Header().Set("RateLimit-Reset", strconv.Itoa(seconds(a.Reset)))
	if a.Allowed {
		return nil
	}
	p := problem.New(problem.RateLimited, "this key makes too many calls: ask again after the time that Retry-After says")
	p.RetryAfter = max(time.Second, a.RetryAfter)
	return p
}

// seconds rounds up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
