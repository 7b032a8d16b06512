package storage

import (
	"context"
	"fmt"
	"time"
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
// administrator, and returns the secret that the browser keeps instead of the
// token. It returns ErrNotFound for any other token.
func (db *DB) SignIn(ctx context.Context, token string) (secret string, err error) {
	c, err := db.Authenticate(ctx, token)
	if err != nil {
		return "", err
	}
	if !c.Role.SignsIn() {
		return "", ErrNotFound
	}
	if secret, err = newSecret(); err != nil {
		return "", fmt.Errorf("making a session: %w", err)
	}
	if _, err := db.exec(ctx, insertSignIn, args{
		"hash": hashSecret(secret), "key": c.Key, "period": SignInPeriod.Seconds(),
	}); err != nil {
		return "", fmt.Errorf("signing in key %d: %w", c.Key, err)
	}
	return secret, nil
}

var selectSignedIn = newStatement(statement{
	name:    "select_signed_in",
	does:    "Reads who has signed in to a browser session.",
	given:   "@hash of the session's secret.",
	returns: "The caller; none if the session has ended or its key is revoked.",
	text: `SELECT` + callerColumns + `
JOIN sign_ins s ON s.api_key = k.id
WHERE s.hash = @hash AND s.expires_at > clock_timestamp() AND k.revoked_at IS NULL`,
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
	name:  "delete_sign_in",
	does:  "Ends a browser session.",
	given: "@hash of its secret.",
	text:  `DELETE FROM sign_ins WHERE hash = @hash`,
})

// SignOut ends a browser session. Ending it again changes nothing.
func (db *DB) SignOut(ctx context.Context, secret string) error {
	if _, err := db.exec(ctx, deleteSignIn, args{"hash": hashSecret(secret)}); err != nil {
		return fmt.Errorf("signing out: %w", err)
	}
	return nil
}
