package worker

import (
	"sync"
	"time"
)

// maxOpen is how long a breaker stays open after a request timed out. It is
// shorter than the first back-off, so every attempt asks the gateway again.
const maxOpen = time.Second

// presumedUpFor is how long after an answer a gateway counts as up. A request
// sent in that time does not open the breaker when it times out: the gateway
// answers some requests and ignores others, so it is asked about each session.
const presumedUpFor = 5 * time.Second

// slowAnswer is how long an answer takes of a gateway that counts as slow.
const slowAnswer = time.Second

// breaker is a circuit breaker for each gateway. While it is open, workers do
// not ask that gateway, so one that is down does not keep sessions at other
// gateways waiting. It uses the process's own clock: it only saves time, and
// decides nothing that lasts.
type breaker struct {
	openFor time.Duration

	mu       sync.Mutex
	gateways map[string]*gatewayState // by NAS-IP-Address; several gateways may share a server
}

// gatewayState is when a gateway last answered, and when it last did not.
type gatewayState struct {
	answered time.Time
	sent     time.Time // the last request that timed out was sent,
	timedOut time.Time // and timed out
	slow     bool      // the last answer took long
	failing  bool      // the last answer did not end a session
	until    time.Time // it wants to be left alone until then
}

// newBreaker returns a breaker that stays open for less than the back-off.
func newBreaker(backoff time.Duration) *breaker {
	return &breaker{openFor: min(maxOpen, backoff), gateways: map[string]*gatewayState{}}
}

// open reports whether a gateway should not be asked now: it does not answer, or wants
// to be left alone.
func (b *breaker) open(gateway string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.gateways[gateway]
	return ok && (time.Now().Before(g.until) || time.Since(g.timedOut) < b.openFor && g.sent.Sub(g.answered) > presumedUpFor)
}

// maxGatewayPause is the longest time for which a gateway can ask to be left alone.
const maxGatewayPause = 5 * time.Minute

// pause keeps the breaker open for a time that the gateway asked for.
func (b *breaker) pause(gateway string, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state(gateway).until = time.Now().Add(min(d, maxGatewayPause))
}

// paused returns for how long a gateway still wants to be left alone.
func (b *breaker) paused(gateway string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.gateways[gateway]
	if !ok {
		return 0
	}
	return max(0, time.Until(g.until))
}

// answers reports whether a gateway has answered in the last seconds, and no later
// request has timed out.
func (b *breaker) answers(gateway string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.gateways[gateway]
	return ok && time.Since(g.answered) < presumedUpFor && !g.timedOut.After(g.answered)
}

// isSlow reports whether the last answer of a gateway took long.
func (b *breaker) isSlow(gateway string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.gateways[gateway]
	return ok && g.slow
}

// changes notes whether a gateway fails to end a session, and reports whether that
// differs from the time before. At first, a gateway counts as not failing.
func (b *breaker) changes(gateway string, failing bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.state(gateway)
	changed := g.failing != failing
	g.failing = failing
	return changed
}

// record notes the result of a request that was sent to a gateway.
func (b *breaker) record(gateway string, sent time.Time, silent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.state(gateway)
	if silent {
		g.sent, g.timedOut = sent, time.Now()
	} else {
		g.answered = time.Now()
		g.slow = g.answered.Sub(sent) > slowAnswer
	}
}

// state returns the state of a gateway. The caller holds the lock.
func (b *breaker) state(gateway string) *gatewayState {
	g, ok := b.gateways[gateway]
	if !ok {
		g = &gatewayState{}
		b.gateways[gateway] = g
	}
	return g
}
