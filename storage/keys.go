package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// Key is an API key as a list shows it. The token itself is not stored.
type Key struct {
	ID         int64                `db:"id"`
	Hint       string               `db:"hint"` // the beginning and the end of the token
	Role       Role                 `db:"role"`
	Account    *int64               `db:"account"`     // that it acts for; nil for other roles
	OperatorID *transfer.OperatorID `db:"operator_id"` // of the account
	ExternalID *string              `db:"account_external_id"`
	Permission *Permission          `db:"permission"` // in the account; nil for other roles
	Networks   pq.StringArray       `db:"networks"`   // from which the key may be used; empty: any
	Name       string               `db:"name"`
	CreatedAt  time.Time            `db:"created_at"`
	CreatedBy  *int64               `db:"created_by"` // the key that created it; nil: a command on the database
	ExpiresAt  *time.Time           `db:"expires_at"`
	LastUsedAt *time.Time           `db:"last_used_at"` // up to a minute late
	RevokedAt  *time.Time           `db:"revoked_at"`
	RevokedBy  *int64               `db:"revoked_by"` // the key that revoked it
	Person     *int64               `db:"person"`     // whose membership it is; nil for a key with a token
	OldUntil   *time.Time           `db:"old_until"`  // when the token from before the last rotation stops working

	CreatorAccount *int64 `db:"creator_account"` // that CreatedBy acts for; nil for other roles
	RevokerAccount *int64 `db:"revoker_account"` // that RevokedBy acts for; nil for other roles
}

// account returns the id of the account that the key acts for, zero for none.
func (k Key) account() int64 {
	if k.Account == nil {
		return 0
	}
	return *k.Account
}

const keyColumns = `
	k.id,
	k.hint,
	k.role,
	k.account,
	a.operator_id,
	a.external_id AS account_external_id,
	k.permission,
	k.networks::text[] AS networks,
	k.name,
	k.created_at,
	k.created_by,
	k.expires_at,
	k.last_used_at,
	k.revoked_at,
	k.revoked_by,
	k.person,
	k.old_until,
	(SELECT c.account FROM api_keys c WHERE c.id = k.created_by) AS creator_account,
	(SELECT r.account FROM api_keys r WHERE r.id = k.revoked_by) AS revoker_account
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account`

// keyWorksSQL holds for a key k that is neither revoked nor expired.
const keyWorksSQL = `k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())`

// hashMatchesSQL holds for the key k that works and whose token has the hash
// @hash, whether it is the current token or the one from before the last rotation.
const hashMatchesSQL = `(k.hash = @hash OR k.old_hash = @hash AND k.old_until > clock_timestamp()) AND ` + keyWorksSQL

// NewKey describes a key to create.
type NewKey struct {
	Role       Role
	OperatorID transfer.OperatorID // of the account that the key acts for; only for RoleAccount
	Permission Permission          // in the account; empty means PermissionOwner; only for RoleAccount
	Name       string              // for people
	ExpiresAt  *time.Time          // nil: it works until it is revoked
	Networks   []netip.Prefix      // from which it may be used; none: any
	By         Actor
}

