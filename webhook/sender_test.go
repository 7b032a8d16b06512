package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/webhook"
)

const body = `{"type":"endpoint.test","timestamp":"2026-03-01T12:00:00Z","data":{}}`

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

func sender(o webhook.Options) *webhook.Sender {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return webhook.NewSender(o)
}

func send(t *testing.T, s *webhook.Sender, url string) webhook.Answer {
	t.Helper()
	a, err := s.Send(t.Context(), webhook.Message{URL: url, ID: "42-7", Secrets: [][]byte{secret(1), secret(2)}, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func secret(n byte) []byte { return []byte(strings.Repeat(string('a'+rune(n)), 32)) }

// A receiver with either secret verifies a message that is signed with both.
func TestSignature(t *testing.T) {
	t.Parallel()
	received := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		for n := byte(1); n <= 3; n++ {
			verifier, err := standardwebhooks.NewWebhookRaw(secret(n))
			if err == nil {
				err = verifier.Verify(got, r.Header)
			}
			if (err == nil) != (n < 3) {
				t.Errorf("secret %d: %v", n, err)
			}
		}
		received <- r
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	}))
	defer server.Close()
	a := send(t, sender(webhook.Options{Allow: loopback()}), server.URL+"/hook?x=1")
	r := <-received
	if r.URL.String() != "/hook?x=1" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("webhook-id") != "42-7" {
		t.Errorf("received %s %s with %v", r.Method, r.URL, r.Header)
	}
	if a.Error != "" || a.Status != 202 || string(a.Body) != "thanks" || a.ResponseHeaders["x-answer"] != "yes" ||
		a.RequestHeaders["webhook-signature"] != r.Header.Get("webhook-signature") {
		t.Errorf("answer: %+v", a)
	}
}

// Answers of all kinds are taken for what they are, and none of them takes long
// or much memory.
func TestAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	status := func(code int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string // the beginning of the error
		after   time.Duration
		silent  bool
		body    int
	}{
		"created":           {handler: status(201)},
		"no content":        {handler: status(204)},
		"error":             {handler: status(500), want: "the receiver answered 500"},
		"not found":         {handler: status(404), want: "the receiver answered 404"},
		"gone":              {handler: status(410), want: "the receiver answered 410 Gone"},
		"redirect":          {handler: status(302, "Location", elsewhere.URL), want: "the receiver answered 302 Found: redirects are not followed"},
		"lasting redirect":  {handler: status(308, "Location", elsewhere.URL), want: "the receiver answered 308 Permanent Redirect: redirects are not followed"},
		"too many":          {handler: status(429, "Retry-After", "120"), want: "the receiver answered 429", after: 2 * time.Minute},
		"unavailable":       {handler: status(503, "Retry-After", "-5"), want: "the receiver answered 503"},
		"nonsense to retry": {handler: status(503, "Retry-After", "soon"), want: "the receiver answered 503"},
		"retry after 200":   {handler: status(200, "Retry-After", "120")},
		"ten megabytes": {body: 4096, handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 10<<20))
		}},
		"bytes one by one": {body: 1, handler: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
		"no answer": {want: "the receiver did not answer within 3s", silent: true, handler: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the connection is closed
			<-r.Context().Done()
		}},
		"closed connection": {want: "no answer: the receiver closed the connection", silent: true, handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		"not HTTP": {want: "no answer: ", silent: true, handler: func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
				_ = c.Close()
			}
		}},
		"another protocol": {want: "the receiver answered 101 Switching Protocols", handler: func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nx")
				_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
				_, _ = io.Copy(io.Discard, c) // until the sender closes it
				_ = c.Close()
			}
		}},
		"not modified": {handler: status(304), want: "the receiver answered 304 Not Modified"},
		"shorter than it says": {body: 1, handler: func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
				_ = c.Close()
			}
		}},
		"endless headers": {want: "no answer: ", silent: true, handler: status(200, "X-Long", strings.Repeat("x", 1<<20))},
		"long headers":    {handler: status(200, "X-Long", strings.Repeat("x", 5000))},
		"zeros":           {handler: status(200, "X-Odd", "a\xffb")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.handler)
			t.Cleanup(server.Close)
			a := send(t, sender(webhook.Options{Allow: loopback(), Timeout: 3 * time.Second}), server.URL)
			if (a.Error == "") != (c.want == "") || !strings.HasPrefix(a.Error, c.want) {
				t.Errorf("error %q, want %q", a.Error, c.want)
			}
			if a.RetryAfter != c.after || a.Silent != c.silent || len(a.Body) != c.body {
				t.Errorf("answer: retry after %s, silent %t, a body of %d", a.RetryAfter, a.Silent, len(a.Body))
			}
			size := 0
			for k, v := range a.ResponseHeaders {
				size += len(k) + len(v)
			}
			if size > 4096 || a.Status != 0 && a.ResponseHeaders == nil {
				t.Errorf("headers of %d bytes: %v", size, a.ResponseHeaders)
			}
		})
	}
}

// A private address is refused when it is dialed, however it is written, and
// whatever name has it.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := sender(webhook.Options{})
	for _, host := range []string{
		"127.0.0.1", "localhost", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1",
		"169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "[ff02::1]", "255.255.255.255",
	} {
		for _, scheme := range []string{"https", "http"} {
			a := send(t, s, fmt.Sprintf("%s://%s:%s/", scheme, host, port))
			if !strings.Contains(a.Error, "is not allowed") {
				t.Errorf("%s %s: %+v", scheme, host, a)
			}
		}
	}
	if a := send(t, sender(webhook.Options{Allow: loopback()}), "http://10.0.0.1/"); !strings.Contains(a.Error, "plain http is only allowed") {
		t.Errorf("plain http to a network that is not allowed: %+v", a)
	}
	if a := send(t, s, "http://192.0.9.1/"); !strings.Contains(a.Error, "plain http is only allowed") {
		t.Errorf("plain http to the Internet: %+v", a)
	}
	if a := send(t, s, "ftp://127.0.0.1/"); !strings.Contains(a.Error, "not allowed") {
		t.Errorf("ftp: %+v", a)
	}
}

// A certificate that is not for the receiver's name is refused.
func TestCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	if a := send(t, sender(webhook.Options{Allow: loopback()}), server.URL); !strings.Contains(a.Error, "certificate") || !a.Silent {
		t.Errorf("an unknown authority: %+v", a)
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	if a := send(t, sender(webhook.Options{Allow: loopback(), TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}), server.URL); a.Error != "" {
		t.Errorf("a valid certificate: %+v", a)
	}
}

// What comes of a message is unknown when the caller gives up.
func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	if a, err := sender(webhook.Options{Allow: loopback()}).Send(ctx, webhook.Message{URL: server.URL, ID: "1", Secrets: [][]byte{secret(1)}, Body: body}); err == nil {
		t.Errorf("no error: %+v", a)
	}
}
