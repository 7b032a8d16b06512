package accounting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"simtransfer/storage"
)

// Store is what a server needs of storage.DB.
type Store interface {
	AccountingClients(ctx context.Context) ([]storage.AccountingClient, error)
	RecordSessions(ctx context.Context, list []storage.SessionReport) ([]storage.ReportResult, error)
	RecordRestart(ctx context.Context, r storage.GatewayRestart) (storage.ReportResult, error)
}

// Config configures a Server. Zero fields take the values of DefaultConfig. The
// fields with tags are flags of simtransfer radius.
type Config struct {
	Writers int           `name:"radius-writers" min:"1" max:"1000" env:"SIMTRANSFER_RADIUS_WRITERS" help:"Batches of accounting records to write at once. What one gateway sends is always written in order, by one writer."`
	Reload  time.Duration `name:"radius-reload" min:"100ms" max:"1h" env:"SIMTRANSFER_RADIUS_RELOAD" help:"Interval between looks for gateways that were added, changed or removed."`

	Store    Store         `kong:"-"`
	Log      *slog.Logger  `kong:"-"`
	MaxBatch int           `kong:"-"` // records in a batch
	Linger   time.Duration `kong:"-"` // how long a batch waits for more records after its first one
	Queue    int           `kong:"-"` // packets that may wait for each writer
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Writers:  2,
		Reload:   5 * time.Second,
		MaxBatch: 128, // half of what a gateway with one port can have unanswered: one half is stored while the other is answered
		Linger:   time.Millisecond,
		Queue:    4096,
	}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	c.Writers = cmp.Or(c.Writers, d.Writers)
	c.Reload = cmp.Or(c.Reload, d.Reload)
	c.MaxBatch = cmp.Or(c.MaxBatch, d.MaxBatch)
	c.Linger = cmp.Or(c.Linger, d.Linger)
	c.Queue = cmp.Or(c.Queue, d.Queue)
	return c
}

// Server is an accounting server.
type Server struct {
	config   Config
	clients  atomic.Pointer[clients]
	repeats  *repeats
	warnings *warnings
	counters counters
	writers  []*writer
	seed     maphash.Seed
}

// New returns a server that has read its clients.
func New(ctx context.Context, c Config) (*Server, error) {
	c = c.withDefaults()
	s := &Server{config: c, repeats: newRepeats(), warnings: newWarnings(c.Log), seed: maphash.MakeSeed()}
	for range c.Writers {
		s.writers = append(s.writers, &writer{server: s, queue: make(chan item, c.Queue)})
	}
	return s, s.loadClients(ctx)
}

// Listen opens a UDP socket, such as ":1813" or "[2001:db8::1]:1813". A socket for
// all addresses of a host answers from the one that the route to the gateway has,
// which must be the one that the gateway sends to.
func Listen(ctx context.Context, address string) (*net.UDPConn, error) {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for accounting: %w", address, err)
	}
	conn, ok := c.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("listening on %s for accounting: got a %T", address, c)
	}
	// The operating system limits the size; a smaller buffer is no error.
	_ = conn.SetReadBuffer(8 << 20)
	_ = conn.SetWriteBuffer(8 << 20)
	return conn, nil
}

// Run serves sockets until ctx ends, stores what has arrived by then, and closes
// the sockets. It may be called once.
func (s *Server) Run(ctx context.Context, conns ...*net.UDPConn) error {
	var receivers, writers sync.WaitGroup
	working := context.WithoutCancel(ctx)
	for _, w := range s.writers {
		writers.Go(func() { w.run(working) })
	}
	for _, conn := range conns {
		receivers.Go(func() { s.receive(ctx, conn) })
	}
	s.reloadClients(ctx) // until ctx ends
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // ends the receivers; answers can still be sent
	}
	receivers.Wait()
	for _, w := range s.writers {
		close(w.queue)
	}
	writers.Wait()
	var errs []error
	for _, conn := range conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// reloadClients reads the clients again and again, so that a gateway that is added,
// changed or removed needs no restart. While the database is away, the known ones
// stay.
func (s *Server) reloadClients(ctx context.Context) {
	ticker := time.NewTicker(s.config.Reload)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.loadClients(ctx); err != nil && ctx.Err() == nil {
			s.warnings.add(ctx, "the gateways cannot be read again; the known ones stay", slog.String("error", err.Error()))
		}
	}
}

func (s *Server) loadClients(ctx context.Context) error {
	list, err := s.config.Store.AccountingClients(ctx)
	if err != nil {
		return err
	}
	s.clients.Store(newClients(list))
	s.counters.clientsLoaded.Store(time.Now().Unix())
	return nil
}
