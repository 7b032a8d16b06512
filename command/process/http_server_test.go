package process

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	if err := (HTTPServer{shutdownTimeout: 10 * time.Millisecond}).Serve(ctx, log, listener, endless); err != nil {
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
		served <- HTTPServer{drain: 2 * time.Second, shutdownTimeout: time.Second}.Serve(ctx, slog.New(slog.DiscardHandler), listener, handler)
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

// With a certificate, the API serves HTTPS.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeCertificates(t, dir)
	server, err := HTTPFlags{Listen: "127.0.0.1:0", TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	go func() {
		served <- server.Serve(ctx, slog.New(slog.DiscardHandler), listener, handler)
	}()
	authority, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if (HTTPFlags{TLSCert: "cert.pem"}).Validate() == nil {
		t.Error("a certificate without a key was taken")
	}
	for address, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false} {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || isLoopback(tcp) != want {
			t.Errorf("%s: %t, %v", address, !want, err)
		}
	}
}
