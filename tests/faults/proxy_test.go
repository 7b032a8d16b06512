//go:build unix

package faults_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"simtransfer/dev/stack"
)

// TestRestartBehindProxy restarts the API processes one after the other behind a
// proxy that looks at /readyz and repeats no call. No call may fail.
func TestRestartBehindProxy(t *testing.T) {
	t.Parallel()
	s := startService(t, serviceOptions{env: []string{"SIMTRANSFER_DRAIN=2s", "SIMTRANSFER_RATE_LIMIT=0"}})
	first := s.only("api")
	another, client, err := s.stack.StartAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(t, s.stack.Admin.URL, client.URL)
	s.eventually("the proxy knows both processes", func() bool { return proxy.ready() == 2 })

	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var calls, failed atomic.Int64
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				calls.Add(1)
				if why := proxy.call(ctx, s.stack.Admin.Key); why != "" && ctx.Err() == nil {
					failed.Add(1)
					t.Error(why)
				}
			}
		})
	}
	for p, address := range map[*stack.Process]string{first: s.stack.Admin.URL, another: client.URL} {
		before := calls.Load()
		s.replace(p, address)
		s.eventually("the proxy uses both processes", func() bool { return proxy.ready() == 2 && calls.Load() > before+100 })
	}
	stop()
	callers.Wait()
	t.Logf("%d of %d calls failed", failed.Load(), calls.Load())
}

// proxy sends each call to the next API process whose /readyz responds 200.
type proxy struct {
	url      string
	backends []*backend
	next     atomic.Int64
	http     *http.Client
}

type backend struct {
	url     *url.URL
	ready   atomic.Bool
	forward *httputil.ReverseProxy
}

func newProxy(t *testing.T, urls ...string) *proxy {
	t.Helper()
	p := &proxy{http: &http.Client{Timeout: time.Minute}}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		b := &backend{url: u, forward: httputil.NewSingleHostReverseProxy(u)}
		b.forward.Transport = &http.Transport{}
		p.backends = append(p.backends, b)
	}
	server := httptest.NewServer(p)
	p.url = server.URL
	ctx, stop := context.WithCancel(t.Context())
	var checks sync.WaitGroup
	for _, b := range p.backends {
		checks.Go(func() { b.check(ctx) })
	}
	t.Cleanup(func() {
		stop()
		checks.Wait()
		server.Close()
	})
	return p
}

// check looks at /readyz until ctx ends.
func (b *backend) check(ctx context.Context) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url.JoinPath("readyz").String(), nil)
		if err != nil {
			return
		}
		response, err := client.Do(r)
		if err == nil {
			_ = response.Body.Close()
		}
		b.ready.Store(err == nil && response.StatusCode == http.StatusOK)
	}
}

func (p *proxy) ready() int {
	n := 0
	for _, b := range p.backends {
		if b.ready.Load() {
			n++
		}
	}
	return n
}

// ServeHTTP implements http.Handler. While no process is ready, which can be
// because this machine is slow, the call waits.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		for range p.backends {
			if b := p.backends[p.next.Add(1)%int64(len(p.backends))]; b.ready.Load() {
				b.forward.ServeHTTP(w, r)
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// call makes one call through the proxy and returns why it failed.
func (p *proxy) call(ctx context.Context, key string) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/v1/key", nil)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := p.http.Do(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		return response.Status + ": " + string(body)
	}
	return ""
}
