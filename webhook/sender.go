// Package webhook sends messages to webhook receivers, signed as Standard
// Webhooks has it. It is one file.
//
// Receivers belong to strangers. A sender therefore connects only to addresses of
// the Internet, unless networks are allowed; it checks the address when it
// connects, after the name was looked up. It follows no redirects, waits for a
// limited time and reads a limited part of the answer.
package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"code.dny.dev/ssrf"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The parts of an answer that are kept, in bytes.
const (
	maxBody      = 4096
	maxHeaders   = 4096
	maxHeaderIn  = 64 << 10 // more is not even read
	maxDrained   = 64 << 10 // of the body, so that the connection can be used again
	bodyPatience = 2 * time.Second
)

// Options configure a sender.
type Options struct {
	Allow   []netip.Prefix // networks that are allowed although they are private
	Timeout time.Duration  // for a whole attempt; required
	TLS     *tls.Config    // nil: the default
	Setting string         // name of the setting that Allow comes from, for errors; empty: SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS
}

// Sender sends messages. It is safe for concurrent use.
type Sender struct {
	client  *http.Client
	timeout time.Duration
}

// NewSender returns a sender.
func NewSender(o Options) *Sender {
	return &Sender{timeout: o.Timeout, client: &http.Client{
		Transport: byScheme{
			"https": transport(o, guard(o, false)),
			"http":  transport(o, guard(o, true)),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// byScheme are the transports for https and http.
type byScheme map[string]http.RoundTripper

// RoundTrip implements http.RoundTripper.
func (b byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	t := b[r.URL.Scheme]
	if t == nil {
		return nil, fmt.Errorf("scheme %q is not allowed", r.URL.Scheme)
	}
	return t.RoundTrip(r)
}

type control = func(network, address string, _ syscall.RawConn) error

// guard returns the check of an address that is about to be connected to.
func guard(o Options, onlyAllowed bool) control {
	allow, setting := o.Allow, cmp.Or(o.Setting, "SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS")
	var v4, v6 []netip.Prefix
	for _, n := range allow {
		if n.Addr().Is4() {
			v4 = append(v4, n)
		} else {
			v6 = append(v6, n)
		}
	}
	internet := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return func(network, address string, c syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return &refusedError{address, "it is not an IP address"}
		}
		ip := to.Addr().Unmap()
		if slices.ContainsFunc(allow, func(n netip.Prefix) bool { return n.Contains(ip) }) {
			return nil
		}
		if onlyAllowed {
			return &refusedError{ip.String(), "plain http is only allowed to the networks of " + setting}
		}
		if to.Addr().Is4In6() { // ssrf takes it for IPv6
			address, network = netip.AddrPortFrom(ip, to.Port()).String(), "tcp4"
		}
		if err := internet.Safe(network, address, c); err != nil {
			return &refusedError{ip.String(), "it is a private or special address, and not in the networks of " + setting}
		}
		return nil
	}
}

// refusedError is the error of an address that is not allowed.
type refusedError struct{ address, why string }

func (e *refusedError) Error() string {
	return "the address " + e.address + " is not allowed: " + e.why
}

func transport(o Options, c control) *http.Transport {
	dialer := &net.Dialer{Timeout: o.Timeout, Control: c}
	return &http.Transport{
		Proxy:                  nil, // a proxy would connect to what is refused here
		DialContext:            dialer.DialContext,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  o.Timeout,
		MaxResponseHeaderBytes: maxHeaderIn,
		DisableCompression:     true, // a small answer cannot become a large one
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1000,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
	}
}

// Message is what is sent.
type Message struct {
	URL     string
	ID      string   // the same for each attempt
	Secrets [][]byte // one signature for each
	Body    string
}

// Answer is the outcome of an attempt.
type Answer struct {
	At         time.Time
	Took       time.Duration
	Status     int           // zero: there was no answer
	Error      string        // why it is not a success; empty: it is one
	Silent     bool          // the receiver did not answer in time, or could not be reached
	TimedOut   bool          // it did not answer in time
	NotAllowed bool          // the address is not allowed, so nothing was sent
	RetryAfter time.Duration // when it wants to be asked again; zero: it does not say

	RequestHeaders  map[string]string
	ResponseHeaders map[string]string // nil: there was no answer
	Body            []byte            // the beginning of the answer
}

// Send makes one attempt to deliver a message. It returns an error only if ctx was
// canceled: what came of it then is unknown.
func (s *Sender) Send(ctx context.Context, m Message) (Answer, error) {
	a := Answer{At: time.Now()}
	err := s.send(ctx, m, &a)
	a.Took = time.Since(a.At)
	if ctx.Err() != nil && a.Status == 0 {
		return a, fmt.Errorf("sending message %s: %w", m.ID, ctx.Err())
	}
	if err != nil {
		a.Error, a.Silent = explain(err, s.timeout), true
		a.TimedOut = isTimeout(err)
		var refused *refusedError
		a.NotAllowed = errors.As(err, &refused)
	}
	return a, nil
}

func (s *Sender) send(ctx context.Context, m Message, a *Answer) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, strings.NewReader(m.Body))
	if err != nil {
		return err
	}
	signatures := make([]string, len(m.Secrets))
	for i, secret := range m.Secrets {
		signer, err := standardwebhooks.NewWebhookRaw(secret)
		if err == nil {
			signatures[i], err = signer.Sign(m.ID, a.At, []byte(m.Body))
		}
		if err != nil {
			return fmt.Errorf("signing: %w", err)
		}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "simtransfer-webhooks/1")
	r.Header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(a.At.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	a.RequestHeaders = kept(r.Header)
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	a.Status, a.ResponseHeaders = response.StatusCode, kept(response.Header)
	a.RetryAfter = retryAfter(response)
	a.Error = refusal(response)
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil // its body is the connection, which no timeout ends
	}
	stop := time.AfterFunc(bodyPatience, cancel) // the status decides; an answer that comes byte by byte is not waited for
	defer stop.Stop()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	a.Body = body
	_, _ = io.CopyN(io.Discard, response.Body, maxDrained)
	return nil
}

// refusal returns why an answer is not a success; empty: it is one.
func refusal(r *http.Response) string {
	switch code := r.StatusCode; {
	case code >= 200 && code <= 299:
		return ""
	case code >= 300 && code <= 399 && r.Header.Get("Location") != "":
		return fmt.Sprintf("the receiver answered %s: redirects are not followed, so register the address that it redirects to", statusText(code))
	case code == http.StatusGone:
		return "the receiver answered 410 Gone: it does not want messages any more"
	default:
		return "the receiver answered " + statusText(code)
	}
}

func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// retryAfter returns how long a receiver asks to be left alone.
func retryAfter(r *http.Response) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := r.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// kept returns the headers that are kept: as text, up to a limit.
func kept(h http.Header) map[string]string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	list, size := map[string]string{}, 0
	for _, name := range names {
		value := clean(strings.Join(h[name], ", "))
		size += len(name) + len(value)
		if size > maxHeaders {
			break
		}
		list[strings.ToLower(clean(name))] = value
	}
	return list
}

// clean returns text that the database can store as JSON.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r == 0 {
			return '?'
		}
		return r
	}, text)
}

// isTimeout reports whether a receiver did not answer in time.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// explain returns why there was no answer, for people. The addresses of this service and
// of its DNS servers are not in it, because accounts read it; the address of the receiver
// is that of the endpoint.
func explain(err error, timeout time.Duration) string {
	var refused *refusedError
	var dns *net.DNSError
	var network *net.OpError
	var wrapped *url.Error
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no answer: DNS has no address for the name %q", clean(dns.Name))
	case isTimeout(err) && dns == nil:
		return fmt.Sprintf("the receiver did not answer within %s", timeout)
	case errors.As(err, &dns):
		return fmt.Sprintf("no answer: the name %q could not be looked up in DNS", clean(dns.Name))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "no answer: the receiver closed the connection"
	case errors.As(err, &network):
		err = network.Err
	case errors.As(err, &wrapped):
		err = wrapped.Err
	}
	text := clean(strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: "))
	if len(text) > 500 {
		text = text[:500]
	}
	return "no answer: " + strings.ToValidUTF8(text, "")
}
