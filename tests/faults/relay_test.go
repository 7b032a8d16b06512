package faults_test

import (
	"net"
	"sync"
	"testing"
)

// relay stands between a process and a server. It can keep what passes in
// either direction to itself, and lose it for good.
type relay struct {
	t        *testing.T
	listener net.Listener
	network  string // of the server's address
	target   string

	mu          sync.Mutex
	change      *sync.Cond
	holdAsks    bool // what goes to the server
	holdAnswers bool
	held        int // pieces of it that are being held
	lost        bool
	conns       []net.Conn
	running     sync.WaitGroup
}

// newRelay stands before a server at host:port.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	return relayAt(t, "tcp", "127.0.0.1:0", target)
}

// relayAt stands at an address before a server.
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
		w.lose()
		_ = l.Close()
		w.running.Wait()
	})
	return w
}

func (w *relay) address() string { return w.listener.Addr().String() }

// hold keeps everything that arrives from now on, in one direction or both.
func (w *relay) hold(asks, answers bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holdAsks, w.holdAnswers = asks, answers
	w.change.Broadcast()
}

// holds reports whether something is being held.
func (w *relay) holds() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held > 0
}

// lose drops what is being held and every connection, and makes no others.
func (w *relay) lose() {
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
		w.running.Go(func() { w.pass(from, to, &w.holdAsks) })
		w.running.Go(func() { w.pass(to, from, &w.holdAnswers) })
	}
}

// pass copies one direction, piece by piece.
func (w *relay) pass(from, to net.Conn, hold *bool) {
	defer func() { _, _ = from.Close(), to.Close() }()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if !w.let(hold) {
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

// let waits as long as a direction is held; false means that all is lost.
func (w *relay) let(hold *bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held++
	defer func() { w.held-- }()
	for *hold && !w.lost {
		w.change.Wait()
	}
	return !w.lost
}
