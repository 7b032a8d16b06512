package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Client calls the API with one key. It may be used from many goroutines.
type Client struct {
	URL  string       // where the API is, such as https://simtransfer.example.com
	Key  string       // st_…
	HTTP *http.Client // nil means one with a time-out of five minutes

	// Tries is how often a call is made at most, when the service does not
	// answer or is busy; zero means once. A call that is not a GET should have
	// an idempotency key then.
	Tries int

	Again func(error) // told why a call will be made again; nil if nobody wants to know
}

// Request is one call of the API.
type Request struct {
	Method      string
	Path        string // with its query
	Accept      string // media type of the answer; empty leaves it to the service
	ContentType string // of the body

	// Body is streamed; nil is none. A call is made again only if the body can
	// be read again, which an io.Seeker can that is not a pipe.
	Body io.Reader

	IdempotencyKey string        // for a POST; empty is none
	Timeout        time.Duration // of each try; zero means that of Client.HTTP
}

// Call sends body as JSON, nil for none, and decodes the answer into into, nil
// to ignore it. Its errors are those of Do.
func (c *Client) Call(ctx context.Context, method, path string, body, into any) error {
	if body == nil {
		return c.Send(ctx, method, path, "", nil, into)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the body of %s %s: %w", method, path, err)
	}
	return c.Send(ctx, method, path, "application/json", bytes.NewReader(b), into)
}

// Send is Call for a body of any type, which is streamed.
func (c *Client) Send(ctx context.Context, method, path, contentType string, body io.Reader, into any) error {
	answer, err := c.Do(ctx, Request{Method: method, Path: path, ContentType: contentType, Body: body})
	if err != nil || into == nil || len(answer) == 0 {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// Do makes a call, again if need be, and returns the body of the answer as it
// is. A refusal is a *Problem, and no answer at all an *UnreachableError.
func (c *Client) Do(ctx context.Context, r Request) ([]byte, error) {
	var answer []byte
	err := c.repeat(ctx, r, func(body *body) error {
		ctx := ctx
		if r.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, r.Timeout)
			defer cancel()
		}
		return c.read(ctx, r, body, &answer)
	})
	return answer, err
}

// Stream is Do for an answer that is read as it comes, without a time limit.
// The caller closes it. One that breaks off ends with an *UnreachableError.
func (c *Client) Stream(ctx context.Context, r Request) (io.ReadCloser, error) {
	var answer io.ReadCloser
	err := c.repeat(ctx, r, func(body *body) (err error) {
		answer, err = c.exchange(ctx, r, body)
		return err
	})
	return answer, err
}

// stream is an answer that is read as it comes.
type stream struct {
	io.ReadCloser
	url string
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &UnreachableError{URL: s.url, Err: fmt.Errorf("the answer was cut off: %w", err)}
	}
	return n, err
}

// repeat tries until it succeeds, or another try would not help.
func (c *Client) repeat(ctx context.Context, r Request, try func(*body) error) error {
	body := newBody(r.Body)
	for n := 1; ; n++ {
		err := try(body)
		var unreachable *UnreachableError
		if errors.As(err, &unreachable) && ctx.Err() != nil {
			return &UnreachableError{URL: c.URL, Err: ctx.Err()}
		}
		wait, again := worthAnother(err, n)
		if !again || n >= c.Tries || !body.rewind(ctx) {
			return err
		}
		if c.Again != nil {
			c.Again(err)
		}
		select {
		case <-ctx.Done():
			return &UnreachableError{URL: c.URL, Err: ctx.Err()}
		case <-time.After(wait):
		}
	}
}

// read makes a call once, and reads the answer.
func (c *Client) read(ctx context.Context, r Request, body *body, into *[]byte) error {
	answer, err := c.exchange(ctx, r, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	*into, err = io.ReadAll(io.LimitReader(answer, maxAnswer))
	return err
}

// exchange makes a call once and returns the answer, which is no refusal.
func (c *Client) exchange(ctx context.Context, r Request, body *body) (io.ReadCloser, error) {
	request, err := c.request(ctx, r, body)
	if err != nil {
		return nil, fmt.Errorf("calling %s %s: %w", r.Method, r.Path, err)
	}
	response, err := c.client().Do(request)
	if err != nil {
		return nil, &UnreachableError{URL: c.URL, Err: unwrapped(err)}
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		defer func() { _ = response.Body.Close() }()
		return nil, problem(response)
	}
	return &stream{response.Body, c.URL}, nil
}

// maxAnswer is far beyond the longest page of a list.
const maxAnswer = 64 << 20

// client is the HTTP client, which follows no redirect: a call that changes
// something must not become another one, and the key is for one service.
func (c *Client) client() *http.Client {
	client := http.Client{Timeout: 5 * time.Minute}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func (c *Client) request(ctx context.Context, r Request, body *body) (*http.Request, error) {
	var reader io.Reader
	if r.Body != nil {
		reader = body
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimRight(c.URL, "/")+r.Path, reader)
	if err != nil {
		return nil, err
	}
	request.ContentLength = body.length
	request.Header.Set("Authorization", "Bearer "+c.Key)
	for name, value := range map[string]string{"Accept": r.Accept, "Content-Type": r.ContentType, "Idempotency-Key": r.IdempotencyKey} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	return request, nil
}

// unwrapped leaves out the address, which is said anyway.
func unwrapped(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// worthAnother reports whether a call may fare better when it is made again,
// and how long to wait before that.
func worthAnother(err error, try int) (time.Duration, bool) {
	const first, longest = 500 * time.Millisecond, 10 * time.Second
	wait := min(first<<min(try-1, 10), longest)
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) {
		return wait, !unreachable.lasting()
	}
	var p *Problem
	if !errors.As(err, &p) {
		return 0, false
	}
	wait = max(wait, min(p.RetryAfter, 30*time.Second))
	return wait, p.busy() || p.Code == "still_running"
}

// UnreachableError says that the service gave no answer. What a call would have
// changed may or may not have happened.
type UnreachableError struct {
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s does not answer: %v", e.URL, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// lasting reports whether another try would not help: there is no such host, or
// it cannot prove who it is.
func (e *UnreachableError) lasting() bool {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	return errors.As(e.Err, &dns) && dns.IsNotFound || errors.As(e.Err, &certificate)
}

// body is what a call sends.
type body struct {
	reader io.Reader // nil for none
	length int64     // zero if it is not known
	start  int64
	seeker io.Seeker // nil if what was read cannot be read again
	read   atomic.Bool
	closed chan struct{} // by the try that is under way, which may go on reading after it has failed
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

// Close ends a try; what is read from stays open.
func (b *body) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// rewind makes the body ready for another try, or reports that it cannot be.
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

// problem reads a refusal.
func problem(response *http.Response) error {
	p := &Problem{Status: response.StatusCode, Title: response.Status}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20)) // what did arrive is said
	if json.Unmarshal(text, p) == nil && p.Title != "" {
		p.raw = text
	} else {
		p.Detail = strings.TrimSpace(string(text[:min(len(text), 500)])) // from a proxy on the way
	}
	if to := response.Header.Get("Location"); to != "" && response.StatusCode < http.StatusBadRequest {
		p.Detail = "the service is elsewhere: " + to
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
