package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lib/pq"

	"simtransfer/transfer"
)

// ErrLastOwner is returned if an account would be left without a person or a key that
// has the permission owner.
var ErrLastOwner = errors.New("the last owner of the account")

// ErrPersonDisabled is returned for a person who can neither sign in nor get another
// membership.
var ErrPersonDisabled = errors.New("the person is disabled")

// Person is someone who signs in with a browser, and acts with a membership: a
// permission in an account, or a role of staff.
type Person struct {
	ID    int64  `db:"id"`
	Email string `db:"email"`
	Name  string `db:"name"`
}

// Member is a person with memberships.
type Member struct {
	Person
	CreatedAt   time.Time    `db:"created_at"`
	VerifiedAt  *time.Time   `db:"verified_at"`  // when it was first shown that the person reads the mail to Email
	DisabledAt  *time.Time   `db:"disabled_at"`  // can no longer sign in
	LastSeenAt  *time.Time   `db:"last_seen_at"` // when one of the memberships was last used, up to a minute late
	Memberships []Membership `db:"-"`            // staff first, then by operator id
}

// Membership is what a person may do in an account, or as staff. It is a row of
// api_keys, so that everything that names an API key can name it.
type Membership struct {
	Key         int64                `db:"id"`
	Person      int64                `db:"person"`
	Role        Role                 `db:"role"`
	Account     *int64               `db:"account"` // nil for staff
	OperatorID  *transfer.OperatorID `db:"operator_id"`
	AccountName *string              `db:"account_name"`
	Permission  *Permission          `db:"permission"` // nil for staff
	CreatedAt   time.Time            `db:"created_at"`
	LastUsedAt  *time.Time           `db:"last_used_at"`
}

func (m Membership) account() int64 {
	if m.Account == nil {
		return 0
	}
	return *m.Account
}

// fields returns what the audit trail says about a membership.
func (m Membership) fields() map[string]any {
	fields := map[string]any{"role": m.Role}
	if m.Permission != nil {
		fields["permission"] = *m.Permission
	}
	return fields
}

// PersonFilter selects people; zero fields select all.
type PersonFilter struct {
	Account  int64  // only people of the account, and only their memberships there
	Staff    bool   // only staff
	Email    string // part of the email or of the name
	Disabled *bool
	After    int64 // the cursor: only people with a greater id
	Limit    int   // maximum number of people; required
}

const memberColumns = `
	p.id,
	p.email,
	p.name,
	p.created_at,
	p.verified_at,
	p.disabled_at,
	(SELECT max(k.last_used_at) FROM api_keys k WHERE k.person = p.id AND (@account::bigint = 0 OR k.account = @account)) AS last_seen_at
FROM people p`

var selectPeople = newStatement(statement{
	name: "select_people",
	does: "Lists people, those who came first at the beginning.",
	given: `@after: only people with a greater id; @account: only people with a membership there (0: any); @staff: only staff;
		@text in the email or the name (empty: any); @disabled: whether the person is disabled (null: any); @limit: maximum
		number of rows.`,
	returns: "The people.",
	text: `SELECT` + memberColumns + `
WHERE p.id > @after
  AND (@account = 0 OR EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account = @account AND k.revoked_at IS NULL))
  AND (NOT @staff::boolean OR EXISTS (SELECT 1 FROM api_keys k WHERE k.person = p.id AND k.account IS NULL AND k.revoked_at IS NULL))
  AND (@text = '' OR strpos(p.email, lower(@text)) > 0 OR strpos(lower(p.name), lower(@text)) > 0)
  AND (@disabled::boolean IS NULL OR (p.disabled_at IS NOT NULL) = @disabled)
ORDER BY p.id
LIMIT @limit`,
})

var selectMemberships = newStatement(statement{
	name:    "select_memberships",
	does:    "Lists the memberships of people that are not revoked, staff first, then by operator id.",
	given:   "@people: their ids; @account: only memberships there (0: any).",
	returns: "The memberships.",
	text: `
SELECT k.id, k.person, k.role, k.account, a.operator_id, a.name AS account_name, k.permission, k.created_at, k.last_used_at
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
WHERE k.person = ANY (@people::bigint[]) AND k.revoked_at IS NULL AND (@account::bigint = 0 OR k.account = @account)
ORDER BY k.person, a.operator_id NULLS FIRST`,
})

// People lists people with their memberships, those who came first at the beginning.
func (db *DB) People(ctx context.Context, f PersonFilter) ([]Member, error) {
	return people(ctx, db, f)
}

