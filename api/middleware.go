package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/signin"
	"simtransfer/storage"
)

// call describes the HTTP request that a handler serves.
type call struct {
	id      string           // the request id, as in X-Request-Id
	path    string           // as in the URL, escaped
	route   string           // the path of the route, with its parameters; empty if no route of the document matches
	head    bool             // the method is HEAD: the client wants the headers only
	address string           // the client's IP address, empty if unknown
	caller  storage.Caller   // zero before authorization, and on public routes
	token   string           // the API key, or the secret of a sign-in, that the caller sent
	actFor  string           // as whom a person acts: the header Simtransfer-Account
	choices []storage.Caller // as whom the caller can act, if it has signed in
	allowed audience         // whose check the caller has passed
	checked time.Time        // when
	idem    *fingerprint     // nil without an Idempotency-Key
	reads   bool             // whether the call reads from the database, and has readTimeout

	ifMatch, ifNoneMatch string    // the headers
	body                 *callBody // of the request
}

type callKey struct{}

// callOf returns the call of a context, or an empty one.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func callerOf(ctx context.Context) storage.Caller { return callOf(ctx).caller }

// versionHeader is in every response. It tells a client that this service sent
// the response, and not something between them, and which version of it.
const versionHeader = "Simtransfer-Version"

// withCall adds the call to the context of every HTTP request, and responds for
// a handler that panics.
func (s *server) withCall(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{id: requestID(r.Header.Get("X-Request-Id")), path: withoutSecrets(r.URL.EscapedPath()), head: r.Method == http.MethodHead, address: s.clientIP(r)}
		c.ifMatch = strings.Join(r.Header.Values("If-Match"), ",")
		c.ifNoneMatch = strings.Join(r.Header.Values("If-None-Match"), ",")
		w.Header().Set(versionHeader, s.Version)
		w.Header().Set("X-Request-Id", c.id)
		s.setHeaders(w, r)
		c.body = &callBody{ReadCloser: r.Body}
		out := &response{ResponseWriter: w, hasBody: r.ContentLength != 0, body: c.body}
		// Before it sends a response, net/http reads the rest of the body, even
		// if no handler wanted it. Handlers that read a body set their own deadline.
		_ = out.SetReadDeadline(time.Now().Add(bodyTimeout))
		r = signin.With(r.WithContext(context.WithValue(r.Context(), callKey{}, c)), s.isHTTPS(r))
		r.Body = c.body
		if key := r.Header.Get("Idempotency-Key"); key != "" && (r.Method == http.MethodPost || r.Method == http.MethodPut) {
			c.idem = newFingerprint(key, r)
			r.Body = c.idem.tee(r.Body)
		}
		defer s.end(out, r, start)
		next.ServeHTTP(out, r)
	})
}

// setHeaders sets the headers that every response has. Handlers may replace
// them. Pages set their own Content-Security-Policy.
func (s *server) setHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.isHTTPS(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	// A request with both Transfer-Encoding and Content-Length may be an attempt
	// to smuggle another one in its body. net/http hides whether it had both, so
	// every connection with a Transfer-Encoding is closed after the response.
	if len(r.TransferEncoding) > 0 {
		h.Set("Connection", "close")
	}
}

// end is deferred. If the handler panicked, it responds with a problem, or aborts
// the connection if the response has begun: a part of it must not look like the
// whole. It logs the call.
func (s *server) end(w *response, r *http.Request, start time.Time) {
	p := recover()
	aborted := p == http.ErrAbortHandler //nolint:errorlint // the value itself, as net/http documents
	if p != nil && !aborted {
		aborted = w.status != 0
		s.panicked(w, r, p)
	}
	s.logCall(w, r, start)
	if aborted {
		panic(http.ErrAbortHandler)
	}
}

// panicked logs a panic, and responds with a problem if the response has not
// begun.
func (s *server) panicked(w *response, r *http.Request, p any) {
	err, _ := p.(error)
	var unwritable *unwritableError
	if !errors.As(err, &unwritable) {
		err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
	answer := s.problem(r.Context(), fmt.Errorf("handling %s %s: %w", r.Method, callOf(r.Context()).path, err))
	if w.status == 0 {
		answer.Write(w)
	}
}

func (s *server) logCall(w *response, r *http.Request, start time.Time) {
	ctx := r.Context()
	c := callOf(ctx)
	s.Log.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", r.Method),
		slog.String("path", c.path),
		slog.Int("status", w.status),
		slog.Duration("duration", time.Since(start)),
		slog.Int64("key", c.caller.Key),
		slog.Int64("person", c.caller.Person.ID),
		slog.String("request_id", c.id))
}

// withoutSecrets returns a path as logs and problems show it: the links that people
// get by mail have secrets in their paths.
func withoutSecrets(path string) string {
	const secret = 52 // characters
	run := 0
	for i := range len(path) {
		if c := path[i]; c >= 'a' && c <= 'z' || c >= '2' && c <= '7' {
			run++
		} else {
			run = 0
		}
		if run == secret {
			return path[:i+1-secret] + "…"
		}
	}
	return path
}

// requestID returns the id that the client sent, if it is short and plain, or a
// new one.
func requestID(sent string) string {
	if n := len(sent); n > 0 && n <= 64 && strings.Trim(sent, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
		return sent
	}
	return uuid.NewString()
}

// callBody is the body of a request. It remembers how reading it ended.
type callBody struct {
	io.ReadCloser
	err atomic.Pointer[error]
}

func (b *callBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.err.Store(&err)
	}
	return n, err
}

// complete reports whether the whole body was read.
func (b *callBody) complete() bool {
	err := b.err.Load()
	return err != nil && *err == io.EOF //nolint:errorlint // readers return io.EOF itself
}

// cut reports whether the body ended before it was complete.
func (b *callBody) cut() bool {
	if b == nil {
		return false
	}
	err := b.err.Load()
	var timeout interface{ Timeout() bool }
	if err == nil || b.complete() {
		return false
	}
	return !errors.As(*err, &timeout) || !timeout.Timeout()
}

// response records the status that was written.
type response struct {
	http.ResponseWriter
	status  int
	hasBody bool // whether the HTTP request has a body
	body    *callBody
}

// SetReadDeadline limits the time for reading the body. Without a body it does
// nothing: net/http reads in the background then, to notice that the client
// disconnects, and a deadline would cancel the call.
func (w *response) SetReadDeadline(at time.Time) error {
	if !w.hasBody {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(at)
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusBadRequest {
		w.refuse()
	}
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// refuse prepares an error response. If the body has not arrived, it is not
// waited for: the client gets the response at once, and unreadTimeout to stop
// sending, before the connection is closed.
func (w *response) refuse() {
	w.Header().Set("Cache-Control", "no-store")
	if w.hasBody && w.body != nil && !w.body.complete() {
		w.Header().Set("Connection", "close")
		// A ResponseWriter without a connection returns an error, which is fine.
		_ = w.SetReadDeadline(time.Now().Add(unreadTimeout))
	}
}

// unreadTimeout is how long the rest of the body of a refused request is read.
const unreadTimeout = 500 * time.Millisecond

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
