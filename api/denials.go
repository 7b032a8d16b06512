package api

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"simtransfer/api/problem"
)

// denials logs calls that were denied: without a valid key, without the right,
// or over a limit. The same denial of the same client is logged once a minute
// with the number of times that it was repeated, and at most maxDenials of
// different ones, so that no client can flood the log. The zero value is ready to
// use.
type denials struct {
	mu       sync.Mutex
	seen     map[denial]*denialCount
	unlogged int // denials that were not logged because there were too many
}

// denial is what one client was denied.
type denial struct {
	code    problem.Code
	network netip.Prefix
	key     int64
}

type denialCount struct {
	until    time.Time
	repeated int
}

const (
	denialInterval = time.Minute
	maxDenials     = 1000
)

// count counts a denial. It returns whether to log it, how often it was repeated
// since it was logged, and how many others were not logged at all.
func (d *denials) count(what denial, now time.Time) (log bool, repeated, unlogged int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[denial]*denialCount{}
	}
	c := d.seen[what]
	if c != nil && now.Before(c.until) {
		c.repeated++
		return false, 0, 0
	}
	if c == nil && len(d.seen) >= maxDenials {
		for other, c := range d.seen {
			if !now.Before(c.until) {
				d.unlogged += c.repeated
				delete(d.seen, other)
			}
		}
	}
	if c == nil && len(d.seen) >= maxDenials {
		d.unlogged++
		return false, 0, 0
	}
	if c != nil {
		repeated = c.repeated
	}
	d.seen[what] = &denialCount{until: now.Add(denialInterval)}
	unlogged, d.unlogged = d.unlogged, 0
	return true, repeated, unlogged
}

// denied logs a denied call.
func (s *server) denied(ctx context.Context, p *problem.Problem) {
	c := callOf(ctx)
	log, repeated, unlogged := s.denials.count(denial{p.Code, networkOf(c.address), c.caller.Key}, time.Now())
	if !log {
		return
	}
	s.Log.LogAttrs(ctx, slog.LevelWarn, "a call was denied",
		slog.Int("status", p.Status),
		slog.String("code", string(p.Code)),
		slog.String("path", c.path),
		slog.String("address", c.address),
		slog.Int64("key", c.caller.Key),
		slog.Int("repeated", repeated),
		slog.Int("unlogged", unlogged),
		slog.String("request_id", c.id))
}