func people(ctx context.Context, q querier, f PersonFilter) ([]Member, error) {
	list := []Member{}
	if err := q.list(ctx, &list, selectPeople, args{
		"after": f.After, "account": f.Account, "staff": f.Staff, "text": f.Email, "disabled": f.Disabled, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing people: %w", err)
	}
	return list, addMemberships(ctx, q, list, f.Account)
}

func addMemberships(ctx context.Context, q querier, list []Member, account int64) error {
	if len(list) == 0 {
		return nil
	}
	ids, at := make([]int64, len(list)), map[int64]*Member{}
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
	}
	var memberships []Membership
	if err := q.list(ctx, &memberships, selectMemberships, args{"people": pq.Array(ids), "account": account}); err != nil {
		return fmt.Errorf("listing memberships: %w", err)
	}
	for _, m := range memberships {
		at[m.Person].Memberships = append(at[m.Person].Memberships, m)
	}
	return nil
}

var selectPerson = newStatement(statement{
	name:    "select_person",
	does:    "Reads a person.",
	given:   "@id of the person; the @account whose calls count as last seen (0: any).",
	returns: "The person; none if it does not exist.",
	text: `SELECT` + memberColumns + `
WHERE p.id = @id`,
})

// Person returns a person with the memberships in an account (0: all), or
// ErrNotFound.
func (db *DB) Person(ctx context.Context, id, account int64) (Member, error) {
	return person(ctx, db, id, account)
}

// Person is DB.Person in the transaction.
func (t *Tx) Person(ctx context.Context, id, account int64) (Member, error) {
	return person(ctx, t, id, account)
}

func person(ctx context.Context, q querier, id, account int64) (Member, error) {
	list := make([]Member, 1)
	if err := q.get(ctx, &list[0], selectPerson, args{"id": id, "account": account}); err != nil {
		return list[0], fmt.Errorf("reading person %d: %w", id, err)
	}
	err := addMemberships(ctx, q, list, account)
	return list[0], err
}

var lockPerson = newStatement(statement{
	name:    "lock_person",
	does:    "Locks a person.",
	given:   "@id of the person.",
	returns: "The id; none if the person does not exist.",
	locks:   "Takes the person.",
	text:    `SELECT id FROM people WHERE id = @id FOR NO KEY UPDATE`,
})

// lockPerson locks a person and returns it with all memberships.
func (t *Tx) lockPerson(ctx context.Context, id int64) (Member, error) {
	if err := t.get(ctx, new(int64), lockPerson, args{"id": id}); err != nil {
		return Member{}, fmt.Errorf("locking person %d: %w", id, err)
	}
	return person(ctx, t, id, 0)
}

var insertPerson = newStatement(statement{
	name:    "insert_person",
	does:    "Creates a person.",
	given:   "@email in lower case; @name; @verified: whether it was shown that the person reads the mail to this address.",
	returns: "The id; none if a person has the email.",
	text: `
		INSERT INTO people (email, name, verified_at)
		VALUES (@email, @name, CASE WHEN @verified::boolean THEN clock_timestamp() END)
		ON CONFLICT (email) DO NOTHING
		RETURNING id`,
})

var lockPersonByEmail = newStatement(statement{
	name:    "lock_person_by_email",
	does:    "Locks the person with an email.",
	given:   "@email in lower case.",
	returns: "The id; none if no person has the email.",
	locks:   "Takes the person.",
	text:    `SELECT id FROM people WHERE email = @email FOR NO KEY UPDATE`,
})

// personWithEmail locks the person with an email, who is created if there is none.
// verified says that it was shown that the person reads the mail to it.
func (t *Tx) personWithEmail(ctx context.Context, email, name string, verified bool) (m Member, created bool, err error) {
	var id int64
	err = t.get(ctx, &id, insertPerson, args{"email": email, "name": name, "verified": verified})
	created = err == nil
	if errors.Is(err, ErrNotFound) {
		err = t.get(ctx, &id, lockPersonByEmail, args{"email": email})
	}
	if err != nil {
		return m, false, fmt.Errorf("finding the person with an email: %w", err)
	}
	m, err = t.lockPerson(ctx, id)
	return m, created, err
}

var verifyPerson = newStatement(statement{
	name: "verify_person",
	does: `Records that it was shown that a person reads the mail to its address. If this is the first time, the sign-ins
		from before end: another one can have opened them.`,
	given: "@id of the person.",
	locks: "The caller holds the person.",
	text: `
		WITH verified AS (
			UPDATE people SET verified_at = clock_timestamp() WHERE id = @id AND verified_at IS NULL RETURNING id
		)
		DELETE FROM sign_ins WHERE person IN (SELECT id FROM verified)`,
})

