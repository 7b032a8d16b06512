package command

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that does not end must not delay the shutdown longer than
// shutdownTimeout, and the log must report it.
func TestRequestsAreCutOff(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	cutOff := make(chan struct{})
	endless := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
		close(cutOff)
	})
	go func() {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n"))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	if err := (httpServer{endless, 0, 10 * time.Millisecond}).serve(ctx, log, listener); err != nil {
		t.Error(err)
	}
	if !strings.Contains(logged.String(), "cut off") {
		t.Errorf("the log does not report it: %s", logged.String())
	}
	<-cutOff
}

// While the server drains, it still answers, and closes each connection after its
// response.
func TestDrain(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "answer") })
	go func() {
		served <- httpServer{handler, 2 * time.Second, time.Second}.serve(ctx, slog.New(slog.DiscardHandler), listener)
	}()
	closes := func() bool {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: false}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return response.Close
	}
	if closes() {
		t.Error("a connection was closed before the end")
	}
	stop()
	for range 3 {
		if !closes() {
			t.Error("a connection stays open while the server drains")
		}
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