var insertKey = newStatement(statement{
	name: "insert_key",
	does: "Creates an API key.",
	given: `@hash and @hint of its token, @role, @account that it acts for and its @permission there (null:
		none), @name, @expires_at (null: never), the @networks from which it may be used, and the key
		that creates it: @by (null: none).`,
	returns: "The id of the key; none if a key of the account, or of the role of staff, that is not revoked has the name.",
	text: `
		INSERT INTO api_keys (hash, hint, role, account, permission, name, expires_at, networks, created_by)
		VALUES (@hash, @hint, @role, @account, @permission, @name, @expires_at, @networks::text[]::cidr[], @by)
		ON CONFLICT (coalesce(account, 0), role, lower(name)) WHERE revoked_at IS NULL DO NOTHING
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
// again later. It returns ErrNotFound if the account does not exist, ErrExists if
// the account, or the role of staff, has a key with the name that is not revoked,
// ErrPast if ExpiresAt is in the past, and a *LimitError if the account has
// transfer.MaxKeys keys.
func (t *Tx) CreateKey(ctx context.Context, k NewKey) (Key, string, error) {
	if k.Role.HasAccount() != (k.OperatorID != "") {
		return Key{}, "", fmt.Errorf("a key with the role %s needs an account, and a key with another role has none", RoleAccount)
	}
	var account *int64
	var permission *Permission
	if k.OperatorID != "" {
		a, err := t.Account(ctx, k.OperatorID.Ref())
		if err != nil {
			return Key{}, "", err
		}
		if err := t.checkKeys(ctx, a); err != nil {
			return Key{}, "", err
		}
		account, permission = &a.ID, new(cmp.Or(k.Permission, PermissionOwner))
	}
	if err := t.notPast(ctx, k.ExpiresAt); err != nil {
		return Key{}, "", err
	}
	token, err := newToken(k.Role)
	if err != nil {
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	var id int64
	err = t.get(ctx, &id, insertKey, args{
		"hash": hashSecret(token), "hint": hint(token), "role": k.Role, "account": account, "permission": permission,
		"name": k.Name, "expires_at": k.ExpiresAt, "networks": pq.Array(texts(k.Networks)), "by": k.By.key(),
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return Key{}, "", fmt.Errorf("creating key %q: %w", k.Name, ErrExists)
	case err != nil:
		return Key{}, "", fmt.Errorf("creating key %q: %w", k.Name, err)
	}
	created, err := t.key(ctx, id)
	if err != nil {
		return Key{}, "", err
	}
	if err := t.mailAboutKey(ctx, k.By, created, false); err != nil {
		return Key{}, "", err
	}
	return created, token, t.auditKey(ctx, k.By, transfer.AuditKeyCreate, created, nil, keyFields(created))
}

// notPast returns ErrPast for an instant in the past.
func (t *Tx) notPast(ctx context.Context, at *time.Time) error {
	if at == nil {
		return nil
	}
	var past bool
	if err := t.get(ctx, &past, isPast, args{"instant": at}); err != nil {
		return fmt.Errorf("reading the clock: %w", err)
	}
	if past {
		return ErrPast
	}
	return nil
}

func (t *Tx) auditKey(ctx context.Context, by Actor, action transfer.AuditAction, k Key, before, after any) error {
	return t.Audit(ctx, AuditEntry{
		By: by, Action: action, Account: k.account(), Object: "key", ObjectID: strconv.FormatInt(k.ID, 10), Before: before, After: after,
	})
}

// keyFields returns what the audit trail says about a key.
func keyFields(k Key) map[string]any {
	fields := map[string]any{"name": k.Name, "role": k.Role, "hint": k.Hint}
	if k.Permission != nil {
		fields["permission"] = *k.Permission
	}
	if k.ExpiresAt != nil {
		fields["expires_at"] = k.ExpiresAt.UTC()
	}
	if len(k.Networks) > 0 {
		fields["networks"] = k.Networks
	}
	return fields
}

// CreateKey is Tx.CreateKey in its own transaction.
func (db *DB) CreateKey(ctx context.Context, k NewKey) (created Key, token string, err error) {
	err = db.InTx(ctx, func(t *Tx) error {
		created, token, err = t.CreateKey(ctx, k)
		return err
	})
	return created, token, err
}

// Key returns a key, which may be revoked, or ErrNotFound.
func (db *DB) Key(ctx context.Context, id int64) (Key, error) { return key(ctx, db, id) }

func (t *Tx) key(ctx context.Context, id int64) (Key, error) { return key(ctx, t, id) }

func key(ctx context.Context, q querier, id int64) (Key, error) {
	var k Key
	if err := q.get(ctx, &k, selectKey, args{"id": id}); err != nil {
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
	does: "Lists API keys, oldest first, without the memberships of people.",
	given: `@after: only keys with a greater id; @role (empty: any); @account (0: any); @revoked: whether the
		key is revoked (null: any); @limit: maximum number of rows.`,
	returns: "The keys.",
	text: `SELECT` + keyColumns + `
WHERE k.id > @after
  AND k.person IS NULL
  AND (@role = '' OR k.role = @role)
  AND (@account = 0 OR k.account = @account)
  AND (@revoked::boolean IS NULL OR (k.revoked_at IS NOT NULL) = @revoked)
ORDER BY k.id
LIMIT @limit`,
})

// Keys lists keys, oldest first.
func (db *DB) Keys(ctx context.Context, f KeyFilter) ([]Key, error) { return keys(ctx, db, f) }

func keys(ctx context.Context, q querier, f KeyFilter) ([]Key, error) {
	list := []Key{}
	if err := q.list(ctx, &list, selectKeys, args{
		"after": f.After, "role": f.Role, "account": f.Account, "revoked": f.Revoked, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return list, nil
}

var selectActingKeys = newStatement(statement{
	name: "select_acting_keys",
	does: "Finds the API keys and memberships that a text names.",
	given: `@account: only those of this account (0: any). The @id of a key (0: none). The @name of keys or people, and the
		@email of a person in lower case.`,
	returns: "Their ids; also of those that were revoked.",
	text: `
SELECT id
FROM api_keys
WHERE (@account = 0 OR account = @account)
  AND (id = @id OR name = @name OR person IN (SELECT id FROM people WHERE name = @name OR email = @email))
ORDER BY id`,
})

// ActingKeys returns the ids of the API keys of an account (0: of any) that a text
// names: by the id or the name of a key, or by the name or the email of a person.
func (db *DB) ActingKeys(ctx context.Context, account int64, text string) ([]int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		id = 0
	}
	var keys []int64
	if err := db.list(ctx, &keys, selectActingKeys, args{"account": account, "id": id, "name": text, "email": strings.ToLower(text)}); err != nil {
		return nil, fmt.Errorf("looking for the key or person %q: %w", text, err)
	}
	return keys, nil
}

var hasKey = newStatement(statement{
	name:    "has_key",
	does:    "Finds out whether an API key acts for an account.",
	given:   "@account, and @id of the key.",
	returns: "True or false.",
	text:    `SELECT EXISTS (SELECT 1 FROM api_keys WHERE id = @id AND account = @account)`,
})

// AccountHasKey reports whether a key, which may be revoked, acts for an account.
func (db *DB) AccountHasKey(ctx context.Context, account, key int64) (bool, error) {
	var found bool
	if err := db.get(ctx, &found, hasKey, args{"account": account, "id": key}); err != nil {
		return false, fmt.Errorf("looking for key %d of account %d: %w", key, account, err)
	}
	return found, nil
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
	name:  "lock_key",
	does:  "Locks an API key that is not revoked.",
	given: "@id of the key; @hash of a token.",
	returns: `The key, and in own whether the token is its current one; in older, whether it is the one from
		before the last rotation; in expired, whether the key has expired. None if the key does not exist
		or is revoked.`,
	locks: "Takes the key.",
	text: `SELECT
	k.hash = @hash AS own,
	coalesce(k.old_hash = @hash, false) AS older,
	coalesce(k.expires_at <= clock_timestamp(), false) AS expired,` + keyColumns + `
WHERE k.id = @id AND k.person IS NULL AND k.revoked_at IS NULL
FOR NO KEY UPDATE OF k`,
})

// lockedKey is a key as lockKey reads it.
type lockedKey struct {
	Key
	Own     bool `db:"own"`   // a token is the current one
	Older   bool `db:"older"` // the token is the one before that
	Expired bool `db:"expired"`
}

func (t *Tx) lockKey(ctx context.Context, id int64, token string) (lockedKey, error) {
	var k lockedKey
	if err := t.get(ctx, &k, lockKey, args{"id": id, "hash": hashSecret(token)}); err != nil {
		return k, fmt.Errorf("locking key %d: %w", id, err)
	}
	return k, nil
}

var lockAdministrators = newStatement(statement{
	name:    "lock_administrators",
	does:    "Locks the API keys of administrators that are not revoked and never expire.",
	given:   "@role of administrators.",
	returns: "Their ids.",
	locks:   "Takes the keys by id.",
	text: `
		SELECT id
		FROM api_keys
		WHERE role = @role AND person IS NULL AND revoked_at IS NULL AND expires_at IS NULL
		ORDER BY id
		FOR NO KEY UPDATE`,
})

// keepAdministrator returns ErrLastAdministrator if no administrator's key that
// never expires would be left without the key. Until the transaction ends, no
// other can take one away.
func (t *Tx) keepAdministrator(ctx context.Context, without int64) error {
	var ids []int64
	if err := t.list(ctx, &ids, lockAdministrators, args{"role": RoleAdmin}); err != nil {
		return fmt.Errorf("locking the keys of administrators: %w", err)
	}
	if len(ids) == 1 && ids[0] == without {
		return ErrLastAdministrator
	}
	return nil
}

var rotateKey = newStatement(statement{
	name: "rotate_key",
	does: "Gives an API key a new token, and ends the sign-ins with the key.",
	given: `@id of the key; @hash and @hint of the new token; @grace: for how many seconds the token before it
		keeps working; @keep_older: whether it is the token from before the last rotation that keeps working;
		@expires_at: when the key expires (null: no change).`,
	locks: "The caller holds the key.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins WHERE api_key = @id
		)
		UPDATE api_keys
		SET old_hash = CASE WHEN @keep_older THEN old_hash WHEN @grace::float8 > 0 THEN hash END,
			old_until = CASE WHEN @grace > 0 THEN clock_timestamp() + make_interval(secs => @grace) END,
			hash = @hash,
			hint = @hint,
			expires_at = coalesce(@expires_at, expires_at)
		WHERE id = @id`,
})

