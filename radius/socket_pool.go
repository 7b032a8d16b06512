package radius

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"layeh.com/radius"
)

const (
	// maxIdleSockets limits the sockets that wait for their next request.
	maxIdleSockets = 256
	// socketIdleTime is how long a socket waits at most, roughly.
	socketIdleTime = 5 * time.Second
	// requestsPerSocket is the number of identifiers.
	requestsPerSocket = 256
)

// socketPool keeps sockets for later requests, because opening one takes as long as
// an exchange. The zero value is an empty pool.
//
// A socket serves one request at a time, and no two of its requests have the same
// identifier, also not much later: when all identifiers are used, the socket is
// closed. So an answer to an earlier request never has the identifier of the current
// one, and a gateway, which remembers its answers by source port and identifier,
// cannot take a request for an earlier one.
type socketPool struct {
	mu    sync.Mutex
	idle  map[route][]*socket // the last one used is the last one
	n     int                 // of idle
	sweep *time.Timer         // nil: none is idle
}

// route is what all requests of a socket have in common.
type route struct {
	to     netip.AddrPort
	source netip.Addr // the zero value: any
}

type socket struct {
	*net.UDPConn
	route  route
	next   byte // the identifier of the next request
	left   int  // identifiers that have not been used
	since  time.Time
	buffer [radius.MaxPacketLength]byte
}

// identifier returns one that no other request of the socket has.
func (s *socket) identifier() byte {
	s.next++
	s.left--
	return s.next
}

// take returns a socket on which nothing waits to be read. The caller closes it, or
// gives it back.
func (p *socketPool) take(ctx context.Context, r route) (*socket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for s := p.pop(r); s != nil; s = p.pop(r) {
		if isQuiet(s.UDPConn) {
			return s, nil
		}
		_ = s.Close() // something arrived unasked: an answer again, or a forged one
	}
	conn, err := openSocket(ctx, r.to, r.source)
	if err != nil {
		return nil, err
	}
	return &socket{UDPConn: conn, route: r, next: byte(rand.N(requestsPerSocket)), left: requestsPerSocket}, nil //nolint:gosec // not a secret
}

func (p *socketPool) pop(r route) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[r]
	if len(list) == 0 {
		return nil
	}
	s := list[len(list)-1]
	p.keep(r, list[:len(list)-1])
	return s
}

// give keeps a socket for later. The only thing that may still arrive on it is the
// answer again.
func (p *socketPool) give(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.left == 0 || p.n >= maxIdleSockets {
		_ = s.Close()
		return
	}
	s.since = time.Now()
	p.keep(s.route, append(p.idle[s.route], s))
	if p.sweep == nil {
		p.sweep = time.AfterFunc(socketIdleTime, func() { p.closeIdle(socketIdleTime) })
	}
}

// keep sets the idle sockets of a route. The caller holds the lock.
func (p *socketPool) keep(r route, list []*socket) {
	if p.idle == nil {
		p.idle = map[route][]*socket{}
	}
	p.n += len(list) - len(p.idle[r])
	if len(list) == 0 {
		delete(p.idle, r)
	} else {
		p.idle[r] = list
	}
}

// closeIdle closes the sockets that have waited for some time, and comes back for the
// others.
func (p *socketPool) closeIdle(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep.Stop()
	p.sweep = nil
	for r, list := range p.idle {
		first := 0
		for first < len(list) && time.Since(list[first].since) >= after {
			_ = list[first].Close()
			first++
		}
		p.keep(r, list[first:])
	}
	if p.n > 0 {
		p.sweep = time.AfterFunc(socketIdleTime, func() { p.closeIdle(socketIdleTime) })
	}
}
