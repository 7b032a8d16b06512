package command

import (
	"context"
	"sync"
	"time"

	"simtransfer/storage"
)

// databaseClock returns the time of the database server, for times that are sent
// to other systems: a gateway discards a request whose timestamp is minutes off,
// and the clock of the worker's machine may be wrong.
type databaseClock struct {
	db *storage.DB

	mu       sync.Mutex
	offset   time.Duration // database time minus local time
	measured time.Time
}

// clockInterval is how long a measured offset is used.
const clockInterval = time.Minute

func (c *databaseClock) now(ctx context.Context) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.measured.IsZero() || time.Since(c.measured) > clockInterval {
		var now time.Time
		// If the database does not answer, the last offset stays in use.
		if c.db.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) == nil {
			c.offset = time.Until(now)
		}
		c.measured = time.Now()
	}
	return time.Now().Add(c.offset)
}
