package storage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"simtransfer/transfer"
)

// Role is what an API key may do: act for one account, support every account,
// or administer the service.
type Role string

// The roles.
const (
	RoleAccount Role = "account"
	RoleSupport Role = "support"
	RoleAdmin   Role = "admin"
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleAccount, RoleSupport, RoleAdmin} }

// Key is an API key as a list shows it. The secret itself is nowhere stored.
type Key struct {
	ID         int64                `db:"id"`
	Hint       string               `db:"hint"` // the beginning of the token and its end
	Role       Role                 `db:"role"`
	OperatorID *transfer.OperatorID `db:"operator_id"` // of the account, for RoleAccount alone
	Name       string               `db:"name"`
	CreatedAt  time.Time            `db:"created_at"`
	LastUsedAt *time.Time           `db:"last_used_at"` // up to a minute late
	RevokedAt  *time.Time           `db:"revoked_at"`
	OldUntil   *time.Time           `db:"old_until"` // when the token before a rotation ends to be good
}

const keyColumns = `
	k.id,
	k.hint,
	k.role,
	a.operator_id,
	k.name,
	k.created_at,
	k.last_used_at,
	k.revoked_at,
	k.old_until
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account`

// NewKey is what a key is made from.
type NewKey struct {
	Role       Role
	OperatorID transfer.OperatorID // of the account that the key acts for; only for RoleAccount
	Name       string              // for people
}

