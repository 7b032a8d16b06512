package api

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/storage"
)

// call is what is known of the HTTP request that a handler works on.
type call struct {
	id      string // the request id, as in X-Request-Id
	path    string
	address string         // of the client, without its port
	caller  storage.Caller // zero until a route has admitted it, and on public ones
	token   string         // that the caller has shown
	idem    *fingerprint   // nil without an Idempotency-Key
}

type callKey struct{}

// callOf returns the call that a context belongs to.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func callerOf(ctx context.Context) storage.Caller { return callOf(ctx).caller }

// prepare gives every request its id and its context, and answers for a
// handler that panics.
func (s *server) prepare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{id: requestID(r.Header.Get("X-Request-Id")), path: r.URL.Path, address: s.clientAddress(r)}
		w.Header().Set("X-Request-Id", c.id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		out := &response{ResponseWriter: w, hasBody: r.ContentLength != 0}
		// Before an answer leaves, net/http reads what is left of a body: of one
		// that nobody asked for, too. Who reads a body sets a time of its own.
		_ = out.SetReadDeadline(time.Now().Add(bodyTimeout))
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		if key := r.Header.Get("Idempotency-Key"); key != "" && r.Method == http.MethodPost {
			c.idem = newFingerprint(key, r)
			r.Body = c.idem.follow(r.Body)
		}
		defer s.end(out, r, start)
		next.ServeHTTP(out, r)
	})
}

// end is deferred: it answers for a handler that panicked, if nothing was
// answered yet, and logs the call.
func (s *server) end(w *response, r *http.Request, start time.Time) {
	ctx := r.Context()
	switch p := recover(); {
	case p == nil:
	case p == http.ErrAbortHandler: //nolint:errorlint // the value itself, as net/http documents
		panic(p)
	case ctx.Err() == nil: // else the client has gone, and there was nobody to write to
		err := s.problem(ctx, fmt.Errorf("handling %s %s: panic: %v\n%s", r.Method, r.URL.Path, p, debug.Stack()))
		if w.status == 0 {
			err.Write(w)
		}
	}
	c := callOf(ctx)
	s.Log.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", w.status),
		slog.Duration("took", time.Since(start)),
		slog.Int64("key", c.caller.Key),
		slog.String("request_id", c.id))
}

// requestID returns the id that the client has chosen, if it is a sane one, or
// a new one.
func requestID(asked string) string {
	if n := len(asked); n > 0 && n <= 64 && strings.Trim(asked, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
		return asked
	}
	return uuid.NewString()
}

// response remembers which status was written.
type response struct {
	http.ResponseWriter
	status  int
	hasBody bool // of the request
}

// SetReadDeadline bounds the time for the body. Without a body there is nothing
// to bound: net/http then waits for the client to go, and would cancel the call
// when the time is over.
func (w *response) SetReadDeadline(at time.Time) error {
	if !w.hasBody {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(at)
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// fingerprint is an Idempotency-Key with everything the call asks for; its sum
// is complete when the body has been read to its end.
type fingerprint struct {
	key  string
	head string
	body hash.Hash
}

func newFingerprint(key string, r *http.Request) *fingerprint {
	return &fingerprint{
		key:  key,
		head: r.Method + "\n" + r.URL.Path + "\n" + r.URL.Query().Encode() + "\n",
		body: sha256.New(),
	}
}

func (f *fingerprint) sum() []byte {
	sum := sha256.Sum256(append([]byte(f.head), f.body.Sum(nil)...))
	return sum[:]
}

// follow returns a body that is summed while it is read.
func (f *fingerprint) follow(body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(body, f.body), body}
}
