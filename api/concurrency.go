package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"simtransfer/api/problem"
)

// concurrency limits how many operations of one kind run at once in this
// process: in total and per caller, so that no caller can block the others.
type concurrency struct {
	what             string // the operations, in the plural, for errors
	total, perCaller int
	maxWait          time.Duration // how long acquire waits for a slot; zero means not at all

	mu       sync.Mutex
	used     int
	byCaller map[string]int // slots in use; callers without any have no entry
	released chan struct{}  // closed when a slot becomes free
}

// How many operations of a kind may run at once in a process, in total and per
// caller. The total of event streams is Config.MaxStreams.
const (
	maxStreamsPerCaller = 16

	// A batch of a million rows takes about 25 MB of memory while it is stored.
	maxUploads          = 8
	maxUploadsPerCaller = 2

	// An import and a sync keep their files in temporary files.
	maxImports          = 2
	maxImportsPerCaller = 1

	// Which rows the results have is kept in memory, 12 bytes per row, until
	// they are sent.
	maxResults          = 16
	maxResultsPerCaller = 4

	// Exports get a fifth of the connections to the database: see newServer.
	maxExportsPerCaller = 2

	maxQueueTime = 5 * time.Second // that a call waits for others to finish
)

func newConcurrency(what string, total, perCaller int, maxWait time.Duration) *concurrency {
	return &concurrency{
		what:      what,
		total:     total,
		perCaller: perCaller,
		maxWait:   maxWait,
		byCaller:  map[string]int{},
		released:  make(chan struct{}),
	}
}

// acquire takes a slot for the caller, who has to call release at the end. It
// returns a problem if no slot becomes free in time.
func (c *concurrency) acquire(ctx context.Context) (release func(), err error) {
	caller := scope(callerOf(ctx))
	timer := time.NewTimer(c.maxWait)
	defer timer.Stop()
	for {
		full, released := c.try(caller)
		if full == nil {
			return func() { c.release(caller) }, nil
		}
		select {
		case <-released:
		case <-timer.C:
			return nil, full
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes a slot. If none is free it returns the problem, and a channel that
// is closed when one becomes free.
func (c *concurrency) try(caller string) (full *problem.Problem, released <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.byCaller[caller] >= c.perCaller:
		full = problem.New(problem.RateLimited, fmt.Sprintf("you already have %d %s in progress, the maximum: wait for one to finish or stop one", c.perCaller, c.what))
		full.RetryAfter = slotRetryAfter
		return full, c.released
	case c.used >= c.total:
		return problem.New(problem.Busy, fmt.Sprintf("the service has too many %s in progress: try again later", c.what)), c.released
	}
	c.used++
	c.byCaller[caller]++
	return nil, nil
}

func (c *concurrency) release(caller string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used--
	if c.byCaller[caller]--; c.byCaller[caller] == 0 {
		delete(c.byCaller, caller)
	}
	close(c.released)
	c.released = make(chan struct{})
}

// slotRetryAfter is how long a caller whose slots are all in use should wait.
const slotRetryAfter = 5 * time.Second