// CreateKey makes a key and returns it with its token, which cannot be had
// again. It returns ErrNotFound when there is no such account.
func (t *Tx) CreateKey(ctx context.Context, k NewKey) (Key, string, error) {
	if (k.Role == RoleAccount) != (k.OperatorID != "") {
		return Key{}, "", errors.New("a key of the role account names its account, and no other key does")
	}
	var account *int64
	if k.OperatorID != "" {
		a, err := t.Account(ctx, k.OperatorID)
		if err != nil {
			return Key{}, "", err
		}
		account = &a.ID
	}
	token, err := newToken(k.Role)
	if err != nil {
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	var id int64
	if err := t.rawGet(ctx, &id, `
		INSERT INTO api_keys (hash, hint, role, account, name)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING id`,
		hashSecret(token), hint(token), k.Role, account, k.Name,
	); err != nil {
		return Key{}, "", fmt.Errorf("creating key %q: %w", k.Name, err)
	}
	var made Key
	if err := t.rawGet(ctx, &made, `SELECT`+keyColumns+` WHERE k.id = $1`, id); err != nil {
		return Key{}, "", fmt.Errorf("reading key %d: %w", id, err)
	}
	return made, token, nil
}

// CreateKey is Tx.CreateKey in a transaction of its own, for the command line.
func (db *DB) CreateKey(ctx context.Context, k NewKey) (made Key, token string, err error) {
	err = db.InTx(ctx, func(t *Tx) error {
		made, token, err = t.CreateKey(ctx, k)
		return err
	})
	return made, token, err
}

// KeyFilter narrows a list of keys; zero fields do not.
type KeyFilter struct {
	Role    Role
	Account int64
	Revoked *bool
	After   int64 // only keys behind this id: the cursor
	Limit   int   // at most this many; required
}

// Keys lists keys, oldest first.
func (db *DB) Keys(ctx context.Context, f KeyFilter) ([]Key, error) {
	list := []Key{}
	err := db.pool.SelectContext(ctx, &list, `SELECT`+keyColumns+`
		WHERE k.id > $1
		  AND ($2 = '' OR k.role = $2)
		  AND ($3 = 0 OR k.account = $3)
		  AND ($4::boolean IS NULL OR (k.revoked_at IS NOT NULL) = $4)
		ORDER BY k.id
		LIMIT $5`, f.After, f.Role, f.Account, f.Revoked, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return list, nil
}

// KeyOf returns the key whose token this is, and whether it is the one before
// the last rotation. It returns ErrNotFound if it is nobody's or revoked.
func (db *DB) KeyOf(ctx context.Context, token string) (k Key, old bool, err error) {
	var row struct {
		Key
		Old bool `db:"old"`
	}
	if err := db.pool.GetContext(ctx, &row, `
		SELECT k.hash <> $1 AS old,`+keyColumns+`
		WHERE (k.hash = $1 OR k.old_hash = $1 AND k.old_until > clock_timestamp()) AND k.revoked_at IS NULL`, hashSecret(token),
	); err != nil {
		return Key{}, false, fmt.Errorf("reading the key of a token: %w", notFound(err))
	}
	return row.Key, row.Old, nil
}

// OwnGrace is how long the token of a key that rotates itself stays good at
// least, so that the call can be repeated when its answer is lost.
const OwnGrace = time.Minute

// RotateKey gives a key a new token, which cannot be had again. The one before
// stays good for a while, and one from before that no longer; zero ends it at
// once. If it is the key's own token that asks for this, that one stays good
// for at least OwnGrace: by is the token of the caller. Sign-ins made with the
// key end. It returns ErrNotFound for an unknown key and for one that is
// revoked.
func (t *Tx) RotateKey(ctx context.Context, id int64, grace time.Duration, by string) (Key, string, error) {
	var is struct {
		Role  Role `db:"role"`
		Own   bool `db:"own"`   // the caller has shown the token that is to be replaced
		Older bool `db:"older"` // or the one before, which is still good
	}
	if err := t.rawGet(ctx, &is, `
		SELECT role, hash = $2 AS own, coalesce(old_hash = $2, false) AS older
		FROM api_keys
		WHERE id = $1 AND revoked_at IS NULL
		FOR NO KEY UPDATE`, id, hashSecret(by),
	); err != nil {
		return Key{}, "", err
	}
	// There is room for one token besides the new one. Whoever still calls with
	// the older has perhaps never got the one after it.
	keepOlder := is.Older && grace == 0
	if is.Own || is.Older {
		grace = max(grace, OwnGrace)
	}
	token, err := newToken(is.Role)
	if err != nil {
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	if _, err := t.rawExec(ctx, `
		WITH ended AS (DELETE FROM sign_ins WHERE api_key = $1)
		UPDATE api_keys
		SET old_hash = CASE WHEN $5 THEN old_hash WHEN $4 > 0 THEN hash END,
			old_until = CASE WHEN $4 > 0 THEN clock_timestamp() + make_interval(secs => $4) END,
			hash = $2,
			hint = $3
		WHERE id = $1`, id, hashSecret(token), hint(token), grace.Seconds(), keepOlder,
	); err != nil {
		return Key{}, "", fmt.Errorf("rotating key %d: %w", id, err)
	}
	var k Key
	if err := t.rawGet(ctx, &k, `SELECT`+keyColumns+` WHERE k.id = $1`, id); err != nil {
		return Key{}, "", fmt.Errorf("reading key %d: %w", id, err)
	}
	return k, token, nil
}

// RevokeKey makes a key useless, and ends the sign-ins that were made with it.
// Revoking it again changes nothing. It returns ErrNotFound for an unknown id.
func (db *DB) RevokeKey(ctx context.Context, id int64) error {
	r, err := db.pool.ExecContext(ctx, `
		UPDATE api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("revoking key %d: %w", id, err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}

// Caller is who calls: a key that is not revoked.
type Caller struct {
	Key     int64   `db:"id"`
	Role    Role    `db:"role"`
	Account Account `db:"account"` // that it acts for; zero unless the role is RoleAccount
	Stale   bool    `db:"stale"`   // last_used_at is more than a minute old
}

const callerColumns = `
	k.id,
	k.role,
	coalesce(a.id, 0) AS "account.id",
	coalesce(a.operator_id, '') AS "account.operator_id",
	coalesce(a.email, '') AS "account.email",
	coalesce(a.currency, '') AS "account.currency",
	coalesce(a.coverage, '') AS "account.coverage",
	coalesce(a.standing, '') AS "account.standing",
	coalesce(a.created_at, '0001-01-01 00:00+00') AS "account.created_at",
	coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS stale
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account`

// Authenticate returns whose token it is, or ErrNotFound if it is nobody's or
// revoked. At most once a minute it notes that the key was used.
func (db *DB) Authenticate(ctx context.Context, token string) (Caller, error) {
	var c Caller
	if !isToken(token) {
		return c, ErrNotFound
	}
	if err := db.hotGet(ctx, &c, `
		SELECT`+callerColumns+`
		WHERE (k.hash = $1 OR k.old_hash = $1 AND k.old_until > clock_timestamp()) AND k.revoked_at IS NULL`, hashSecret(token),
	); err != nil {
		return c, fmt.Errorf("authenticating: %w", err)
	}
	return c, db.noteUse(ctx, c)
}

// noteUse waits for nobody: if another process is noting the same, that will do.
func (db *DB) noteUse(ctx context.Context, c Caller) error {
	if !c.Stale {
		return nil
	}
	if _, err := db.pool.ExecContext(ctx, `
		UPDATE api_keys
		SET last_used_at = clock_timestamp()
		WHERE id = (SELECT id FROM api_keys WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)`, c.Key,
	); err != nil {
		return fmt.Errorf("noting the use of key %d: %w", c.Key, err)
	}
	return nil
}

// SignInPeriod is how long a sign-in lasts.
const SignInPeriod = 12 * time.Hour

// SignIn makes a session for a browser that has shown an administrator's
// token, and returns the secret that the browser keeps in its place. It
// returns ErrNotFound for any other token.
func (db *DB) SignIn(ctx context.Context, token string) (secret string, err error) {
	c, err := db.Authenticate(ctx, token)
	if err != nil {
		return "", err
	}
	if c.Role != RoleAdmin {
		return "", ErrNotFound
	}
	if secret, err = random(); err != nil {
		return "", fmt.Errorf("making a session: %w", err)
	}
	if _, err := db.pool.ExecContext(ctx, `
		WITH ended AS (DELETE FROM sign_ins WHERE expires_at <= clock_timestamp())
		INSERT INTO sign_ins (hash, api_key, expires_at)
		VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))`,
		hashSecret(secret), c.Key, SignInPeriod.Seconds(),
	); err != nil {
		return "", fmt.Errorf("signing in key %d: %w", c.Key, err)
	}
	return secret, nil
}

// SignedIn returns who signed in, or ErrNotFound when the session is over or
// the key was revoked since.
func (db *DB) SignedIn(ctx context.Context, secret string) (Caller, error) {
	var c Caller
	if err := db.pool.GetContext(ctx, &c, `
		SELECT`+callerColumns+`
		JOIN sign_ins s ON s.api_key = k.id
		WHERE s.hash = $1 AND s.expires_at > clock_timestamp() AND k.revoked_at IS NULL`, hashSecret(secret),
	); err != nil {
		return c, fmt.Errorf("looking for a session: %w", notFound(err))
	}
	return c, db.noteUse(ctx, c)
}

// SignOut ends a session. Ending one that is over changes nothing.
func (db *DB) SignOut(ctx context.Context, secret string) error {
	if _, err := db.pool.ExecContext(ctx, `DELETE FROM sign_ins WHERE hash = $1`, hashSecret(secret)); err != nil {
		return fmt.Errorf("signing out: %w", err)
	}
	return nil
}

// A token is st_, the role, and 256 random bits in small base32.
const (
	tokenPrefix  = "st_"
	tokenCharset = "abcdefghijklmnopqrstuvwxyz234567"
	tokenLength  = 52
)

func newToken(role Role) (string, error) {
	secret, err := random()
	return tokenPrefix + string(role) + "_" + secret, err
}

// random returns 256 random bits as text.
func random() (string, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	return base32.NewEncoding(tokenCharset).WithPadding(base32.NoPadding).EncodeToString(secret), nil
}

// isToken reports whether a text has the form of a token, so that nothing else
// costs a query.
func isToken(s string) bool {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	role, secret, found := strings.Cut(rest, "_")
	return ok && found && role != "" && len(role) <= 10 && len(secret) == tokenLength && strings.Trim(secret, tokenCharset) == ""
}

func hint(token string) string {
	secret := strings.LastIndexByte(token, '_') + 1
	return token[:secret+4] + "…" + token[len(token)-4:]
}

// hashSecret needs no salt and no slow hash: a secret has 256 random bits.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
