package storage

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lib/pq"
)

// Health checks of the database.
const (
	checkInterval = time.Second
	checkTimeout  = 6 * time.Second

	// silenceLimit is how long a server may neither answer nor accept a
	// connection before the statements that wait for it are canceled.
	silenceLimit = 10 * time.Second

	// checkLifetime is how long the connection of the checks is used. The next
	// one shows where the name in the database URL leads by then.
	checkLifetime = 30 * time.Second
)

// availability checks whether the database can be used, on a connection that
// is not one of the pool, so that a busy pool does not count as an outage.
type availability struct {
	connector *connector
	log       *slog.Logger

	turn       chan struct{} // held by the check that is running
	closed     bool
	conn       *connection // nil if there is none
	opened     time.Time
	lastAnswer time.Time
	rightsSeen time.Time // when no right was missing

	mu  sync.Mutex
	err error         // of the last check
	up  chan struct{} // closed while the database is available

	stop    context.CancelFunc
	stopped chan struct{}
}

func newAvailability(c *connector) *availability {
	a := &availability{connector: c, log: c.log, turn: make(chan struct{}, 1), up: make(chan struct{}), lastAnswer: time.Now()}
	close(a.up)
	return a
}

// watch checks until close is called.
func (a *availability) watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.stop, a.stopped = cancel, make(chan struct{})
	go func() {
		defer close(a.stopped)
		ticker := time.NewTicker(checkInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			limited, cancel := context.WithTimeout(ctx, checkTimeout)
			_ = a.check(limited)
			cancel()
		}
	}()
}

// close ends the checks.
func (a *availability) close() {
	if a.stop != nil {
		a.stop()
		<-a.stopped
	}
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	a.closed = true
	if a.conn != nil {
		_ = a.conn.Close()
		a.conn = nil
	}
}

// check returns an error if the database does not answer within the time of
// ctx, or does not accept changes.
func (a *availability) check(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return &ConnectError{errSilent} // the previous check still waits
	}
	if a.closed {
		return sql.ErrConnDone
	}
	err := a.ask(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return err // says nothing about the database
	}
	a.record(err)
	return err
}

func (a *availability) ask(ctx context.Context) error {
	silent := false
	previous := a.conn
	if a.conn != nil {
		err := a.conn.probe(ctx)
		switch {
		case err != nil:
			silent = errors.Is(err, errSilent)
			_ = a.conn.Close()
			a.conn = nil
		case time.Since(a.opened) < checkLifetime:
			a.lastAnswer = time.Now()
			return nil
		}
	}
	conn, err := a.connector.connect(ctx)
	var answer *pq.Error
	var u unsuitable
	switch {
	case err == nil:
	case a.conn != nil: // the previous connection works
		a.opened, a.lastAnswer = time.Now(), time.Now()
		return nil
	case errors.As(err, &answer), errors.As(err, &u):
		a.lastAnswer = time.Now()
		return err
	default:
		if time.Since(a.lastAnswer) > silenceLimit {
			a.connector.interrupt()
		}
		return err
	}
	if previous != nil && previous.server != conn.server && !conn.pooled {
		a.log.WarnContext(ctx, "PostgreSQL was restarted, or another server has taken over: connections are replaced")
		a.connector.replaceOthers(conn, silent)
	}
	if a.conn != nil {
		_ = a.conn.Close()
	}
	a.conn, a.opened, a.lastAnswer = conn, time.Now(), time.Now()
	return nil
}

var errSilent = errors.New("the server does not answer")

// probe checks that the connection works and that the server is still one to
// accept. It takes up to half of the time that ctx has, and then returns
// errSilent.
func (c *connection) probe(ctx context.Context) error {
	if err := c.ResetSession(ctx); err != nil {
		return err
	}
	timeout := checkTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline) / 2
	}
	c.dialer.limit(timeout)
	accept := c.connector.target.accept
	if accept == pq.TargetSessionAttrsPreferStandby {
		accept = pq.TargetSessionAttrsAny
	}
	err := c.inspect(ctx, accept)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// record notes whether the database is available.
func (a *availability) record(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil && a.err == nil:
		a.up = make(chan struct{})
	case err == nil && a.err != nil:
		close(a.up)
	}
	a.err = err
}

// Ready returns an error if the database does not answer within the time of
// ctx, or does not accept changes, and a *MissingRightsError if its user lacks
// rights. It needs no connection of the pool.
func (db *DB) Ready(ctx context.Context) error {
	if err := db.availability.check(ctx); err != nil {
		return err
	}
	return db.availability.checkRights(ctx)
}

// WaitAvailable waits while the database is known to be unavailable. It
// returns when it is available again, or when ctx ends. It does not wait unless
// Options.Watch is set.
func (db *DB) WaitAvailable(ctx context.Context) {
	a := db.availability
	if a.stop == nil {
		return
	}
	a.mu.Lock()
	up := a.up
	a.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
	}
}
