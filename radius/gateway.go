package radius

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"layeh.com/radius"
)

// SimulatedGateway is a gateway for demonstrations and tests. It has a table of
// open sessions and answers Disconnect-Requests over UDP as RFC 5176 requires.
// It may be used by many goroutines at the same time.
type SimulatedGateway struct {
	conn    *net.UDPConn
	secret  []byte
	answers memory // used only by the receiving goroutine

	mu       sync.Mutex
	behavior Behavior
	sessions map[string]Session
	stats    Stats
	ended    []ending // whose hooks have not been called

	wake    chan struct{} // receives when ended has entries
	closing chan struct{}
	close   func() error
	tasks   sync.WaitGroup // the receiving goroutine, and delayed answers
	hooks   sync.WaitGroup
}

// Stats counts what a simulated gateway has received and answered.
type Stats struct {
	// Requests are the authentic Disconnect-Requests, retransmissions
	// included.
	Requests int
	// Retransmissions are requests that were answered from memory or were
	// still waiting for their delayed answer.
	Retransmissions int
	// Discarded packets were malformed, not authentic, or too old.
	Discarded int
	// Acks counts dropped sessions. Naks counts refused requests and requests
	// for unknown sessions.
	Acks, Naks int
}

// ending is a disconnected session and the hook to call for it.
type ending struct {
	session Session
	hook    func(Session)
}

// SimulateGateway starts a gateway on a UDP address, such as "127.0.0.1:0" for
// any free port. Call Close to stop it.
func SimulateGateway(address string, secret []byte, behavior Behavior) (*SimulatedGateway, error) {
	if len(secret) == 0 {
		return nil, fmt.Errorf("simulating gateway at %q: %w: no shared secret", address, ErrInvalid)
	}
	resolved, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("simulating gateway at %q: %w", address, err)
	}
	conn, err := net.ListenUDP("udp", resolved)
	if err != nil {
		return nil, fmt.Errorf("simulating gateway at %q: %w", address, err)
	}
	// Thousands of requests may arrive at once. The operating system limits the
	// size; a smaller buffer is no error.
	_ = conn.SetReadBuffer(4 << 20)
	_ = conn.SetWriteBuffer(4 << 20)

	g := &SimulatedGateway{
		conn:     conn,
		secret:   slices.Clone(secret),
		behavior: behavior,
		sessions: make(map[string]Session),
		wake:     make(chan struct{}, 1),
		closing:  make(chan struct{}),
	}
	g.close = sync.OnceValue(g.shutDown)
	g.tasks.Go(g.receive)
	g.hooks.Go(g.callHooks)
	return g, nil
}

// Gateway returns what a Client needs to reach this gateway.
func (g *SimulatedGateway) Gateway() Gateway {
	return Gateway{Address: g.conn.LocalAddr().String(), Secret: slices.Clone(g.secret)}
}

// Start opens sessions. A session with the ID of an open one replaces it.
func (g *SimulatedGateway) Start(sessions ...Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range sessions {
		g.sessions[s.ID] = s
	}
}

// Stop ends a session as if its device went offline, and reports whether it was
// open. It does not call OnDisconnect.
func (g *SimulatedGateway) Stop(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, open := g.sessions[id]
	delete(g.sessions, id)
	return open
}

// Has reports whether a session is open.
func (g *SimulatedGateway) Has(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, open := g.sessions[id]
	return open
}

// Count returns how many sessions are open.
func (g *SimulatedGateway) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// Sessions returns the open sessions, sorted by ID.
func (g *SimulatedGateway) Sessions() []Session {
	g.mu.Lock()
	open := slices.Collect(maps.Values(g.sessions))
	g.mu.Unlock()
	slices.SortFunc(open, func(a, b Session) int { return strings.Compare(a.ID, b.ID) })
	return open
}

// SetBehavior changes the behavior for requests that arrive from now on.
func (g *SimulatedGateway) SetBehavior(behavior Behavior) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.behavior = behavior
}

// Behavior returns the behavior for requests that arrive now.
func (g *SimulatedGateway) Behavior() Behavior {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.behavior
}

// Disconnect ends a session as a request for it would, for simulations of gateways
// that are not asked by RADIUS. It returns the cause for which the session was not
// ended; zero: it was. Of its behavior, only Refuse and OnDisconnect count.
func (g *SimulatedGateway) Disconnect(s Session) Cause {
	return g.disconnect(s, g.Behavior())
}

// Stats returns the counts so far.
func (g *SimulatedGateway) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats
}

// Close stops listening, discards delayed answers, and waits until OnDisconnect
// has returned for every session dropped so far. OnDisconnect must not call it.
// A second call does nothing.
func (g *SimulatedGateway) Close() error {
	return g.close()
}

func (g *SimulatedGateway) shutDown() error {
	close(g.closing)
	err := g.conn.Close()
	g.tasks.Wait()
	close(g.wake)
	g.hooks.Wait()
	return err
}

func (g *SimulatedGateway) receive() {
	var buffer [radius.MaxPacketLength]byte
	for {
		n, from, err := g.conn.ReadFromUDPAddrPort(buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			g.handle(buffer[:n], from)
		}
	}
}

// send sends an answer after a delay. It does not block other answers.
func (g *SimulatedGateway) send(answer []byte, to netip.AddrPort, delay time.Duration) {
	if delay <= 0 {
		_, _ = g.conn.WriteToUDPAddrPort(answer, to)
		return
	}
	g.tasks.Go(func() {
		select {
		case <-time.After(delay):
			_, _ = g.conn.WriteToUDPAddrPort(answer, to)
		case <-g.closing:
		}
	})
}

// callHooks calls the hooks one after the other, in its own goroutine, so that a
// slow hook does not delay answers.
func (g *SimulatedGateway) callHooks() {
	for range g.wake {
		g.mu.Lock()
		ended := g.ended
		g.ended = nil
		g.mu.Unlock()
		for _, e := range ended {
			e.hook(e.session)
		}
	}
}
