package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// How long a sign-in lasts.
const (
	SignInIdle   = 12 * time.Hour     // without a call
	SignInPeriod = 7 * 24 * time.Hour // in all
	FreshPeriod  = 15 * time.Minute   // for acts that need a fresh sign-in
)

// MaxSignIns is how many browsers can be signed in as one person, or with one API key.
// One more ends the oldest sign-in.
const MaxSignIns = 200

// SignIn is a browser that has signed in, with an API key or as a person.
type SignIn struct {
	ID         int64     `db:"id"`
	CreatedAt  time.Time `db:"created_at"`
	LastSeenAt time.Time `db:"last_seen_at"` // up to a minute late
	ExpiresAt  time.Time `db:"expires_at"`   // when it ends without another call
	EndsAt     time.Time `db:"ends_at"`      // when it ends in any case
	FreshUntil time.Time `db:"fresh_until"`
	Fresh      bool      `db:"fresh"` // FreshUntil has not passed
	Address    *string   `db:"address"`
	UserAgent  *string   `db:"user_agent"`
}

// Browser is a browser that signs in.
type Browser struct {
	Address   string
	UserAgent string
	Replaces  string // the secret of a sign-in that this one replaces; empty: none
}

// userAgent returns what is stored of the header User-Agent, which can be any bytes.
func (b Browser) userAgent() string {
	const limit = 300
	text := strings.ReplaceAll(strings.ToValidUTF8(b.UserAgent, ""), "\x00", "")
	for utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit])
	}
	return text
}

var insertSignIn = newStatement(statement{
	name: "insert_sign_in",
	does: "Creates a sign-in, and deletes those that have ended, the one that it replaces, and the oldest beyond the limit.",
	given: `@hash of its secret; @key: id of the API key that signs in, or @person who does (null: the other);
		@address and @user_agent of the browser (empty: unknown); @idle, @period and @fresh: for how many seconds
		it lasts without a call, in all, and for acts that need a fresh one; @replaced: the hash of the secret of
		the one that it replaces; @others: how many others of the key or the person can stay.`,
	text: `
		WITH ended AS (
			DELETE FROM sign_ins
			WHERE expires_at <= clock_timestamp()
			   OR hash = @replaced
			   OR id IN (
				SELECT id
				FROM sign_ins
				WHERE api_key = @key::bigint OR person = @person::bigint
				ORDER BY id DESC
				OFFSET @others
			)
		)
		INSERT INTO sign_ins (hash, api_key, person, address, user_agent, expires_at, ends_at, fresh_until)
		VALUES (@hash, @key, @person, nullif(@address, ''), nullif(@user_agent, ''),
			clock_timestamp() + make_interval(secs => @idle),
			clock_timestamp() + make_interval(secs => @period),
			clock_timestamp() + make_interval(secs => @fresh))`,
})

// SignIn signs in a browser that has sent the token of an API key, and returns the
// secret that the browser keeps instead of the token. It returns ErrNotFound if
// the token is not valid or cannot be used from the browser's address. The audit
// trail gets an entry in both cases.
func (db *DB) SignIn(ctx context.Context, token string, from Browser) (secret string, err error) {
	c, err := db.Authenticate(ctx, token)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", db.signInDenied(ctx, token, from.Address)
	case err != nil:
		return "", err
	case !c.MayCallFrom(from.Address):
		return "", db.signInDenied(ctx, token, from.Address)
	}
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		secret, err = t.insertSignIn(ctx, &c.Key, nil, FreshPeriod, from)
		if err != nil {
			return fmt.Errorf("signing in key %d: %w", c.Key, err)
		}
		return t.Audit(ctx, AuditEntry{
			By: Actor{Key: c.Key, Address: from.Address}, Action: transfer.AuditSignIn, Account: c.Account.ID, Object: "session",
		})
	})
	return secret, err
}