func (t *Tx) verifyPerson(ctx context.Context, id int64) error {
	if _, err := t.exec(ctx, verifyPerson, args{"id": id}); err != nil {
		return fmt.Errorf("verifying the email of person %d: %w", id, err)
	}
	return nil
}

var insertMembership = newStatement(statement{
	name: "insert_membership",
	does: "Creates a membership of a person: a row of api_keys with a hash that no token has.",
	given: `@hash: random; the @person with its @email; @role, @account (null: staff) and @permission there (null: staff);
		the key of the caller who creates it: @by (null: none).`,
	returns: "The id; none if the person has a membership there.",
	text: `
		INSERT INTO api_keys (hash, hint, role, account, permission, name, person, created_by)
		VALUES (@hash, '', @role, @account, @permission, left(@email, 70) || ' #' || @person::bigint, @person, @by)
		ON CONFLICT (person, coalesce(account, 0)) WHERE person IS NOT NULL AND revoked_at IS NULL DO NOTHING
		RETURNING id`,
})

// insertMembership creates a membership and returns its key. If the person has one
// there, it returns the key of that one, which it does not change.
func (t *Tx) insertMembership(ctx context.Context, m Member, role Role, account *int64, permission *Permission, by *int64) (key int64, err error) {
	hash := make([]byte, secretBytes)
	if _, err := rand.Read(hash); err != nil {
		return 0, err
	}
	err = t.get(ctx, &key, insertMembership, args{
		"hash": hash, "person": m.ID, "email": m.Email, "role": role, "account": account, "permission": permission, "by": by,
	})
	if errors.Is(err, ErrNotFound) {
		if i := slices.IndexFunc(m.Memberships, func(o Membership) bool { return o.account() == (Membership{Account: account}).account() }); i >= 0 {
			return m.Memberships[i].Key, nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("creating a membership of person %d: %w", m.ID, err)
	}
	return key, nil
}

var updateMembership = newStatement(statement{
	name:  "update_membership",
	does:  "Changes what a person may do in an account, or as staff.",
	given: "@id of the membership; its @role and @permission (null: staff).",
	locks: "The caller holds the person.",
	text:  `UPDATE api_keys SET role = @role, permission = @permission WHERE id = @id`,
})

var revokeMembership = newStatement(statement{
	name:  "revoke_membership",
	does:  "Removes a person from an account or from the staff. The sign-ins of a person without any membership end.",
	given: `@id of the membership and of its @person; the key of the caller: @by (null: none).`,
	locks: "The caller holds the person.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins
			WHERE person = @person
			  AND NOT EXISTS (SELECT 1 FROM api_keys WHERE person = @person AND id <> @id AND revoked_at IS NULL)
		)
		UPDATE api_keys
		SET revoked_at = clock_timestamp(),
			revoked_by = @by
		WHERE id = @id`,
})

// MembershipChange says how to change a membership.
type MembershipChange struct {
	Person  int64
	Account *Account // nil: as staff

	// What the person may do from now on: the role of staff, or the permission in the
	// account. Both empty removes the membership.
	Role       Role
	Permission Permission

	By Actor

	// KeepOwner refuses the change with ErrLastOwner if the account would be left
	// without an owner.
	KeepOwner bool

	// If refuses the change with an error; nil refuses none. It sees the person while
	// it is locked.
	If func(Member) error
}

// ChangeMembership changes or removes a membership, and returns the person. The rights
// change with the next call, in every process. It returns ErrNotFound if the person
// does not exist or has no such membership, ErrLastOwner, and the error of
// MembershipChange.If.
func (t *Tx) ChangeMembership(ctx context.Context, c MembershipChange) (Member, error) {
	if c.Account != nil {
		if err := t.lockLimits(ctx, *c.Account); err != nil { // so that the last two owners cannot remove each other
			return Member{}, err
		}
	}
	m, err := t.lockPerson(ctx, c.Person)
	if err != nil {
		return m, err
	}
	i := slices.IndexFunc(m.Memberships, func(o Membership) bool {
		return c.Account == nil && o.Account == nil || c.Account != nil && o.account() == c.Account.ID
	})
	if i < 0 {
		return m, ErrNotFound
	}
	if c.If != nil {
		if err := c.If(m); err != nil {
			return m, err
		}
	}
	was, is := m.Memberships[i], m.Memberships[i]
	action := transfer.AuditMembershipUpdate
	switch {
	case c.Role == "" && c.Permission == "":
		action = transfer.AuditMembershipRemove
		_, err = t.exec(ctx, revokeMembership, args{"id": was.Key, "person": m.ID, "by": c.By.key()})
	case c.Account != nil:
		is.Permission = &c.Permission
	default:
		is.Role = c.Role
	}
	changed := changes{{"role", was.Role, is.Role}, {"permission", was.Permission, is.Permission}}
	if action == transfer.AuditMembershipUpdate {
		if changed.none() {
			return m, nil
		}
		_, err = t.exec(ctx, updateMembership, args{"id": was.Key, "role": is.Role, "permission": is.Permission})
	}
	if err != nil {
		return m, fmt.Errorf("changing membership %d of person %d: %w", was.Key, m.ID, err)
	}
	if c.KeepOwner && c.Account != nil {
		if err := t.checkOwners(ctx, *c.Account); err != nil {
			return m, err
		}
	}
	e := AuditEntry{By: c.By, Action: action, Account: was.account(), Object: "person", ObjectID: strconv.FormatInt(m.ID, 10), Before: changed.before(), After: changed.after()}
	if action == transfer.AuditMembershipRemove {
		e.Before = was.fields()
	}
	if err := t.Audit(ctx, e); err != nil {
		return m, err
	}
	return person(ctx, t, m.ID, 0)
}

var hasOwner = newStatement(statement{
	name:    "has_owner",
	does:    "Finds out whether an account has a person or a key with the permission owner.",
	given:   "@account; the permission @owner.",
	returns: "True or false.",
	locks:   "The caller holds the advisory lock of the account's limits.",
	text: `
		SELECT EXISTS (
			SELECT 1
			FROM api_keys k
			LEFT JOIN people p ON p.id = k.person
			WHERE k.account = @account AND k.permission = @owner AND p.disabled_at IS NULL AND ` + keyWorksSQL + `
		)`,
})

func (t *Tx) checkOwners(ctx context.Context, a Account) error {
	var found bool
	if err := t.get(ctx, &found, hasOwner, args{"account": a.ID, "owner": PermissionOwner}); err != nil {
		return fmt.Errorf("looking for an owner of account %s: %w", a.OperatorID, err)
	}
	if !found {
		return ErrLastOwner
	}
	return nil
}

var disablePerson = newStatement(statement{
	name:  "disable_person",
	does:  "Lets a person sign in no longer and ends its sign-ins, or lets it sign in again.",
	given: "@id of the person; whether it is @disabled.",
	locks: "The caller holds the person.",
	text: `
		WITH ended AS (
			DELETE FROM sign_ins WHERE person = @id AND @disabled
		)
		UPDATE people
		SET disabled_at = CASE WHEN @disabled::boolean THEN clock_timestamp() END
		WHERE id = @id`,
})

var renamePerson = newStatement(statement{
	name:  "rename_person",
	does:  "Changes the name of a person.",
	given: "@id of the person; its @name.",
	locks: "The caller holds the person.",
	text:  `UPDATE people SET name = @name WHERE id = @id`,
})

// PersonChange says what to change of a person; nil fields stay as they are.
type PersonChange struct {
	Name     *string
	Disabled *bool

	// If refuses the change with an error; nil refuses none. It sees the person while
	// it is locked.
	If func(Member) error
}

// UpdatePerson changes a person. One who is disabled can no longer sign in, and is
// signed out everywhere. It returns ErrNotFound if the person does not exist, and the
// error of PersonChange.If.
func (t *Tx) UpdatePerson(ctx context.Context, by Actor, id int64, c PersonChange) (Member, error) {
	m, err := t.lockPerson(ctx, id)
	if err == nil && c.If != nil {
		err = c.If(m)
	}
	if err != nil {
		return m, err
	}
	entry := AuditEntry{By: by, Object: "person", ObjectID: strconv.FormatInt(id, 10)}
	if c.Name != nil && *c.Name != m.Name {
		if _, err := t.exec(ctx, renamePerson, args{"id": id, "name": *c.Name}); err != nil {
			return m, fmt.Errorf("renaming person %d: %w", id, err)
		}
		entry.Action, entry.Before, entry.After = transfer.AuditPersonUpdate, map[string]any{"name": m.Name}, map[string]any{"name": *c.Name}
	}
	if c.Disabled != nil && *c.Disabled != (m.DisabledAt != nil) {
		if _, err := t.exec(ctx, disablePerson, args{"id": id, "disabled": *c.Disabled}); err != nil {
			return m, fmt.Errorf("disabling person %d: %w", id, err)
		}
		entry.Action = transfer.AuditPersonEnable
		if *c.Disabled {
			entry.Action = transfer.AuditPersonDisable
		}
	}
	if entry.Action == "" {
		return m, nil
	}
	if err := t.Audit(ctx, entry); err != nil {
		return m, err
	}
	return person(ctx, t, id, 0)
}
