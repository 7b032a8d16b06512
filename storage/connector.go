package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

// connector opens the connections of a pool. It implements driver.Connector on
// top of lib/pq, which it adds to:
//
//   - It tries every address of every host, within the deadline of the context:
//     lib/pq observes its context only while it dials.
//   - It inspects each new connection: only a server that accepts changes will
//     do, and only a connection pooler that can be used safely.
//   - It finds out that a connection is dead before it is used, or that its host
//     no longer answers while it is used: see connection.
//   - After a failure it waits before it tries again, and logs each outage once.
type connector struct {
	target     *target
	parameters map[string]string // sent to the server
	log        *slog.Logger

	mu       sync.Mutex
	live     map[*connection]struct{}
	lastHost int // index of the host that was used last: it is tried first

	failures  int // since the last success
	failing   time.Time
	reason    string // of the failure that was logged
	retryAt   time.Time
	lastError error
}

var _ driver.Connector = (*connector)(nil)

func newConnector(dsn string, parameters map[string]string, standby bool, log *slog.Logger) (*connector, error) {
	t, err := parseTarget(dsn, parameters)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	if t.accept == "" {
		t.accept = pq.TargetSessionAttrsReadWrite
		if standby {
			t.accept = pq.TargetSessionAttrsAny
		}
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &connector{target: t, parameters: parameters, log: log, live: map[*connection]struct{}{}}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return &pq.Driver{} }

// Connect implements driver.Connector. Shortly after a failure it returns the
// same error again, so that a server that refuses logins is not flooded.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	c.mu.Lock()
	err := c.lastError
	wait := time.Until(c.retryAt)
	c.mu.Unlock()
	if err != nil && wait > 0 {
		return nil, err
	}
	return c.connect(ctx)
}

// connect opens a connection now.
func (c *connector) connect(ctx context.Context) (*connection, error) {
	conn, err := c.tryHosts(ctx)
	if err == nil {
		c.succeeded(ctx, conn)
		return conn, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) { // says nothing about the server
		return nil, fmt.Errorf("connecting to PostgreSQL: %w", withCause(ctx, err))
	}
	err = &ConnectError{err}
	c.failed(ctx, err)
	return nil, err
}

// Delays before the next attempt after a failure. They grow to maxRetryDelay.
const (
	minRetryDelay = 100 * time.Millisecond
	maxRetryDelay = time.Second
)

func (c *connector) failed(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == 0 {
		c.failing = time.Now()
	}
	if reason := outageOf(err); c.failures == 0 || reason != c.reason {
		c.reason = reason
		c.log.ErrorContext(ctx, "cannot connect to PostgreSQL; work waits until it is possible again", "error", err.Error())
	}
	c.retryAt = time.Now().Add(min(minRetryDelay<<min(c.failures, 10), maxRetryDelay))
	c.failures++
	c.lastError = err
}

// outageOf tells failures apart of which each is worth a line in the log.
func outageOf(err error) string {
	var refused *pq.Error
	var u unsuitable
	switch {
	case errors.As(err, &u):
		return u.Error()
	case errors.As(err, &refused):
		return string(refused.Code)
	}
	return "unreachable"
}

func (c *connector) succeeded(ctx context.Context, conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures > 0 {
		c.log.InfoContext(ctx, "connected to PostgreSQL again",
			"failures", c.failures, "after", time.Since(c.failing).Round(time.Millisecond))
	}
	c.failures, c.lastError = 0, nil
	c.live[conn] = struct{}{}
}

// tryHosts connects to the first host that may be used. The one that was used
// last comes first, so that a host that is down delays nothing.
func (c *connector) tryHosts(ctx context.Context) (*connection, error) {
	n := len(c.target.hosts)
	c.mu.Lock()
	first := c.lastHost
	c.mu.Unlock()
	if c.target.hosts[0].LoadBalanceHosts == pq.LoadBalanceHostsRandom {
		first = rand.N(n) //nolint:gosec // spreads load
	}
	accept := []pq.TargetSessionAttrs{c.target.accept}
	if c.target.accept == pq.TargetSessionAttrsPreferStandby {
		accept = []pq.TargetSessionAttrs{pq.TargetSessionAttrsStandby, pq.TargetSessionAttrsAny}
	}
	var errs []error
	for _, a := range accept {
		for i := range n {
			host := (first + i) % n
			conn, err := c.tryHost(ctx, c.target.hosts[host], a)
			if err == nil {
				c.mu.Lock()
				c.lastHost = host
				c.mu.Unlock()
				return conn, nil
			}
			errs = append(errs, err)
		}
	}
	return nil, joined(errs)
}

