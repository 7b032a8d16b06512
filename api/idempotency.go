package api

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Idempotent is embedded in the input of every POST that changes data. Its field
// is for the document; handlers take the key from the call. Responses are stored in
// storage/idempotency.go, which also refuses a key that was used for another call.
type Idempotent struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"A unique text, such as a UUID. A call with the same key within 24 hours returns the stored response and changes nothing."`
}

// maxIdempotencyKey is the maximum length of an Idempotency-Key in bytes.
const maxIdempotencyKey = 255

// idempotency returns what identifies a call with an Idempotency-Key, or nil for
// a call without one. The body has to be read before.
func idempotency(ctx context.Context) (*storage.Idempotency, error) {
	c := callOf(ctx)
	if c.idem == nil {
		return nil, nil
	}
	key := c.idem.key
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, problem.New(problem.Invalid, "the Idempotency-Key is invalid: it can have up to 255 printable ASCII characters",
			problem.FieldError{Location: "header.Idempotency-Key", Message: "use for example a UUID"})
	}
	return &storage.Idempotency{Scope: scope(c.caller), Key: key, Fingerprint: c.idem.sum()}, nil
}

// scope returns who shares Idempotency-Keys and concurrency limits: all API keys
// of an account. Every other API key has its own.
func scope(c storage.Caller) string {
	if c.Role == storage.RoleAccount {
		return "account " + string(c.Account.OperatorID)
	}
	return "key " + itoa(c.Key)
}

// reply is the response to a POST, as it is sent and as it is stored under an
// Idempotency-Key.
type reply[T any] struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty" header:"Location"`
	Body     T      `json:"body"`
	ETag     string `json:"-" header:"ETag"`                // of a resource that has one
	Replayed string `json:"-" header:"Idempotent-Replayed"` // "true" for the stored response of an earlier call
}

// once runs fn in a transaction, or returns the stored response of an earlier
// call with the same Idempotency-Key.
func once[T any](ctx context.Context, s *server, fn func(t *storage.Tx, out *reply[T]) error) (*reply[T], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	return onceAs(ctx, s, idem, fn)
}

// onceSealed is once for a response that has a secret in it. The stored response
// is encrypted with the API key of the call, so only that key can read it again.
func onceSealed[T any](ctx context.Context, s *server, fn func(t *storage.Tx, out *reply[T]) error) (*reply[T], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	if idem != nil {
		seal := sha256.Sum256([]byte("the seal of a stored answer\n" + callOf(ctx).token))
		idem.Seal = seal[:]
	}
	return onceAs(ctx, s, idem, fn)
}

func onceAs[T any](ctx context.Context, s *server, idem *storage.Idempotency, fn func(t *storage.Tx, out *reply[T]) error) (*reply[T], error) {
	out := &reply[T]{}
	replayed, err := s.db.Once(ctx, idem, out, func(t *storage.Tx) error { return fn(t, out) })
	if err != nil {
		return nil, err
	}
	if replayed {
		out.Replayed = "true"
	}
	return out, nil
}

// fingerprint identifies a call with an Idempotency-Key by its method, its URL
// and its body. The sum is complete when the body has been read to its end.
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

// tee returns a body that is added to the sum while it is read.
func (f *fingerprint) tee(body io.ReadCloser) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.TeeReader(body, f.body), body}
}
