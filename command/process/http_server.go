package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// HTTPFlags are the flags of the HTTP server.
type HTTPFlags struct {
	Listen  string        `default:":8080" env:"SIMTRANSFER_LISTEN" help:"Address to listen on for HTTP."`
	TLSCert string        `name:"tls-cert" type:"path" env:"SIMTRANSFER_TLS_CERT" placeholder:"FILE" help:"Certificate (PEM) with its chain: serve HTTPS instead of plain HTTP. It is read at the start."`
	TLSKey  string        `name:"tls-key" type:"path" env:"SIMTRANSFER_TLS_KEY" placeholder:"FILE" help:"Private key (PEM) of that certificate."`
	Drain   time.Duration `min:"0s" max:"10m" default:"5s" env:"SIMTRANSFER_DRAIN" help:"Time between SIGTERM, when /readyz starts to respond 503, and the end of accepting connections: a proxy needs it to send calls elsewhere. It must be shorter than the stop timeout."`
}

// Validate refuses half of a key pair.
func (f HTTPFlags) Validate() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return errors.New("set --tls-cert (SIMTRANSFER_TLS_CERT) and --tls-key (SIMTRANSFER_TLS_KEY) together, or neither")
	}
	return nil
}

// NewServer returns a server with these flags. It reads the certificate.
func (f HTTPFlags) NewServer() (HTTPServer, error) {
	s := HTTPServer{listen: f.Listen, drain: f.Drain, shutdownTimeout: ShutdownTimeout}
	if f.TLSCert == "" {
		return s, nil
	}
	pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return HTTPServer{}, fmt.Errorf("reading SIMTRANSFER_TLS_CERT and SIMTRANSFER_TLS_KEY: %w", err)
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	return s, nil
}

// ShutdownTimeout is how long running requests may take to finish when the
// process is told to stop.
const ShutdownTimeout = 20 * time.Second

// HTTPServer serves HTTP or HTTPS until the process is told to stop.
type HTTPServer struct {
	listen          string
	tls             *tls.Config // nil serves plain HTTP
	drain           time.Duration
	shutdownTimeout time.Duration
}

// Listen opens the port of the server.
func (s HTTPServer) Listen(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w; set --listen (SIMTRANSFER_LISTEN) to a free address", s.listen, err)
	}
	return listener, nil
}

// ServesPlainHTTP reports whether the server has no certificate although other
// machines can reach the listener's address.
func (s HTTPServer) ServesPlainHTTP(listener net.Listener) bool {
	return s.tls == nil && !isLoopback(listener.Addr())
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Serve answers HTTP requests until ctx ends, and for the time of drain after
// that, in which it closes each connection after its response. It then stops
// accepting connections, waits up to shutdownTimeout for running requests and
// closes the connections of the rest, which is not an error: a client that repeats
// a request with the same Idempotency-Key gets its result.
func (s HTTPServer) Serve(ctx context.Context, log *slog.Logger, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           closing(handler, ctx.Done()),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		time.Sleep(s.drain)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownTimeout)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			log.WarnContext(ctx, "requests that were still running at shutdown were cut off", "timeout", s.shutdownTimeout)
			err = server.Close()
		}
		stopped <- err
	}()
	if s.tls != nil {
		listener = tls.NewListener(listener, s.tls)
	}
	log.InfoContext(ctx, "API is serving", "address", listener.Addr().String(), "tls", s.tls != nil)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return <-stopped
}

// closing makes clients open a new connection for their next request once
// stopping is closed. A connection that is idle then stays open, so that a request
// that is on its way is not lost.
func closing(handler http.Handler, stopping <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stopping:
			w.Header().Set("Connection", "close")
		default:
		}
		handler.ServeHTTP(w, r)
	})
}