// Rotation says how to rotate a key.
type Rotation struct {
	Grace     time.Duration // how long the token before it keeps working; zero: it stops at once
	ExpiresAt *time.Time    // when the key expires; nil: no change
	Token     string        // the caller's own
	By        Actor

	// If refuses the rotation with an error; nil refuses none. It sees the key
	// while it is locked.
	If func(Key) error
}

// RotateKey gives a key a new token, which cannot be read again later. The
// token before it keeps working for the grace period, and older tokens stop
// working. If the caller's own token is a token of the key, it keeps working for
// at least OwnGrace. The sign-ins with the key end.
//
// RotateKey returns the error of Rotation.If, ErrNotFound if the key does not
// exist or is revoked, ErrExpired if it has expired and would stay so, ErrPast if ExpiresAt is in the
// past, and ErrLastAdministrator if the key is the last one of an administrator
// that never expires, and would.
func (t *Tx) RotateKey(ctx context.Context, id int64, r Rotation) (Key, string, error) {
	if r.ExpiresAt != nil {
		if err := t.notPast(ctx, r.ExpiresAt); err != nil {
			return Key{}, "", err
		}
		if err := t.keepAdministrator(ctx, id); err != nil {
			return Key{}, "", err
		}
	}
	current, err := t.lockKey(ctx, id, r.Token)
	if err != nil {
		return Key{}, "", err
	}
	if r.If != nil {
		if err := r.If(current.Key); err != nil {
			return Key{}, "", err
		}
	}
	if current.Expired && r.ExpiresAt == nil {
		return Key{}, "", ErrExpired
	}
	// Only one token can keep working besides the new one. A caller who still
	// uses the older one may never have received the one after it.
	keepOlder := current.Older && r.Grace == 0
	grace := r.Grace
	if current.Own || current.Older {
		grace = max(grace, OwnGrace)
	}
	token, err := newToken(current.Role)
	if err != nil {
		return Key{}, "", fmt.Errorf("making a key: %w", err)
	}
	if _, err := t.exec(ctx, rotateKey, args{
		"id": id, "hash": hashSecret(token), "hint": hint(token), "grace": grace.Seconds(), "keep_older": keepOlder,
		"expires_at": r.ExpiresAt,
	}); err != nil {
		return Key{}, "", fmt.Errorf("rotating key %d: %w", id, err)
	}
	k, err := t.key(ctx, id)
	if err != nil {
		return Key{}, "", err
	}
	if err := t.mailAboutKey(ctx, r.By, k, true); err != nil {
		return Key{}, "", err
	}
	c := changes{{"hint", current.Hint, k.Hint}, {"expires_at", current.ExpiresAt, k.ExpiresAt}, {"old_until", nil, k.OldUntil}}
	return k, token, t.auditKey(ctx, r.By, transfer.AuditKeyRotate, k, c.before(), c.after())
}

