package command

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

// shutdownTimeout is how long running requests may take to finish when the
// process is told to stop.
const shutdownTimeout = 20 * time.Second

type httpServer struct {
	handler         http.Handler
	tls             *tls.Config // nil serves plain HTTP
	drain           time.Duration
	shutdownTimeout time.Duration
}

// serve answers HTTP requests until ctx ends, and for the time of drain after
// that, in which it closes each connection after its response. It then stops
// accepting connections, waits up to shutdownTimeout for running requests and
// closes the connections of the rest, which is not an error: a client that repeats
// a request with the same Idempotency-Key gets its result.
func (s httpServer) serve(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	server := &http.Server{
		Handler:           closing(s.handler, ctx.Done()),
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
