package storage

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// answerPeriod is how long answers are kept, in SQL.
const answerPeriod = `interval '24 hours'`

// Idempotency identifies a call, so that a repetition of it within 24 hours
// gets the answer of the first call.
type Idempotency struct {
	Scope       string // who calls: the same Key in another scope is another call
	Key         string // chosen by the client
	Fingerprint []byte // of all parameters of the call

	// Seal, if set, is an AES-256 key (32 bytes) that encrypts the stored
	// answer, for answers that must not be readable in the database. A
	// repetition with another Seal gets ErrSealed.
	Seal []byte
}

var lockIdempotencyKey = newStatement(statement{
	name:     "lock_idempotency_key",
	does:     "Locks an idempotency key until the transaction ends.",
	given:    "@key: its scope and the key.",
	returns:  "Whether the lock was free.",
	locks:    "Takes the advisory lock of the key, without waiting: the first lock of a transaction.",
	prepared: true,
	text:     `SELECT pg_try_advisory_xact_lock(hashtextextended(@key, 0))`,
})

// Once runs fn in a transaction and stores the answer that fn has filled in, in
// the same transaction. If an earlier call with the same identity has stored an
// answer, Once reads it into answer and returns true without running fn. A nil
// idem stores nothing.
//
// If the transaction conflicts with another one (a deadlock, a lock time-out),
// it is run again: fn may run several times, and finds answer zeroed each time.
// An error of fn rolls everything back and stores nothing. Once returns
// ErrStillRunning, ErrKeyReused or ErrSealed if it cannot return the answer.
func (db *DB) Once(ctx context.Context, idem *Idempotency, answer any, fn func(*Tx) error) (replayed bool, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		reflect.ValueOf(answer).Elem().SetZero()
		replayed = false
		if idem == nil {
			return fn(t)
		}
		var free bool
		if err := t.get(ctx, &free, lockIdempotencyKey, args{"key": idem.Scope + "\n" + idem.Key}); err != nil {
			return fmt.Errorf("locking an idempotency key: %w", err)
		}
		if !free {
			return ErrStillRunning
		}
		var err error
		if replayed, err = t.storedAnswer(ctx, idem, answer); err != nil || replayed {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		return t.storeAnswer(ctx, idem, answer)
	})
	return replayed, err
}

// Recall reads the stored answer of an earlier call, if there is one. It takes
// no locks.
func (db *DB) Recall(ctx context.Context, idem *Idempotency, answer any) (found bool, err error) {
	if idem == nil {
		return false, nil
	}
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		found, err = t.storedAnswer(ctx, idem, answer)
		return err
	})
	return found, err
}

var selectAnswer = newStatement(statement{
	name:     "select_answer",
	does:     "Reads the stored answer of a call.",
	given:    "@scope and @key of the call.",
	returns:  "The answer and the fingerprint of the call; none if there is no answer from the last 24 hours.",
	prepared: true,
	text: `
		SELECT
			fingerprint,
			answer
		FROM idempotency
		WHERE scope = @scope
		  AND key = @key
		  AND created_at > clock_timestamp() - ` + answerPeriod,
})

func (t *Tx) storedAnswer(ctx context.Context, idem *Idempotency, answer any) (found bool, err error) {
	var stored struct {
		Fingerprint []byte `db:"fingerprint"`
		Answer      []byte `db:"answer"`
	}
	err = t.get(ctx, &stored, selectAnswer, args{"scope": idem.Scope, "key": idem.Key})
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading a stored answer: %w", err)
	case !bytes.Equal(stored.Fingerprint, idem.Fingerprint):
		return false, ErrKeyReused
	}
	if err := idem.decode(stored.Answer, answer); err != nil {
		return false, fmt.Errorf("reading a stored answer: %w", err)
	}
	return true, nil
}

var storeAnswer = newStatement(statement{
	name:     "store_answer",
	does:     "Stores the answer of a call, in place of one that is older than 24 hours.",
	given:    "@scope and @key of the call, its @fingerprint and its @answer in JSON.",
	locks:    "The caller holds the advisory lock of the key.",
	prepared: true,
	text: `
		INSERT INTO idempotency (scope, key, fingerprint, answer)
		VALUES (@scope, @key, @fingerprint, @answer)
		ON CONFLICT (scope, key) DO UPDATE
		SET fingerprint = excluded.fingerprint,
			answer = excluded.answer,
			created_at = excluded.created_at`,
})

func (t *Tx) storeAnswer(ctx context.Context, idem *Idempotency, answer any) error {
	text, err := idem.encode(answer)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	if _, err := t.exec(ctx, storeAnswer, args{
		"scope": idem.Scope, "key": idem.Key, "fingerprint": idem.Fingerprint, "answer": string(text),
	}); err != nil {
		return fmt.Errorf("storing an answer: %w", err)
	}
	return nil
}

// encode returns an answer in JSON, as it is stored: with Seal, the JSON string
// of the encrypted answer.
func (idem *Idempotency) encode(answer any) ([]byte, error) {
	text, err := json.Marshal(answer)
	if err != nil || idem.Seal == nil {
		return text, err
	}
	sealer, err := idem.sealer()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, sealer.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return json.Marshal(sealer.Seal(nonce, nonce, text, idem.Fingerprint))
}

// decode is the reverse of encode.
func (idem *Idempotency) decode(text []byte, answer any) error {
	if idem.Seal == nil {
		return json.Unmarshal(text, answer)
	}
	var sealed []byte
	if err := json.Unmarshal(text, &sealed); err != nil {
		return err
	}
	sealer, err := idem.sealer()
	if err != nil {
		return err
	}
	if len(sealed) < sealer.NonceSize() {
		return errors.New("the encrypted answer is too short")
	}
	text, err = sealer.Open(nil, sealed[:sealer.NonceSize()], sealed[sealer.NonceSize():], idem.Fingerprint)
	if err != nil {
		return ErrSealed // the only cause: the key is another one
	}
	return json.Unmarshal(text, answer)
}

func (idem *Idempotency) sealer() (cipher.AEAD, error) {
	block, err := aes.NewCipher(idem.Seal)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
