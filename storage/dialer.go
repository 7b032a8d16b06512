package storage

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// cancelTimeout is how long a request to cancel a statement may take, and how
// long the canceled statement may then wait for the server's answer.
const cancelTimeout = 2 * time.Second

// dialer opens the network connections of one connection to the database: its
// own, and later those on which lib/pq asks the server to cancel its statement.
// A canceled statement waits for the server, which may have vanished, so the
// dialer ends its wait.
type dialer struct {
	net net.Dialer

	mu     sync.Mutex
	conn   net.Conn
	raw    syscall.RawConn // of conn
	ready  bool            // conn is connected: whatever is dialed later cancels a statement
	limits int             // how many statements were given a limit since the last reset
}

func newDialer(o socketOptions) *dialer {
	d := &dialer{}
	d.net.KeepAliveConfig = net.KeepAliveConfig{
		Enable: o.keepAlive, Idle: o.keepAliveIdle, Interval: o.keepAliveInterval, Count: o.keepAliveCount,
	}
	if !o.keepAlive {
		d.net.KeepAlive = -1
	}
	d.net.Control = func(network, _ string, c syscall.RawConn) error {
		if network == "unix" {
			return nil
		}
		return setUserTimeout(c, o.userTimeout)
	}
	return d
}

// DialContext implements pq.DialerContext.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	canceling := d.ready
	if canceling {
		d.limits++
		_ = d.conn.SetDeadline(time.Now().Add(cancelTimeout))
	}
	d.mu.Unlock()
	if canceling {
		return d.dialToCancel(ctx, network, address)
	}
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil { // lib/pq tries again with or without TLS, and leaves the first one open
		_ = d.conn.Close()
	}
	d.conn = conn
	if s, ok := conn.(syscall.Conn); ok {
		d.raw, err = s.SyscallConn()
	}
	return conn, err
}

func (d *dialer) dialToCancel(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return briefConn{conn}, conn.SetDeadline(time.Now().Add(cancelTimeout))
}

// briefConn keeps its deadline: lib/pq would set a later one.
type briefConn struct{ net.Conn }

func (briefConn) SetDeadline(time.Time) error { return nil }

// Dial implements pq.Dialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// connected marks the connection as established.
func (d *dialer) connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready = true
}

// interrupt ends reads and writes that are in progress, and all later ones.
func (d *dialer) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.SetDeadline(time.Unix(1, 0))
	}
}

// limit limits reads and writes until the next reset.
func (d *dialer) limit(timeout time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits++
	_ = d.conn.SetDeadline(time.Now().Add(timeout))
}

// reset removes the limits of canceled statements.
func (d *dialer) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.limits > 0 {
		d.limits = 0
		_ = d.conn.SetDeadline(time.Time{})
	}
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// closed reports whether the server has closed the connection.
func (d *dialer) closed() bool { return d.raw != nil && isClosed(d.raw) }
