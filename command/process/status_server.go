package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Status is what a process without an API tells about itself.
type Status struct {
	Ready   func(context.Context) error // nil if the process can do its work
	Metrics func(io.Writer) error       // in the text format of Prometheus
}

// readyTimeout is how long Ready may take.
const readyTimeout = 2 * time.Second

// ServeStatus answers GET /healthz, /readyz and /metrics until ctx ends. /readyz
// responds 503 when stopping has ended.
func ServeStatus(ctx, stopping context.Context, log *slog.Logger, listener net.Listener, s Status) error {
	server := &http.Server{
		Handler:           s.handler(stopping),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving health checks and metrics: %w", err)
	}
	return nil
}

func (s Status) handler(stopping context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if stopping.Err() != nil {
			http.Error(w, "this process is stopping", http.StatusServiceUnavailable)
		} else if err := s.Ready(ctx); err != nil { //nolint:contextcheck // each request has its own context
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		} else {
			_, _ = io.WriteString(w, "ok\n")
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = s.Metrics(w) // the client is gone
	})
	return mux
}