// insertSignIn signs in a browser, with a key or as a person. fresh is for how long the
// sign-in counts as fresh.
func (t *Tx) insertSignIn(ctx context.Context, key, person *int64, fresh time.Duration, from Browser) (string, error) {
	secret, err := newSignInSecret()
	if err != nil {
		return "", err
	}
	_, err = t.exec(ctx, insertSignIn, args{
		"hash": hashSecret(secret), "key": key, "person": person, "address": from.Address, "user_agent": from.userAgent(),
		"idle": SignInIdle.Seconds(), "period": SignInPeriod.Seconds(), "fresh": fresh.Seconds(),
		"replaced": hashSecret(from.Replaces), "others": MaxSignIns - 1,
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
	name:  "select_signed_in",
	does:  "Reads who has signed in, and as whom it can act.",
	given: "@hash of the secret of the sign-in.",
	returns: `The sign-in with the API key, or with each membership of the person, staff first, then by operator id; one row
		without any for a person who has none. No row if the sign-in has ended, its key does not work any more or its
		person is disabled.`,
	text: `SELECT` + callerColumns + `,
	coalesce(p.id, 0) AS "person.id",
	coalesce(p.email, '') AS "person.email",
	coalesce(p.name, '') AS "person.name",
	s.id AS "sign_in.id",
	s.created_at AS "sign_in.created_at",
	s.last_seen_at AS "sign_in.last_seen_at",
	s.expires_at AS "sign_in.expires_at",
	s.ends_at AS "sign_in.ends_at",
	s.fresh_until AS "sign_in.fresh_until",
	s.fresh_until > clock_timestamp() AS "sign_in.fresh",
	s.address AS "sign_in.address",
	s.user_agent AS "sign_in.user_agent",
	s.last_seen_at < clock_timestamp() - interval '1 minute' AS unseen
FROM sign_ins s
LEFT JOIN people p ON p.id = s.person
LEFT JOIN api_keys k ON (k.id = s.api_key OR k.person = s.person) AND ` + keyWorksSQL + `
LEFT JOIN accounts a ON a.id = k.account
WHERE s.hash = @hash
  AND s.expires_at > clock_timestamp()
  AND (s.person IS NOT NULL OR k.id IS NOT NULL)
  AND p.disabled_at IS NULL
ORDER BY a.operator_id NULLS FIRST`,
})

// SignedIn returns as whom the browser with a secret can act: with the API key that
// it has signed in with, or with each membership of its person; without a key for a
// person who has none. It returns ErrNotFound if the sign-in has ended. At most once
// a minute it records that the browser was seen.
func (db *DB) SignedIn(ctx context.Context, secret string) ([]Caller, error) {
	if !IsSignInSecret(secret) {
		return nil, ErrNotFound
	}
	var rows []struct {
		Caller
		SignIn SignIn `db:"sign_in"`
		Unseen bool   `db:"unseen"`
	}
	if err := db.list(ctx, &rows, selectSignedIn, args{"hash": hashSecret(secret)}); err != nil {
		return nil, fmt.Errorf("looking up a sign-in: %w", err)
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	callers := make([]Caller, len(rows))
	for i, r := range rows {
		callers[i] = r.Caller
		callers[i].SignIn = &rows[i].SignIn
	}
	if !rows[0].Unseen {
		return callers, nil
	}
	return callers, db.recordSeen(ctx, rows[0].SignIn.ID)
}

var recordSignInUse = newStatement(statement{
	name:  "record_sign_in_use",
	does:  "Records that a sign-in was used now, which moves its end, unless another transaction does so.",
	given: "@id of the sign-in; @idle: for how many seconds it lasts without another call.",
	locks: "Takes the sign-in, without waiting.",
	text: `
		UPDATE sign_ins
		SET last_seen_at = clock_timestamp(),
			expires_at = least(ends_at, clock_timestamp() + make_interval(secs => @idle))
		WHERE id = (SELECT id FROM sign_ins WHERE id = @id FOR NO KEY UPDATE SKIP LOCKED)`,
})

func (db *DB) recordSeen(ctx context.Context, id int64) error {
	if _, err := db.exec(ctx, recordSignInUse, args{"id": id, "idle": SignInIdle.Seconds()}); err != nil {
		return fmt.Errorf("recording the use of sign-in %d: %w", id, err)
	}
	return nil
}

var deleteSignIn = newStatement(statement{
	name:    "delete_sign_in",
	does:    "Ends a sign-in.",
	given:   "@hash of its secret.",
	returns: "The id of the API key that was signed in, or of the person, 0 for the other; none if it has ended.",
	text: `
		DELETE FROM sign_ins
		WHERE hash = @hash
		RETURNING coalesce(api_key, 0) AS key, coalesce(person, 0) AS person`,
})

// SignOut ends a sign-in, for a call from an IP address. Ending it again changes
// nothing.
func (db *DB) SignOut(ctx context.Context, secret, address string) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		var who struct {
			Key    int64 `db:"key"`
			Person int64 `db:"person"`
		}
		err := t.get(ctx, &who, deleteSignIn, args{"hash": hashSecret(secret)})
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("signing out: %w", err)
		}
		return t.Audit(ctx, AuditEntry{By: Actor{Key: who.Key, Person: who.Person, Address: address}, Action: transfer.AuditSignOut, Object: "session"})
	})
}

// ListedSignIn is a sign-in as a list shows it.
type ListedSignIn struct {
	SignIn
	ActingPerson
	Key      *int64        `db:"api_key"` // that the browser has signed in with; nil for a person
	KeyName  *string       `db:"key_name"`
	KeyHint  *string       `db:"key_hint"`
	Accounts pq.Int64Array `db:"accounts"` // that the key or the person acts for; 0 for staff
}

// SignInFilter selects sign-ins that have not ended; zero fields select all.
type SignInFilter struct {
	Person  int64
	Key     int64 // that the browsers have signed in with
	Account int64 // of people and keys that act for it
	Before  int64 // the cursor: only sign-ins with a smaller id; zero: all
	Limit   int   // maximum number of sign-ins; required
}

