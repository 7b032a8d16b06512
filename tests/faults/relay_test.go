//go:build unix

package faults_test

import (
	"net"
	"sync"
	"testing"
)

// relay forwards connections between a process and a server. It can hold the
// data of either direction back, and drop it.
type relay struct {
	t        *testing.T
	listener net.Listener
	network  string // of the server's address
	target   string

	mu            sync.Mutex
	change        *sync.Cond
	holdRequests  bool // data for the server
	holdResponses bool
	held          int // goroutines that hold data back
	lost          bool
	conns         []net.Conn
	running       sync.WaitGroup
}

// newRelay starts a relay to a server at host:port.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	return relayAt(t, "tcp", "127.0.0.1:0", target)
}

// relayAt starts a relay that listens on an address.
func relayAt(t *testing.T, network, address, target string) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	w := &relay{t: t, listener: l, network: network, target: target}
	w.change = sync.NewCond(&w.mu)
	w.running.Go(w.accept)
	t.Cleanup(func() {
		w.disconnect()
		_ = l.Close()
		w.running.Wait()
	})
	return w
}

func (w *relay) address() string { return w.listener.Addr().String() }

// hold sets which directions hold back the data that arrives from now on.
func (w *relay) hold(requests, responses bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holdRequests, w.holdResponses = requests, responses
	w.change.Broadcast()
}

// isHolding reports whether data is being held back.
func (w *relay) isHolding() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held > 0
}

// disconnect drops the data that is held back, closes all connections, and accepts
// no others.
func (w *relay) disconnect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = true
	w.change.Broadcast()
	for _, c := range w.conns {
		_ = c.Close()
	}
}

func (w *relay) accept() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		to, err := (&net.Dialer{}).DialContext(w.t.Context(), w.network, w.target)
		if err != nil {
			_ = from.Close()
			continue
		}
		w.mu.Lock()
		if w.lost {
			_, _ = from.Close(), to.Close()
		}
		w.conns = append(w.conns, from, to)
		w.mu.Unlock()
		w.running.Go(func() { w.forward(from, to, &w.holdRequests) })
		w.running.Go(func() { w.forward(to, from, &w.holdResponses) })
	}
}

// forward copies one direction.
func (w *relay) forward(from, to net.Conn, hold *bool) {
	defer func() { _, _ = from.Close(), to.Close() }()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !w.awaitRelease(hold) {
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// awaitRelease waits while a direction is held back. It returns false after
// disconnect.
func (w *relay) awaitRelease(hold *bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held++
	defer func() { w.held-- }()
	for *hold && !w.lost {
		w.change.Wait()
	}
	return !w.lost
}
