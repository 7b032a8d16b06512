package storage

import (
	"context"
	"fmt"
	"time"

	"simtransfer/transfer"
)

// Key is an API key as a list shows it. The token itself is not stored.
type Key struct {
	ID         int64                `db:"id"`
	Hint       string               `db:"hint"` // the beginning and the end of the token
	Role       Role                 `db:"role"`
	OperatorID *transfer.OperatorID `db:"operator_id"` // of the account that it acts for; nil for other roles
	Name       string               `db:"name"`
	CreatedAt  time.Time            `db:"created_at"`
	LastUsedAt *time.Time           `db:"last_used_at"` // up to a minute late
	RevokedAt  *time.Time           `db:"revoked_at"`
	OldUntil   *time.Time           `db:"old_until"` // when the token from before the last rotation stops working
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

// hashMatchesSQL holds for the key k whose token has the hash @hash, whether it
// is the current token or the one from before the last rotation.
const hashMatchesSQL = `(k.hash = @hash OR k.old_hash = @hash AND k.old_until > clock_timestamp()) AND k.revoked_at IS NULL`

// NewKey describes a key to create.
type NewKey struct {
	Role       Role
	OperatorID transfer.OperatorID // of the account that the key acts for; only for RoleAccount
	Name       string              // for people
}

var insertKey = newStatement(statement{
	name:    "insert_key",
	does:    "Creates an API key.",
	given:   "@hash and @hint of its token, @role, @account that it acts for (null: none) and @name.",
	returns: "The id of the key.",
	text: `
		INSERT INTO api_keys (hash, hint, role, account, name)
		VALUES (@hash, @hint, @role, @account, @name)
		RETURNING id`,
})

var selectKey = newStatement(statement{
	name:    "select_key",
	does:    "Reads an API key.",
	given:   "@id of the key.",
	returns: "The key; none if it does not exist.",
	text: `SELECT` + keyColumns + `
WHERE k.id = @id`,
})

// CreateKey creates a key and returns it with its token, which cannot be read
// again later. It returns ErrNotFound if the account does not exist.
func (t *Tx) CreateKey(ctx context.Context, k NewKey) (Key, string, error) {
	if k.Role.HasAccount() != (k.OperatorID != "") {
		return Key{}, "", fmt.Errorf("a key with the role %s needs an account, and a key with another role has none", RoleAccount)
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
	if err := t.get(ctx, &id, insertKey, args{
		"hash": hashSecret(token), "hint": hint(token), "role": k.Role, "account": account, "name": k.Name,
	}); err != nil {
		return Key{}, "", fmt.Errorf("creating key %q: %w", k.Name, err)
	}
	created, err := t.key(ctx, id)
	return created, token, err
}

// CreateKey is Tx.CreateKey in its own transaction.
func (db *DB) CreateKey(ctx context.Context, k NewKey) (created Key, token string, err error) {
	err = db.InTx(ctx, func(t *Tx) error {
		created, token, err = t.CreateKey(ctx, k)
		return err
	})
	return created, token, err
}

func (t *Tx) key(ctx context.Context, id int64) (Key, error) {
	var k Key
	if err := t.get(ctx, &k, selectKey, args{"id": id}); err != nil {
		return k, fmt.Errorf("reading key %d: %w", id, err)
	}
	return k, nil
}

// KeyFilter selects keys; zero fields select all.
type KeyFilter struct {
	Role    Role
	Account int64
	Revoked *bool
	After   int64 // the cursor: only keys with a greater id
	Limit   int   // maximum number of keys; required
}

var selectKeys = newStatement(statement{
	name: "select_keys",
	does: "Lists API keys, oldest first.",
	given: `@after: only keys with a greater id; @role (empty: any); @account (0: any); @revoked: whether the
		key is revoked (null: any); @limit: maximum number of rows.`,
	returns: "The keys.",
	text: `SELECT` + keyColumns + `
WHERE k.id > @after
  AND (@role = '' OR k.role = @role)
  AND (@account = 0 OR k.account = @account)
  AND (@revoked::boolean IS NULL OR (k.revoked_at IS NOT NULL) = @revoked)
ORDER BY k.id
LIMIT @limit`,
})

// Keys lists keys, oldest first.
func (db *DB) Keys(ctx context.Context, f KeyFilter) ([]Key, error) {
	list := []Key{}
	if err := db.list(ctx, &list, selectKeys, args{
		"after": f.After, "role": f.Role, "account": f.Account, "revoked": f.Revoked, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return list, nil
}

var selectKeyByHash = newStatement(statement{
	name:    "select_key_by_hash",
	does:    "Reads the API key that a token belongs to.",
	given:   "@hash of the token.",
	returns: "The key, and in old whether the token is the one from before the last rotation; none if no key that is not revoked has the token.",
	text: `SELECT
	k.hash <> @hash AS old,` + keyColumns + `
WHERE ` + hashMatchesSQL,
})

// KeyOf returns the key that a token belongs to, and whether the token is the
// one from before the key's last rotation. It returns ErrNotFound if the token
// is unknown or the key is revoked.
func (db *DB) KeyOf(ctx context.Context, token string) (k Key, old bool, err error) {
	var row struct {
		Key
		Old bool `db:"old"`
	}
	if err := db.get(ctx, &row, selectKeyByHash, args{"hash": hashSecret(token)}); err != nil {
		return Key{}, false, fmt.Errorf("reading the key of a token: %w", err)
	}
	return row.Key, row.Old, nil
}

// OwnGrace is how long at least the token of a key that rotates itself keeps
// working, so that the call can be repeated if its answer is lost.
const OwnGrace = time.Minute

var lockKey = newStatement(statement{
	name:    "lock_key",
	does:    "Locks an API key that is not revoked.",
	given:   "@id of the key; @hash of a token.",
	returns: "Its role; in own, whether the token is its current one; in older, whether it is the one from before the last rotation. None if the key does not exist or is revoked.",
	locks:   "Takes the key.",
	text: `
		SELECT
			role,
			hash = @hash AS own,
			coalesce(old_hash = @hash, false) AS older
		FROM api_keys
		WHERE id = @id AND revoked_at IS NULL
		FOR NO KEY UPDATE`,
})

var rotateKey = newStatement(statement{
	name: "rotate_key",
	does: "Gives an API key a new token, and ends the browser sessions signed in with the key.",
	given: `@id of the key; @hash and @hint of the new token; @grace: for how many seconds the token before it
		keeps working; @keep_older: whether it is the token from before the last rotation that keeps working.`,
	locks: "The caller holds the key.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins WHERE api_key = @id
		)
		UPDATE api_keys
		SET old_hash = CASE WHEN @keep_older THEN old_hash WHEN @grace::float8 > 0 THEN hash END,
			old_until = CASE WHEN @grace > 0 THEN clock_timestamp() + make_interval(secs => @grace) END,
			hash = @hash,
			hint = @hint
		WHERE id = @id`,
})

// RotateKey gives a key a new token, which cannot be read again later. The
// token before it keeps working for the grace period (zero: it stops at once),
// and older tokens stop working. If the caller's own token, by, is a token of
// the key, it keeps working for at least OwnGrace. The browser sessions signed
// in with the key end. It returns ErrNotFound if the key does not exist or is
// revoked.
func (t *Tx) RotateKey(ctx context.Context, id int64, grace time.Duration, by string) (Key, string, error) {
	var current struct {
		Role  Role `db:"role"`
		Own   bool `db:"own"`   // the caller's token is the one to be replaced
		Older bool `db:"older"` // the caller's token is the one before that
	}
	if err := t.get(ctx, &current, lockKey, args{"id": id, "hash": hashSecret(by)}); err != nil {
		return Key{}, "", err
	}
	// Only one token can keep working besides the new one. A caller who still
	// uses the older one may never have received the one after it.
	keepOlder := current.Older && grace == 0
	if current.Own || current.Older {
		grace = max(grace, OwnGrace)
	}
	token, err := newToken(current.Role)
	if err != nil {
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	if _, err := t.exec(ctx, rotateKey, args{
		"id": id, "hash": hashSecret(token), "hint": hint(token), "grace": grace.Seconds(), "keep_older": keepOlder,
	}); err != nil {
		return Key{}, "", fmt.Errorf("rotating key %d: %w", id, err)
	}
	k, err := t.key(ctx, id)
	return k, token, err
}

var revokeKey = newStatement(statement{
	name:  "revoke_key",
	does:  "Revokes an API key, if it is not revoked yet.",
	given: "@id of the key.",
	locks: "Takes the key.",
	text: `
		UPDATE api_keys
		SET revoked_at = coalesce(revoked_at, clock_timestamp())
		WHERE id = @id`,
})

// RevokeKey revokes a key; the browser sessions signed in with it end, too.
// Revoking a key again changes nothing. It returns ErrNotFound if the key does
// not exist.
func (db *DB) RevokeKey(ctx context.Context, id int64) error {
	n, err := db.exec(ctx, revokeKey, args{"id": id})
	if err != nil {
		return fmt.Errorf("revoking key %d: %w", id, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// Caller is the key that a call was made with, and its account.
type Caller struct {
	Key     int64   `db:"id"`
	Role    Role    `db:"role"`
	Account Account `db:"account"` // that the key acts for; zero unless Role.HasAccount
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

var selectCaller = newStatement(statement{
	name:     "select_caller",
	does:     "Reads who calls with a token.",
	given:    "@hash of the token.",
	returns:  "The caller; none if no key that is not revoked has the token.",
	prepared: true,
	text: `SELECT` + callerColumns + `
WHERE ` + hashMatchesSQL,
})

// Authenticate returns who calls with a token. It returns ErrNotFound if the
// token is unknown or its key is revoked. At most once a minute it records
// that the key was used.
func (db *DB) Authenticate(ctx context.Context, token string) (Caller, error) {
	var c Caller
	if !isToken(token) {
		return c, ErrNotFound
	}
	if err := db.get(ctx, &c, selectCaller, args{"hash": hashSecret(token)}); err != nil {
		return c, fmt.Errorf("authenticating: %w", err)
	}
	return c, db.recordUse(ctx, c)
}

var recordKeyUse = newStatement(statement{
	name:  "record_key_use",
	does:  "Records that an API key was used now, unless another transaction does so.",
	given: "@id of the key.",
	locks: "Takes the key, without waiting.",
	text: `
		UPDATE api_keys
		SET last_used_at = clock_timestamp()
		WHERE id = (SELECT id FROM api_keys WHERE id = @id FOR NO KEY UPDATE SKIP LOCKED)`,
})

// recordUse does not wait for a lock: a process that holds it records the same.
func (db *DB) recordUse(ctx context.Context, c Caller) error {
	if !c.Stale {
		return nil
	}
	if _, err := db.exec(ctx, recordKeyUse, args{"id": c.Key}); err != nil {
		return fmt.Errorf("recording the use of key %d: %w", c.Key, err)
	}
	return nil
}
