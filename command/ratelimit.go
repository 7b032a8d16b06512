package command

import (
	"context"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"simtransfer/api"
)

// limiter counts the calls of API keys in Redis.
type limiter struct {
	client redis.UniversalClient
	count  *redis_rate.Limiter
	limit  redis_rate.Limit
}

// limiterPatience is how long Redis has for each step. It is not waited for:
// without it, calls are not limited.
const limiterPatience = 50 * time.Millisecond

// newLimiter returns a limiter of calls per second, and twice as many at once;
// nil for zero.
func newLimiter(server asynq.RedisConnOpt, perSecond int) (*limiter, error) {
	if perSecond == 0 {
		return nil, nil
	}
	client, err := impatientRedis(server, limiterPatience)
	if err != nil {
		return nil, fmt.Errorf("limiting calls: %w", err)
	}
	return &limiter{
		client: client,
		count:  redis_rate.NewLimiter(client),
		limit:  redis_rate.Limit{Rate: perSecond, Burst: 2 * perSecond, Period: time.Second},
	}, nil
}

// orNone returns nothing for nil, which an interface would hide.
func (l *limiter) orNone() api.Limiter {
	if l == nil {
		return nil
	}
	return l
}

// Close lets go of Redis.
func (l *limiter) Close() error {
	if l == nil {
		return nil
	}
	return l.client.Close()
}

// Allow counts a call of a key.
func (l *limiter) Allow(ctx context.Context, key string) (api.Allowance, error) {
	r, err := l.count.Allow(ctx, "simtransfer:key:"+key, l.limit)
	if err != nil {
		return api.Allowance{}, fmt.Errorf("counting a call: %w", err)
	}
	return api.Allowance{
		Allowed:    r.Allowed > 0,
		Limit:      l.limit.Burst,
		Remaining:  r.Remaining,
		Reset:      r.ResetAfter,
		RetryAfter: r.RetryAfter,
	}, nil
}
