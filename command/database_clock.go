package command

import (
	"context"
	"sync"
	"time"

	"simtransfer/storage"
)

// databaseClock tells the time of the database, wherever a time leaves this
// process: gateways discard a request whose time is minutes off, and this
// machine's clock may be.
type databaseClock struct {
	db *storage.DB

	mu      sync.Mutex
	ahead   time.Duration // of this process's clock; behind it, if negative
	checked time.Time
}

// clockCheck is how long a comparison of the two clocks is good for.
const clockCheck = time.Minute

func (c *databaseClock) now(ctx context.Context) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.checked.IsZero() || time.Since(c.checked) > clockCheck {
		var now time.Time
		// Without an answer, what was found last is the best there is.
		if c.db.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) == nil {
			c.ahead = time.Until(now)
		}
		c.checked = time.Now()
	}
	return time.Now().Add(c.ahead)
}
