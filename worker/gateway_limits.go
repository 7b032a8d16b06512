package worker

import (
	"context"
	"sync"

	"golang.org/x/time/rate"

	"simtransfer/storage"
)

// gatewayLimits keeps to the limits that gateways have: requests that wait for an
// answer, and requests per second. They hold for this process.
type gatewayLimits struct {
	mu       sync.Mutex
	limiters map[limiterKey]*gatewayLimiter
	limited  map[string]bool // by NAS-IP-Address: whether its gateway has limits
}

// limiterKey tells who is asked. The gateways of a network have the same row of
// radius.nas, but each its own address, unless the row names a server for all.
type limiterKey struct {
	gateway int
	address string // host:port or URL
}

type gatewayLimiter struct {
	inFlight, perSecond int           // as configured; 0: no limit
	slots               chan struct{} // nil: no limit
	rate                *rate.Limiter // nil: no limit
}

func newGatewayLimits() *gatewayLimits {
	return &gatewayLimits{limiters: map[limiterKey]*gatewayLimiter{}, limited: map[string]bool{}}
}

// isLimited reports whether the gateway with an address had limits when it was
// last asked.
func (l *gatewayLimits) isLimited(nas string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limited[nas]
}

// of returns the limiter of the gateway that holds a session; nil: it has no
// limits.
func (l *gatewayLimits) of(s storage.OpenSession) *gatewayLimiter {
	if s.Gateway == nil {
		return nil
	}
	key := limiterKey{gateway: *s.Gateway}
	switch {
	case s.URL != nil:
		key.address = *s.URL
	case s.Server != nil:
		key.address = *s.Server
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.MaxInFlight == 0 && s.MaxPerSecond == 0 {
		delete(l.limiters, key)
		delete(l.limited, s.NASIPAddress)
		return nil
	}
	l.limited[s.NASIPAddress] = true
	g := l.limiters[key]
	if g == nil || g.inFlight != s.MaxInFlight || g.perSecond != s.MaxPerSecond {
		g = newGatewayLimiter(s.MaxInFlight, s.MaxPerSecond)
		l.limiters[key] = g
	}
	return g
}

func newGatewayLimiter(inFlight, perSecond int) *gatewayLimiter {
	g := &gatewayLimiter{inFlight: inFlight, perSecond: perSecond}
	if inFlight > 0 {
		g.slots = make(chan struct{}, inFlight)
	}
	if perSecond > 0 {
		g.rate = rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/20))
	}
	return g
}

// begin waits until a request may be sent. The caller calls end after the answer,
// with the number of datagrams that were sent: retransmissions count for the rate of
// later requests. A nil limiter never waits.
func (g *gatewayLimiter) begin(ctx context.Context) (end func(sent int), err error) {
	if g == nil {
		return func(int) {}, nil
	}
	if g.slots != nil {
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	release := func() {
		if g.slots != nil {
			<-g.slots
		}
	}
	if g.rate != nil {
		if err := g.rate.Wait(ctx); err != nil {
			release()
			return nil, err
		}
	}
	return func(sent int) {
		for ; g.rate != nil && sent > 1; sent-- {
			g.rate.Reserve()
		}
		release()
	}, nil
}

// inFlightPart is how many SIMs are committed together for each request that may wait
// for an answer.
const inFlightPart = 8

// partOf returns how many SIMs of a piece of work are committed together if one of
// their gateways has these limits: what it is asked in some seconds, or in a few
// minutes if it answers no request.
func partOf(sessions []storage.OpenSession) (size int, limited bool) {
	size = sessionPart
	for _, s := range sessions {
		if s.MaxPerSecond > 0 {
			size = min(size, max(8, 10*s.MaxPerSecond/limitedLanes))
		}
		if s.MaxInFlight > 0 {
			size = min(size, inFlightPart*s.MaxInFlight)
		}
		limited = limited || s.MaxPerSecond > 0 || s.MaxInFlight > 0
	}
	return size, limited
}
