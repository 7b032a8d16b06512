package storage_test

import (
	"net"
	"path/filepath"
	"sync"
	"testing"

	"simtransfer/storage/poolertest"
)

// relay stands for a name that can lead to another database server, or to none. It
// forwards connections to a Unix socket.
type relay struct {
	Host string // the folder of its socket, as in a connection string

	mu      sync.Mutex
	target  string
	blocked chan struct{} // closed unless the server has vanished
	open    map[net.Conn]struct{}
}

const socketName = ".s.PGSQL.5432"

// newRelay forwards to the server whose socket is in the folder host.
func newRelay(t *testing.T, host string) *relay {
	t.Helper()
	r := &relay{Host: poolertest.PublicDir(t), target: host, blocked: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(r.blocked)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(r.Host, socketName))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		r.Return()
		r.Cut()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.forward(client) })
		}
	})
	return r
}

func (r *relay) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	r.wait()
	r.mu.Lock()
	target := filepath.Join(r.target, socketName)
	r.mu.Unlock()
	server, err := net.Dial("unix", target) //nolint:noctx // a local socket
	if err != nil {
		return
	}
	r.mu.Lock()
	r.open[client], r.open[server] = struct{}{}, struct{}{}
	r.mu.Unlock()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			buffer := make([]byte, 1<<16)
			for {
				n, err := pair[0].Read(buffer)
				r.wait()
				if err == nil {
					_, err = pair[1].Write(buffer[:n])
				}
				if err != nil {
					_, _ = pair[0].Close(), pair[1].Close()
					return
				}
			}
		})
	}
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, client)
	delete(r.open, server)
}

func (r *relay) wait() {
	r.mu.Lock()
	blocked := r.blocked
	r.mu.Unlock()
	<-blocked
}

// Vanish stops forwarding in both directions, and closes nothing.
func (r *relay) Vanish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = make(chan struct{})
}

// Return forwards again, also what was sent meanwhile.
func (r *relay) Return() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.blocked:
	default:
		close(r.blocked)
	}
}

// Lead forwards new connections to another server.
func (r *relay) Lead(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = host
}

// Cut closes all connections.
func (r *relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.Close()
	}
}
