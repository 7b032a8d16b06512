package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// SignInPeriod is how long a browser session lasts.
const SignInPeriod = 12 * time.Hour

var insertSignIn = newStatement(statement{
	name:  "insert_sign_in",
	does:  "Creates a browser session, and deletes those that have expired.",
	given: "@hash of its secret; @key: id of the API key that signs in; @period: seconds until it expires.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins WHERE expires_at <= clock_timestamp()
		)
		INSERT INTO sign_ins (hash, api_key, expires_at)
		VALUES (@hash, @key, clock_timestamp() + make_interval(secs => @period))`,
})

// SignIn creates a session for a browser that has sent the token of an
// administrator from an IP address, and returns the secret that the browser keeps
// instead of the token. It returns ErrNotFound for any other token, and for a key
// that must not be used from this address. The audit trail gets an entry in both
// cases.
func (db *DB) SignIn(ctx context.Context, token, address string) (secret string, err error) {
	c, err := db.Authenticate(ctx, token)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", db.signInDenied(ctx, token, address)
	case err != nil:
		return "", err
	case !c.Role.SignsIn(), !c.MayCallFrom(address):
		return "", db.signInDenied(ctx, token, address)
	}
	if secret, err = newSecret(); err != nil {
		return "", fmt.Errorf("making a session: %w", err)
	}
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, insertSignIn, args{
			"hash": hashSecret(secret), "key": c.Key, "period": SignInPeriod.Seconds(),
		}); err != nil {
			return fmt.Errorf("signing in key %d: %w", c.Key, err)
		}
		return t.Audit(ctx, AuditEntry{By: Actor{Key: c.Key, Address: address}, Action: transfer.AuditSignIn, Object: "session"})
	})
	return secret, err
}

// The maximum number of failed sign-ins that the audit trail records in a minute,
// so that they cannot fill the database.
const (
	maxDeniedPerAddress = 10
	maxDenied           = 300
)

var selectDenied = newStatement(statement{
	name: "select_denied",
	does: "Decides whether a failed sign-in is recorded, and finds out whose token was sent.",
	given: `@action of such entries; @address of the caller; @hash of the token; @per_address and @all: the
		maximum number of entries in a minute.`,
	returns: "In recorded, whether there is room for an entry; in key, the API key of the token, even if it is revoked or expired, or 0.",
	text: `
		WITH recent AS (
			SELECT address
			FROM audit
			WHERE at > clock_timestamp() - interval '1 minute' AND action = @action
		)
		SELECT
			(SELECT count(*) FROM recent WHERE address IS NOT DISTINCT FROM nullif(@address, '')) < @per_address
				AND (SELECT count(*) FROM recent) < @all AS recorded,
			coalesce((SELECT id FROM api_keys WHERE hash = @hash OR old_hash = @hash LIMIT 1), 0) AS key`,
})

// signInDenied records a failed sign-in and returns ErrNotFound.
func (db *DB) signInDenied(ctx context.Context, token, address string) error {
	var denied struct {
		Recorded bool  `db:"recorded"`
		Key      int64 `db:"key"`
	}
	if err := db.get(ctx, &denied, selectDenied, args{
		"action": transfer.AuditSignInDenied, "address": address, "hash": hashSecret(token),
		"per_address": maxDeniedPerAddress, "all": maxDenied,
	}); err != nil {
		return fmt.Errorf("counting failed sign-ins: %w", err)
	}
	if !denied.Recorded {
		return ErrNotFound
	}
	if err := db.Audit(ctx, AuditEntry{
		By: Actor{Key: denied.Key, Address: address}, Action: transfer.AuditSignInDenied, Object: "session",
	}); err != nil {
		return err
	}
	return ErrNotFound
}

var selectSignedIn = newStatement(statement{
	name:    "select_signed_in",
	does:    "Reads who has signed in to a browser session.",
	given:   "@hash of the session's secret.",
	returns: "The caller; none if the session has ended or its key is revoked.",
	text: `SELECT` + callerColumns + `
JOIN sign_ins s ON s.api_key = k.id
WHERE s.hash = @hash AND s.expires_at > clock_timestamp() AND ` + keyWorksSQL,
})

// SignedIn returns who has signed in to a browser session. It returns
// ErrNotFound if the session has ended or its key is revoked.
func (db *DB) SignedIn(ctx context.Context, secret string) (Caller, error) {
	var c Caller
	if err := db.get(ctx, &c, selectSignedIn, args{"hash": hashSecret(secret)}); err != nil {
		return c, fmt.Errorf("looking up a browser session: %w", err)
	}
	return c, db.recordUse(ctx, c)
}

var deleteSignIn = newStatement(statement{
	name:    "delete_sign_in",
	does:    "Ends a browser session.",
	given:   "@hash of its secret.",
	returns: "The id of the API key that was signed in; none if the session has ended.",
	text:    `DELETE FROM sign_ins WHERE hash = @hash RETURNING api_key`,
})

// SignOut ends a browser session, for a call from an IP address. Ending it again
// changes nothing.
func (db *DB) SignOut(ctx context.Context, secret, address string) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		var key int64
		err := t.get(ctx, &key, deleteSignIn, args{"hash": hashSecret(secret)})
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("signing out: %w", err)
		}
		return t.Audit(ctx, AuditEntry{By: Actor{Key: key, Address: address}, Action: transfer.AuditSignOut, Object: "session"})
	})
}
