package process

import (
	"context"
	"sync"
	"time"

	"simtransfer/storage"
)

// DatabaseClock returns the time of the database server, for times that are sent
// to other systems: a gateway discards a request whose timestamp is minutes off,
// and the clock of the worker's machine may be wrong.
type DatabaseClock struct {
	db *storage.DB

	mu       sync.Mutex
	offset   time.Duration // database time minus local time
	measured time.Time
}

// clockInterval is how long a measured offset is used.
const clockInterval = time.Minute

// NewDatabaseClock returns the clock of a database.
func NewDatabaseClock(db *storage.DB) *DatabaseClock { return &DatabaseClock{db: db} }

// Now returns the time of the database server. While the server does not answer,
// it uses the last measured offset of the local clock.
func (c *DatabaseClock) Now(ctx context.Context) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.measured.IsZero() || time.Since(c.measured) > clockInterval {
		var now time.Time
		if c.db.Pool().GetContext(ctx, &now, `SELECT clock_timestamp()`) == nil {
			c.offset = time.Until(now)
		}
		c.measured = time.Now()
	}
	return time.Now().Add(c.offset)
}