const listedSignIn = `
SELECT
	s.id,
	s.created_at,
	s.last_seen_at,
	s.expires_at,
	s.ends_at,
	s.fresh_until,
	s.fresh_until > clock_timestamp() AS fresh,
	s.address,
	s.user_agent,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	s.api_key,
	k.name AS key_name,
	k.hint AS key_hint,
	ARRAY(
		SELECT coalesce(m.account, 0) FROM api_keys m WHERE (m.id = s.api_key OR m.person = s.person) AND m.revoked_at IS NULL
	) AS accounts
FROM sign_ins s
LEFT JOIN people p ON p.id = s.person
LEFT JOIN api_keys k ON k.id = s.api_key
WHERE s.expires_at > clock_timestamp()`

var selectSignIns = newStatement(statement{
	name: "select_sign_ins",
	does: "Lists sign-ins that have not ended, the latest first.",
	given: `@person and API @key that has signed in (0: any); @account that the person or the key acts for (0: any); @before: only
		sign-ins with a smaller id (0: all); @limit: maximum number of rows.`,
	returns: "The sign-ins.",
	text: listedSignIn + `
  AND (@person::bigint = 0 OR s.person = @person)
  AND (@key::bigint = 0 OR s.api_key = @key)
  AND (@account::bigint = 0 OR EXISTS (
	SELECT 1 FROM api_keys m WHERE (m.id = s.api_key OR m.person = s.person) AND m.account = @account AND m.revoked_at IS NULL
  ))
  AND (@before::bigint = 0 OR s.id < @before)
ORDER BY s.id DESC
LIMIT @limit`,
})

// SignIns lists sign-ins that have not ended, the latest first.
func (db *DB) SignIns(ctx context.Context, f SignInFilter) ([]ListedSignIn, error) {
	list := []ListedSignIn{}
	if err := db.list(ctx, &list, selectSignIns, args{
		"person": f.Person, "key": f.Key, "account": f.Account, "before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing sign-ins: %w", err)
	}
	return list, nil
}

var lockSignIn = newStatement(statement{
	name:    "lock_sign_in",
	does:    "Locks a sign-in that has not ended.",
	given:   "@id of the sign-in.",
	returns: "The sign-in; none if it has ended.",
	locks:   "Takes the sign-in.",
	text: listedSignIn + ` AND s.id = @id
FOR UPDATE OF s`,
})

var endSignIn = newStatement(statement{
	name:  "end_sign_in",
	does:  "Ends a sign-in.",
	given: "@id of the sign-in.",
	locks: "The caller holds the sign-in.",
	text:  `DELETE FROM sign_ins WHERE id = @id`,
})

// EndSignIn ends a sign-in. It returns ErrNotFound if it has ended, or if may, which
// sees it, does not allow the caller to end it.
func (db *DB) EndSignIn(ctx context.Context, by Actor, id int64, may func(ListedSignIn) bool) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		var s ListedSignIn
		err := t.get(ctx, &s, lockSignIn, args{"id": id})
		if err == nil && !may(s) {
			err = ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("reading sign-in %d: %w", id, err)
		}
		if _, err := t.exec(ctx, endSignIn, args{"id": id}); err != nil {
			return fmt.Errorf("ending sign-in %d: %w", id, err)
		}
		e := AuditEntry{By: by, Action: transfer.AuditSignInEnd, Object: "session", ObjectID: strconv.FormatInt(id, 10)}
		if len(s.Accounts) == 1 {
			e.Account = s.Accounts[0]
		}
		return t.Audit(ctx, e)
	})
}

var endOtherSignIns = newStatement(statement{
	name:    "end_other_sign_ins",
	does:    "Ends the sign-ins of a person, or with an API key, except one.",
	given:   "The @person and the API @key (0: the other); @except: the id of the sign-in that stays (0: none).",
	returns: "How many there were.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins
			WHERE id <> @except AND (person = nullif(@person::bigint, 0) OR api_key = nullif(@key::bigint, 0))
			RETURNING 1
		)
		SELECT count(*) FROM ended`,
})

// EndOtherSignIns ends the sign-ins of a caller, except the one that calls.
func (db *DB) EndOtherSignIns(ctx context.Context, by Actor, c Caller) error {
	var key, except int64
	if c.Person.ID == 0 {
		key = c.Key
	}
	if c.SignIn != nil {
		except = c.SignIn.ID
	}
	return db.InRetriedTx(ctx, func(t *Tx) error {
		var n int
		if err := t.get(ctx, &n, endOtherSignIns, args{"person": c.Person.ID, "key": key, "except": except}); err != nil {
			return fmt.Errorf("ending the other sign-ins: %w", err)
		}
		if n == 0 {
			return nil
		}
		return t.Audit(ctx, AuditEntry{By: by, Action: transfer.AuditSignInEnd, Account: c.Account.ID, Object: "session", After: map[string]any{"ended": n}})
	})
}
