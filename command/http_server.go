package command

import (
	"context"
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
	shutdownTimeout time.Duration
}

// serve answers HTTP requests until ctx ends. It then stops accepting
// connections, waits up to shutdownTimeout for running requests and closes the
// connections of the rest, which is not an error: a client that repeats a
// request with the same Idempotency-Key gets its result.
func (s httpServer) serve(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownTimeout)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			log.WarnContext(ctx, "requests that were still running at shutdown were cut off", "timeout", s.shutdownTimeout)
			err = server.Close()
		}
		stopped <- err
	}()
	log.InfoContext(ctx, "API is serving", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return <-stopped
}
