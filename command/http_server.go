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

// stopPatience is how long calls have to end when the process is told to.
const stopPatience = 20 * time.Second

// httpServer is what answers HTTP.
type httpServer struct {
	handler  http.Handler
	patience time.Duration // for running calls, at the end
}

// serve answers HTTP until ctx ends, and then what has been asked already, as
// far as that goes in time. Calls that are cut off then are no error of the
// process: a client that repeats one with its Idempotency-Key gets the answer.
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
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			log.WarnContext(ctx, "calls that took too long to end were cut off", "after", s.patience)
			err = server.Close()
		}
		stopped <- err
	}()
	log.InfoContext(ctx, "API is serving", "address", listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return <-stopped
}