var revokeKey = newStatement(statement{
	name:  "revoke_key",
	does:  "Revokes an API key, and ends the sign-ins with it.",
	given: "@id of the key; the key that revokes it: @by (null: none).",
	locks: "The caller holds the key.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins WHERE api_key = @id
		)
		UPDATE api_keys
		SET revoked_at = clock_timestamp(),
			revoked_by = @by
		WHERE id = @id`,
})

// Revocation says how to revoke a key.
type Revocation struct {
	By Actor

	// KeepOwner refuses the revocation with ErrLastOwner if the account of the key
	// would be left without an owner.
	KeepOwner bool

	// If refuses the revocation with an error; nil refuses none. It sees the key
	// while it is locked.
	If func(Key) error
}

// RevokeKey revokes a key; the sign-ins with it end, too. Revoking a key again
// changes nothing. It returns ErrNotFound if the key does not exist, the error of
// Revocation.If, ErrLastOwner, and ErrLastAdministrator for the last key of an
// administrator that never expires.
func (db *DB) RevokeKey(ctx context.Context, id int64, r Revocation) error {
	condition := r.If
	if condition == nil {
		condition = func(Key) error { return nil }
	}
	return db.InRetriedTx(ctx, func(t *Tx) error {
		k, err := t.key(ctx, id)
		if err == nil && k.Person != nil {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		if k.RevokedAt != nil {
			return condition(k)
		}
		if err := t.keepAdministrator(ctx, id); err != nil {
			return err
		}
		keepOwner := r.KeepOwner && k.OperatorID != nil && k.Permission != nil && *k.Permission == PermissionOwner
		var account Account
		if keepOwner {
			if account, err = t.Account(ctx, k.OperatorID.Ref()); err == nil {
				err = t.lockLimits(ctx, account) // so that the last two owners cannot remove each other
			}
			if err != nil {
				return err
			}
		}
		locked, err := t.lockKey(ctx, id, "")
		switch {
		case errors.Is(err, ErrNotFound): // another call has revoked it
			return condition(k)
		case err != nil:
			return err
		}
		if err := condition(locked.Key); err != nil {
			return err
		}
		if _, err := t.exec(ctx, revokeKey, args{"id": id, "by": r.By.key()}); err != nil {
			return fmt.Errorf("revoking key %d: %w", id, err)
		}
		if keepOwner {
			if err := t.checkOwners(ctx, account); err != nil {
				return err
			}
		}
		return t.auditKey(ctx, r.By, transfer.AuditKeyRevoke, k, keyFields(k), nil)
	})
}

// Caller is who makes a call: an API key, or a membership of a person, and its
// account. It has neither for a person without a membership.
type Caller struct {
	Key        int64          `db:"id"`
	Role       Role           `db:"role"`
	Account    Account        `db:"account"`    // that the key acts for; zero unless Role.HasAccount
	Permission Permission     `db:"permission"` // in the account; empty unless Role.HasAccount
	Networks   pq.StringArray `db:"networks"`   // from which the key may be used; empty: any
	Stale      bool           `db:"stale"`      // last_used_at is more than a minute old

	Person Person  `db:"person"` // who calls; zero for an API key
	SignIn *SignIn `db:"-"`      // of the browser that calls; nil for a program, which sends an API key
}

// MayCallFrom reports whether the key may be used from an IP address, which is
// empty if it is unknown.
func (c Caller) MayCallFrom(address string) bool {
	if len(c.Networks) == 0 {
		return true
	}
	from, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.Networks, func(network string) bool {
		prefix, err := netip.ParsePrefix(network)
		return err == nil && prefix.Contains(from.Unmap())
	})
}

// MayCallFromAll reports whether the key may be used from every address of some
// networks. No networks are all addresses.
func (c Caller) MayCallFromAll(networks []netip.Prefix) bool {
	if len(c.Networks) == 0 {
		return true
	}
	return len(networks) > 0 && !slices.ContainsFunc(networks, func(inner netip.Prefix) bool {
		return !slices.ContainsFunc(c.Networks, func(text string) bool {
			outer, err := netip.ParsePrefix(text)
			return err == nil && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		})
	})
}

const callerColumns = `
	coalesce(k.id, 0) AS id,
	coalesce(k.role, '') AS role,
	coalesce(a.id, 0) AS "account.id",
	coalesce(a.operator_id, '') AS "account.operator_id",
	coalesce(a.email, '') AS "account.email",
	coalesce(a.currency, '') AS "account.currency",
	coalesce(a.coverage, '') AS "account.coverage",
	coalesce(a.standing, '') AS "account.standing",
	a.name AS "account.name",
	a.external_id AS "account.external_id",
	a.contacts AS "account.contacts",
	a.plans AS "account.plans",
	a.max_open_requests AS "account.max_open_requests",
	a.max_open_sims AS "account.max_open_sims",
	a.max_unknown_sims AS "account.max_unknown_sims",
	coalesce(a.created_at, '0001-01-01 00:00+00') AS "account.created_at",
	coalesce(k.permission, '') AS permission,
	k.networks::text[] AS networks,
	coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS stale`

var selectCaller = newStatement(statement{
	name:     "select_caller",
	does:     "Reads who calls with a token.",
	given:    "@hash of the token.",
	returns:  "The caller; none if no key that is not revoked has the token.",
	prepared: true,
	text: `SELECT` + callerColumns + `
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
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
	return c, db.RecordUse(ctx, c)
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

// RecordUse records, at most once a minute, that the key or membership of a caller
// was used. It does not wait for a lock: a process that holds it records the same.
func (db *DB) RecordUse(ctx context.Context, c Caller) error {
	if !c.Stale || c.Key == 0 {
		return nil
	}
	if _, err := db.exec(ctx, recordKeyUse, args{"id": c.Key}); err != nil {
		return fmt.Errorf("recording the use of key %d: %w", c.Key, err)
	}
	return nil
}