// joined returns the errors of all servers in one line.
func joined(errs []error) error {
	if len(errs) == 0 {
		return errors.New("the host has no address")
	}
	err := errs[0]
	for _, e := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// withCause adds that the context has ended to an error that this has caused.
func withCause(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// tryHost connects to the first address of a host that may be used.
func (c *connector) tryHost(ctx context.Context, host pq.Config, accept pq.TargetSessionAttrs) (*connection, error) {
	addresses := []netip.Addr{host.Hostaddr}
	if _, err := netip.ParseAddr(host.Host); err != nil && !host.Hostaddr.IsValid() && !isSocket(host) {
		limited, cancel := context.WithTimeout(ctx, host.ConnectTimeout)
		found, err := net.DefaultResolver.LookupNetIP(limited, "ip", host.Host)
		cancel()
		if err != nil {
			return nil, err
		}
		addresses = found
	}
	var errs []error
	for _, address := range addresses {
		config := host.Clone()
		config.Hostaddr = address.Unmap()
		conn, err := c.tryAddress(ctx, config, accept)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", describe(config), err))
	}
	return nil, joined(errs)
}

// describe names a server in an error.
func describe(c pq.Config) string {
	switch {
	case isSocket(c):
		return fmt.Sprintf("%s/.s.PGSQL.%d", c.Host, c.Port)
	case c.Hostaddr.IsValid() && c.Host != "" && c.Host != c.Hostaddr.String():
		return fmt.Sprintf("%s (%s) port %d", c.Host, c.Hostaddr, c.Port)
	case c.Hostaddr.IsValid():
		return fmt.Sprintf("%s port %d", c.Hostaddr, c.Port)
	}
	return fmt.Sprintf("%s port %d", c.Host, c.Port)
}

func (c *connector) tryAddress(ctx context.Context, config pq.Config, accept pq.TargetSessionAttrs) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	d := newDialer(c.target.socket)
	stop := context.AfterFunc(ctx, d.interrupt) // lib/pq heeds the context only while it dials
	defer stop()
	driverConnector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	driverConnector.Dialer(d)
	raw, err := driverConnector.Connect(ctx)
	if err != nil {
		d.close()
		return nil, withCause(ctx, explainPooler(err))
	}
	conn := &connection{driverConn: raw.(driverConn), connector: c, dialer: d}
	d.limit(config.ConnectTimeout)
	err = ctx.Err() // after lib/pq has removed the limit of interrupt
	if err == nil {
		err = conn.inspect(ctx, accept)
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, withCause(ctx, err)
	}
	d.reset()
	d.connected()
	return conn, nil
}

// explainPooler adds what to do when PgBouncer does not know a parameter.
func explainPooler(err error) error {
	var e *pq.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "unsupported startup parameter") {
		return fmt.Errorf("%w; add the parameters to ignore_startup_parameters of PgBouncer (see Connection poolers in docs/operations.md)", err)
	}
	return err
}

// remove forgets a connection that was closed.
func (c *connector) remove(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, conn)
}

// replaceOthers makes the pool replace the connections that lead to another
// server than conn does. If interrupt is true, statements in progress on them
// fail; otherwise each connection is closed when it is next used.
func (c *connector) replaceOthers(conn *connection, interrupt bool) {
	c.replace(func(other *connection) bool { return other.server != conn.server }, interrupt)
}

// interrupt ends all statements in progress, which wait for a server that no
// longer answers, with an error.
func (c *connector) interrupt() {
	c.replace(func(*connection) bool { return true }, true)
}

func (c *connector) replace(which func(*connection) bool, interrupt bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.live {
		if !which(conn) {
			continue
		}
		conn.unusable.Store(true)
		if interrupt {
			conn.dialer.interrupt()
		}
	}
}
