package storage

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Idempotency identifies one call, so that its repetition within 24 hours gets
// the answer of the first.
type Idempotency struct {
	Scope       string // whose key it is: the same key of somebody else is another one
	Key         string // as the client chose it
	Fingerprint []byte // of everything the call asks for

	// Seal, if it is set, encrypts the stored answer with this AES-256 key:
	// for an answer that must not be readable in the database. 32 bytes. With
	// another key the call gets ErrSealed.
	Seal []byte
}

// Once runs fn in a transaction and stores the answer that it has filled in,
// in the same transaction. If the answer of an earlier call with the same
// identity is there, it is read into answer, fn is not run and replayed is
// true. A nil idem stores nothing.
//
// The transaction is tried again when it met another one (a deadlock, a lock
// that was not to be had): fn may run several times and must depend on nothing
// that it did the last time; the answer is set back in between. An error of fn
// rolls everything back and stores nothing.
func (db *DB) Once(ctx context.Context, idem *Idempotency, answer any, fn func(*Tx) error) (replayed bool, err error) {
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		reflect.ValueOf(answer).Elem().SetZero()
		replayed = false
		if idem == nil {
			return fn(t)
		}
		var free bool
		if err := t.hotGet(ctx, &free, `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`, idem.Scope+"\n"+idem.Key); err != nil {
			return fmt.Errorf("locking an idempotency key: %w", err)
		}
		if !free {
			return ErrStillRunning
		}
		var err error
		if replayed, err = t.recall(ctx, idem, answer); err != nil || replayed {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		return t.remember(ctx, idem, answer)
	})
	return replayed, err
}

// Recall reads the stored answer of an earlier call, if there is one, and
// locks nothing.
func (db *DB) Recall(ctx context.Context, idem *Idempotency, answer any) (found bool, err error) {
	if idem == nil {
		return false, nil
	}
	err = db.InTx(ctx, func(t *Tx) error {
		found, err = t.recall(ctx, idem, answer)
		return err
	})
	return found, err
}

func (t *Tx) recall(ctx context.Context, idem *Idempotency, answer any) (bool, error) {
	var stored struct {
		Fingerprint []byte `db:"fingerprint"`
		Answer      []byte `db:"answer"`
	}
	err := t.hotGet(ctx, &stored, `
		SELECT fingerprint, answer
		FROM idempotency
		WHERE scope = $1 AND key = $2 AND created_at > clock_timestamp() - interval '24 hours'`, idem.Scope, idem.Key)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading a stored answer: %w", err)
	case string(stored.Fingerprint) != string(idem.Fingerprint):
		return false, ErrKeyReused
	}
	if err := idem.open(stored.Answer, answer); err != nil {
		return false, fmt.Errorf("reading a stored answer: %w", err)
	}
	return true, nil
}

func (t *Tx) remember(ctx context.Context, idem *Idempotency, answer any) error {
	text, err := idem.close(answer)
	if err != nil {
		return fmt.Errorf("writing an answer: %w", err)
	}
	// What is there has outlived its 24 hours, and the lock is ours.
	if err := t.hotExec(ctx, `
		INSERT INTO idempotency (scope, key, fingerprint, answer)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (scope, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = excluded.created_at`,
		idem.Scope, idem.Key, idem.Fingerprint, string(text),
	); err != nil {
		return fmt.Errorf("storing an answer: %w", err)
	}
	return nil
}

// close returns the JSON under which an answer is stored.
func (idem *Idempotency) close(answer any) ([]byte, error) {
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

// open is the reverse of close.
func (idem *Idempotency) open(text []byte, answer any) error {
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
		return errors.New("the sealed answer is cut off")
	}
	text, err = sealer.Open(nil, sealed[:sealer.NonceSize()], sealed[sealer.NonceSize():], idem.Fingerprint)
	if err != nil {
		return ErrSealed // it says no more than that the key does not fit
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

// PurgeIdempotency deletes up to limit stored answers that are older than 24
// hours, and returns how many it deleted.
func (db *DB) PurgeIdempotency(ctx context.Context, limit int) (int, error) {
	r, err := db.pool.ExecContext(ctx, `
		DELETE FROM idempotency
		WHERE (scope, key) IN (
			SELECT scope, key
			FROM idempotency
			WHERE created_at <= clock_timestamp() - interval '24 hours'
			ORDER BY created_at
			LIMIT $1
			FOR UPDATE SKIP LOCKED
		)`, limit)
	if err != nil {
		return 0, fmt.Errorf("purging stored answers: %w", err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}
