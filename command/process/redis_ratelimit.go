package process

import (
	"context"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"simtransfer/api"
)

// RateLimiter limits the requests of each API key. It counts them in Redis.
type RateLimiter struct {
	client redis.UniversalClient
	count  *redis_rate.Limiter
	limit  redis_rate.Limit
}

// NewRateLimiter returns a limiter of perSecond requests per second and API key,
// with bursts of twice as many.
func NewRateLimiter(server RedisServer, perSecond int) *RateLimiter {
	client := newFailFastRedis(server, api.LimiterTimeout)
	return &RateLimiter{
		client: client,
		count:  redis_rate.NewLimiter(client),
		limit:  redis_rate.Limit{Rate: perSecond, Burst: 2 * perSecond, Period: time.Second},
	}
}

// Close closes the connections to Redis.
func (l *RateLimiter) Close() error { return l.client.Close() }

// Allow counts a request of a key and reports whether it is within the limit.
func (l *RateLimiter) Allow(ctx context.Context, key string) (api.Allowance, error) {
	r, err := l.count.Allow(ctx, "simtransfer:key:"+key, l.limit)
	if err != nil {
		return api.Allowance{}, fmt.Errorf("counting a request: %w", err)
	}
	return api.Allowance{
		Allowed:    r.Allowed > 0,
		Limit:      l.limit.Burst,
		Remaining:  r.Remaining,
		Reset:      r.ResetAfter,
		RetryAfter: r.RetryAfter,
	}, nil
}
