package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"simtransfer/api/problem"
)

// UnreachableError reports that the service did not answer, or that its answer
// was cut off. A call that changes something may or may not have taken effect.
type UnreachableError struct {
	URL    string // of the service
	CutOff bool   // whether an answer began
	Err    error
}

func (e *UnreachableError) Error() string {
	switch {
	case e.CutOff:
		return fmt.Sprintf("the answer of %s was cut off: %v", e.URL, e.Err)
	case errors.Is(e.Err, http.ErrSchemeMismatch):
		return fmt.Sprintf("what answers at %s speaks HTTP without TLS: check the port, or begin the URL with http://", e.URL)
	}
	return fmt.Sprintf("%s does not answer: %v", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// permanent reports whether a retry would not help: the host does not exist, its
// certificate is not trusted, or it speaks no TLS or another version of it.
func (e *UnreachableError) permanent() bool {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(e.Err, &dns) && dns.IsNotFound ||
		errors.As(e.Err, &certificate) || errors.As(e.Err, &record) || errors.As(e.Err, &alert) || errors.Is(e.Err, http.ErrSchemeMismatch)
}

// callError adds to an error the call that it is about.
type callError struct {
	call call
	err  error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// IdempotencyKeyOf returns the Idempotency-Key of the call that failed with
// err, or "" if it had none. Repeating the call with this key is safe.
func IdempotencyKeyOf(err error) string {
	var e *callError
	if errors.As(err, &e) {
		return e.call.idempotencyKey
	}
	return ""
}

// retry calls attempt until it succeeds, a retry would not help, or
// Client.Attempts are used up.
func (c *Client) retry(ctx context.Context, r call, attempt func(*body) error) error {
	body := newBody(r.body)
	for n := 1; ; n++ {
		err := attempt(body)
		if err == nil {
			return nil
		}
		var unreachable *UnreachableError
		if errors.As(err, &unreachable) && ctx.Err() != nil {
			return &callError{r, &UnreachableError{URL: c.URL, Err: ctx.Err()}}
		}
		wait, retryable := retryDelay(err, n)
		if !retryable || n >= c.Attempts || !body.rewind(ctx) {
			return &callError{r, err}
		}
		if c.OnRetry != nil {
			c.OnRetry(err)
		}
		select {
		case <-ctx.Done():
			return &callError{r, &UnreachableError{URL: c.URL, Err: ctx.Err()}}
		case <-time.After(wait):
		}
	}
}

// retryDelay returns how long to wait after attempt n, and whether another
// attempt may succeed.
func retryDelay(err error, n int) (time.Duration, bool) {
	const first, longest = 500 * time.Millisecond, 10 * time.Second
	wait := min(first<<min(n-1, 10), longest)
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) {
		return wait, !unreachable.permanent()
	}
	var other *NotServiceError
	if errors.As(err, &other) {
		return max(wait, min(other.retryAfter, 30*time.Second)), other.Temporary()
	}
	var p *Problem
	if !errors.As(err, &p) {
		return 0, false
	}
	wait = max(wait, min(p.RetryAfter, 30*time.Second))
	return wait, p.Temporary() || p.Code == problem.StillRunning
}

// body is the body of a call, which several attempts may read.
type body struct {
	reader io.Reader // nil means no body
	length int64     // zero if unknown
	start  int64
	seeker io.Seeker // nil if the body can be read once only
	read   atomic.Bool
	closed chan struct{} // closed by net/http, which may read on after an attempt has failed
}

func newBody(r io.Reader) *body {
	b := &body{reader: r, closed: make(chan struct{})}
	seeker, ok := r.(io.Seeker)
	if !ok {
		return b
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return b // a pipe
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return b
	}
	if _, err := seeker.Seek(start, io.SeekStart); err != nil {
		return b
	}
	b.seeker, b.start, b.length = seeker, start, end-start
	return b
}

func (b *body) Read(p []byte) (int, error) {
	b.read.Store(true)
	return b.reader.Read(p)
}

// Close ends an attempt. It does not close the underlying reader.
func (b *body) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// rewind prepares the body for another attempt and reports whether it could.
func (b *body) rewind(ctx context.Context) bool {
	if ctx.Err() != nil || b.reader == nil {
		return ctx.Err() == nil
	}
	if b.seeker == nil && b.read.Load() {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-b.closed:
	}
	b.closed = make(chan struct{})
	if b.seeker == nil {
		return !b.read.Load()
	}
	_, err := b.seeker.Seek(b.start, io.SeekStart)
	return err == nil
}
