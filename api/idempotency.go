package api

import (
	"context"
	"crypto/sha256"
	"strings"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// Idempotent is embedded in the input of every POST that changes something. Its
// field is for the document; the key is taken from the call.
type Idempotent struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"A text of your choice, such as a UUID. The same call with the same key within 24 hours gets the same answer and changes nothing again."`
}

// maxIdempotencyKey is the length of an Idempotency-Key at most.
const maxIdempotencyKey = 255

// idempotency returns the identity of a call, or nil if it has none. The body
// has been read by now.
func idempotency(ctx context.Context) (*storage.Idempotency, error) {
	c := callOf(ctx)
	if c.idem == nil {
		return nil, nil
	}
	key := c.idem.key
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, problem.New(problem.Invalid, "an Idempotency-Key has at most 255 printable ASCII characters",
			problem.FieldError{Location: "header.Idempotency-Key", Message: "use a UUID, for example"})
	}
	return &storage.Idempotency{Scope: scope(c.caller), Key: key, Fingerprint: c.idem.sum()}, nil
}

// scope says whose an Idempotency-Key is: the keys of one account share theirs.
func scope(c storage.Caller) string {
	if c.Role == storage.RoleAccount {
		return "account " + string(c.Account.OperatorID)
	}
	return "key " + itoa(c.Key)
}

// reply is the answer to a POST: what is stored under an Idempotency-Key, and
// what is sent.
type reply[T any] struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty" header:"Location"`
	Body     T      `json:"body"`
	Replayed string `json:"-" header:"Idempotent-Replayed"` // "true" for the answer of an earlier call
}

// once runs fn in a transaction, or sends the answer that an earlier call with
// the same Idempotency-Key got.
func once[T any](ctx context.Context, s *server, fn func(t *storage.Tx, out *reply[T]) error) (*reply[T], error) {
	idem, err := idempotency(ctx)
	if err != nil {
		return nil, err
	}
	return onceAs(ctx, s, idem, fn)
}

// onceSealed is once for an answer with a secret in it. What is stored can be
// read only with the token that the same caller shows again.
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
