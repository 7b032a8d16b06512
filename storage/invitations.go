package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"simtransfer/transfer"
)

// InvitationPeriod is how long an invitation can be accepted.
const InvitationPeriod = 7 * 24 * time.Hour

// ErrSignInFirst is returned for an invitation that was not mailed, to a person who
// already belongs to others: the inviter could otherwise sign in as this person.
var ErrSignInFirst = errors.New("the person has to sign in before accepting the invitation")

// InvitationState is what has happened to an invitation.
type InvitationState string

// The states.
const (
	InvitationOpen     InvitationState = "open"
	InvitationAccepted InvitationState = "accepted"
	InvitationRevoked  InvitationState = "revoked"
	InvitationExpired  InvitationState = "expired"
)

// InvitationStates lists every state.
func InvitationStates() []InvitationState {
	return []InvitationState{InvitationOpen, InvitationAccepted, InvitationRevoked, InvitationExpired}
}

// Invitation offers a membership to the person with an email.
type Invitation struct {
	ID          int64                `db:"id"`
	State       InvitationState      `db:"state"`
	Email       string               `db:"email"`
	Name        string               `db:"name"` // of the person, if it is new
	Role        Role                 `db:"role"`
	Account     *int64               `db:"account"` // nil for staff
	OperatorID  *transfer.OperatorID `db:"operator_id"`
	AccountName *string              `db:"account_name"`
	Permission  *Permission          `db:"permission"` // nil for staff
	Mailed      bool                 `db:"mailed"`     // the link was sent to Email; otherwise who invites got it
	MailError   *string              `db:"mail_error"` // why it could not be sent; nil: it was, or Mailed is false
	CreatedAt   time.Time            `db:"created_at"`
	CreatedBy   *int64               `db:"created_by"`      // the key or the membership that invites
	CreatorName *string              `db:"creator_name"`    // of this key, or of its person
	Creator     *int64               `db:"creator_account"` // that this key acts for; nil for staff
	ExpiresAt   time.Time            `db:"expires_at"`
	RevokedAt   *time.Time           `db:"revoked_at"`
	AcceptedAt  *time.Time           `db:"accepted_at"`
	Person      *int64               `db:"person"` // who has accepted it
}

func (i Invitation) account() int64 {
	if i.Account == nil {
		return 0
	}
	return *i.Account
}

// An invitation ends when the key or membership that invites could no longer invite:
// it is revoked or has expired, its person is disabled, or it is not that of an
// administrator or of an owner of the account any more.
const invitationState = `CASE
		WHEN i.accepted_at IS NOT NULL THEN 'accepted'
		WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
			OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
		WHEN i.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END`

const invitationColumns = `
	i.id,
	` + invitationState + ` AS state,
	i.email,
	i.name,
	i.role,
	i.account,
	a.operator_id,
	a.name AS account_name,
	i.permission,
	i.mailed,
	i.mail_error,
	i.created_at,
	i.created_by,
	coalesce(cp.name, c.name) AS creator_name,
	c.account AS creator_account,
	i.expires_at,
	coalesce(i.revoked_at, CASE WHEN i.accepted_at IS NULL THEN c.revoked_at END) AS revoked_at,
	i.accepted_at,
	i.person
FROM invitations i
LEFT JOIN accounts a ON a.id = i.account
LEFT JOIN api_keys c ON c.id = i.created_by
LEFT JOIN people cp ON cp.id = c.person`

// NewInvitation describes an invitation to create.
type NewInvitation struct {
	Email      string
	Name       string
	Role       Role
	Account    *Account   // only for RoleAccount
	Permission Permission // only for RoleAccount
	Mailed     bool       // the link will be sent to Email, and is shown to no one else
	By         Actor
}

var insertInvitation = newStatement(statement{
	name: "insert_invitation",
	does: "Creates an invitation, in place of those to the same person for the same account that are open.",
	given: `@hash of its secret; @email, @name, @role, @account (null: staff) and @permission (null: staff); whether the
		link is @mailed; @period: for how many seconds it can be accepted; the key that invites: @by (null: none).`,
	returns: "The id.",
	text: `
		WITH replaced AS (
			UPDATE invitations
			SET revoked_at = clock_timestamp(), revoked_by = @by
			WHERE email = @email AND account IS NOT DISTINCT FROM @account AND revoked_at IS NULL AND accepted_at IS NULL
		)
		INSERT INTO invitations (hash, email, name, role, account, permission, mailed, expires_at, created_by)
		VALUES (@hash, @email, @name, @role, @account::bigint, @permission, @mailed, clock_timestamp() + make_interval(secs => @period), @by)
		RETURNING id`,
})

var countInvitations = newStatement(statement{
	name:    "count_invitations",
	does:    "Counts the people of an account together with its invitations of the last 24 hours and those that are open.",
	given:   "@account.",
	returns: "Their number.",
	locks:   "The caller holds the advisory lock of the account's limits.",
	text: `
		SELECT
			(SELECT count(*) FROM api_keys WHERE account = @account AND person IS NOT NULL AND revoked_at IS NULL)
			+ (
				SELECT count(*)
				FROM invitations
				WHERE account = @account
				  AND (created_at > clock_timestamp() - interval '24 hours' OR accepted_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp())
			)`,
})

var selectInvitation = newStatement(statement{
	name:    "select_invitation",
	does:    "Reads an invitation.",
	given:   "@id of the invitation.",
	returns: "The invitation; none if it does not exist.",
	text: `SELECT` + invitationColumns + `
WHERE i.id = @id`,
})

// CreateInvitation creates an invitation and returns it with the secret of its link. It
// replaces open ones to the same person for the same account. A person who belongs to
// the account already signs in with it. It returns a *LimitError if the account has
// transfer.MaxPeople people and invitations, and ErrPersonDisabled.
func (t *Tx) CreateInvitation(ctx context.Context, n NewInvitation) (Invitation, string, error) {
	var account *int64
	var permission *Permission
	if n.Account != nil {
		account, permission = &n.Account.ID, &n.Permission
		if err := t.lockLimits(ctx, *n.Account); err != nil {
			return Invitation{}, "", err
		}
		var used int
		if err := t.get(ctx, &used, countInvitations, args{"account": n.Account.ID}); err != nil {
			return Invitation{}, "", fmt.Errorf("counting the people of account %s: %w", n.Account.OperatorID, err)
		}
		if used >= transfer.MaxPeople {
			return Invitation{}, "", &LimitError{n.Account.OperatorID, LimitPeople, transfer.MaxPeople, used, 1}
		}
	}
	secret, err := newInvitationSecret()
	if err != nil {
		return Invitation{}, "", fmt.Errorf("making an invitation: %w", err)
	}
	var id int64
	if err := t.get(ctx, &id, insertInvitation, args{
		"hash": hashSecret(secret), "email": n.Email, "name": n.Name, "role": n.Role, "account": account, "permission": permission,
		"mailed": n.Mailed, "period": InvitationPeriod.Seconds(), "by": n.By.key(),
	}); err != nil {
		return Invitation{}, "", fmt.Errorf("creating an invitation: %w", err)
	}
	i, err := invitation(ctx, t, id)
	if err != nil {
		return i, "", err
	}
	return i, secret, t.auditInvitation(ctx, n.By, transfer.AuditInvitationCreate, i)
}

var recordInvitationMailError = newStatement(statement{
	name:  "record_invitation_mail_error",
	does:  "Records why the link of an invitation could not be mailed.",
	given: "@id of the invitation; the @error.",
	text:  `UPDATE invitations SET mail_error = @error WHERE id = @id`,
})

// RecordInvitationMailError records why the link of an invitation could not be mailed.
func (db *DB) RecordInvitationMailError(ctx context.Context, id int64, reason string) error {
	if _, err := db.exec(ctx, recordInvitationMailError, args{"id": id, "error": reason}); err != nil {
		return fmt.Errorf("recording that invitation %d could not be mailed: %w", id, err)
	}
	return nil
}

func (t *Tx) auditInvitation(ctx context.Context, by Actor, action transfer.AuditAction, i Invitation) error {
	fields := map[string]any{"email": i.Email, "name": i.Name, "role": i.Role}
	if i.Permission != nil {
		fields["permission"] = *i.Permission
	}
	e := AuditEntry{By: by, Action: action, Account: i.account(), Object: "invitation", ObjectID: strconv.FormatInt(i.ID, 10), After: fields}
	if action == transfer.AuditInvitationRevoke {
		e.Before, e.After = fields, nil
	}
	return t.Audit(ctx, e)
}

// Invitation returns an invitation, or ErrNotFound.
func (db *DB) Invitation(ctx context.Context, id int64) (Invitation, error) {
	return invitation(ctx, db, id)
}

func invitation(ctx context.Context, q querier, id int64) (Invitation, error) {
	var i Invitation
	if err := q.get(ctx, &i, selectInvitation, args{"id": id}); err != nil {
		return i, fmt.Errorf("reading invitation %d: %w", id, err)
	}
	return i, nil
}

// InvitationFilter selects invitations; zero fields select all.
type InvitationFilter struct {
	Account int64
	Staff   bool // only those for staff
	State   InvitationState
	Before  int64 // the cursor: only invitations with a smaller id; zero: all
	Limit   int   // maximum number of invitations; required
}

var selectInvitations = newStatement(statement{
	name: "select_invitations",
	does: "Lists invitations, the latest first.",
	given: `@account (0: any); @staff: only those for staff; @state (empty: any); @before: only invitations with a smaller id
		(0: all); @limit: maximum number of rows.`,
	returns: "The invitations.",
	text: `SELECT` + invitationColumns + `
WHERE (@account::bigint = 0 OR i.account = @account)
  AND (NOT @staff::boolean OR i.account IS NULL)
  AND (@state = '' OR ` + invitationState + ` = @state)
  AND (@before::bigint = 0 OR i.id < @before)
ORDER BY i.id DESC
LIMIT @limit`,
})

// Invitations lists invitations, the latest first.
func (db *DB) Invitations(ctx context.Context, f InvitationFilter) ([]Invitation, error) {
	return invitations(ctx, db, f)
}

func invitations(ctx context.Context, q querier, f InvitationFilter) ([]Invitation, error) {
	list := []Invitation{}
	if err := q.list(ctx, &list, selectInvitations, args{
		"account": f.Account, "staff": f.Staff, "state": f.State, "before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing invitations: %w", err)
	}
	return list, nil
}

var revokeInvitation = newStatement(statement{
	name:    "revoke_invitation",
	does:    "Revokes an invitation that is not accepted or revoked.",
	given:   "@id of the invitation; the key that revokes it: @by (null: none).",
	returns: "The id; none if it is accepted or revoked.",
	text: `
		UPDATE invitations
		SET revoked_at = clock_timestamp(),
			revoked_by = @by
		WHERE id = @id AND revoked_at IS NULL AND accepted_at IS NULL
		RETURNING id`,
})

// RevokeInvitation revokes an invitation. One that is revoked or accepted stays as it
// is. It returns ErrNotFound if the invitation does not exist, or if may, which sees
// it, does not allow the caller to revoke it.
func (db *DB) RevokeInvitation(ctx context.Context, by Actor, id int64, may func(Invitation) bool) error {
	return db.InRetriedTx(ctx, func(t *Tx) error {
		i, err := invitation(ctx, t, id)
		if err == nil && !may(i) {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		err = t.get(ctx, new(int64), revokeInvitation, args{"id": id, "by": by.key()})
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return fmt.Errorf("revoking invitation %d: %w", id, err)
		}
		return t.auditInvitation(ctx, by, transfer.AuditInvitationRevoke, i)
	})
}

var selectOpenInvitation = newStatement(statement{
	name:    "select_open_invitation",
	does:    "Reads the open invitation with a secret.",
	given:   "@hash of the secret.",
	returns: "The invitation; none if it does not exist or is not open.",
	text: `SELECT` + invitationColumns + `
WHERE i.hash = @hash AND ` + invitationState + ` = 'open'`,
})

// OpenInvitation returns the open invitation with the secret of its link, or
// ErrNotFound.
func (db *DB) OpenInvitation(ctx context.Context, secret string) (Invitation, error) {
	var i Invitation
	if !IsInvitationSecret(secret) {
		return i, ErrNotFound
	}
	if err := db.get(ctx, &i, selectOpenInvitation, args{"hash": hashSecret(secret)}); err != nil {
		return i, fmt.Errorf("reading an invitation: %w", err)
	}
	return i, nil
}

var lockInvitation = newStatement(statement{
	name:    "lock_invitation",
	does:    "Locks an open invitation.",
	given:   "@id of the invitation.",
	returns: "The invitation; none if it does not exist or is not open.",
	locks:   "Takes the invitation.",
	text: `SELECT` + invitationColumns + `
WHERE i.id = @id AND ` + invitationState + ` = 'open'
FOR NO KEY UPDATE OF i`,
})

var recordAcceptance = newStatement(statement{
	name:  "accept_invitation",
	does:  "Records who has accepted an invitation.",
	given: "@id of the invitation; the @person.",
	locks: "The caller holds the invitation.",
	text:  `UPDATE invitations SET accepted_at = clock_timestamp(), person = @person WHERE id = @id`,
})

var selectSignedInPerson = newStatement(statement{
	name:    "select_signed_in_person",
	does:    "Reads which person has signed in.",
	given:   "@hash of the secret of the sign-in.",
	returns: "The id of the person; none if the sign-in has ended or is that of an API key.",
	text:    `SELECT person FROM sign_ins WHERE hash = @hash AND person IS NOT NULL AND expires_at > clock_timestamp()`,
})

// AcceptInvitation accepts the invitation with the secret of a link, signs in the
// person, who is created if the email is new, and returns the secret of the sign-in.
//
// A link that was mailed shows that the person reads the mail to the address. One
// that was not was seen by who invites; it signs in a person who exists only if the
// browser has signed in as this person, or if who invites manages all of the person's
// memberships and the address was never verified. Otherwise the error is
// ErrSignInFirst.
//
// It returns ErrNotFound if the invitation is not open, and ErrPersonDisabled.
func (db *DB) AcceptInvitation(ctx context.Context, secret string, from Browser) (signIn string, err error) {
	opened, err := db.OpenInvitation(ctx, secret)
	if err != nil {
		return "", err
	}
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		m, created, err := t.personWithEmail(ctx, opened.Email, opened.Name, opened.Mailed)
		if err != nil {
			return err
		}
		switch {
		case created:
		case opened.Mailed:
			err = t.verifyPerson(ctx, m.ID)
		default:
			err = t.maySignInUnmailed(ctx, m, opened, from)
		}
		if err != nil {
			return err
		}
		if err := t.acceptInvitation(ctx, opened.ID, m, from.Address); err != nil {
			return err
		}
		signIn, err = t.insertSignIn(ctx, nil, &m.ID, FreshPeriod, from)
		return err
	})
	return signIn, err
}

// maySignInUnmailed returns ErrSignInFirst if the holder of the link of an invitation
// that was not mailed may not sign in as a person who exists.
func (t *Tx) maySignInUnmailed(ctx context.Context, m Member, i Invitation, from Browser) error {
	var signedIn int64
	err := t.get(ctx, &signedIn, selectSignedInPerson, args{"hash": hashSecret(from.Replaces)})
	switch {
	case err == nil && signedIn == m.ID:
		return nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return fmt.Errorf("reading who has signed in: %w", err)
	case m.VerifiedAt != nil:
		return ErrSignInFirst
	}
	for _, other := range m.Memberships {
		if i.Creator != nil && other.account() != *i.Creator { // an administrator manages every membership
			return ErrSignInFirst
		}
	}
	return t.endSignIns(ctx, m.ID)
}

var deletePersonSignIns = newStatement(statement{
	name:  "delete_person_sign_ins",
	does:  "Ends all sign-ins of a person.",
	given: "The @person.",
	text:  `DELETE FROM sign_ins WHERE person = @person`,
})

func (t *Tx) endSignIns(ctx context.Context, person int64) error {
	if _, err := t.exec(ctx, deletePersonSignIns, args{"person": person}); err != nil {
		return fmt.Errorf("ending the sign-ins of person %d: %w", person, err)
	}
	return nil
}

// acceptInvitation gives a person, which the caller holds, the membership of an open
// invitation. One that the person has stays as it is. It returns ErrNotFound if the
// invitation is not open, and ErrPersonDisabled.
func (t *Tx) acceptInvitation(ctx context.Context, id int64, m Member, address string) error {
	if m.DisabledAt != nil {
		return ErrPersonDisabled
	}
	var i Invitation
	if err := t.get(ctx, &i, lockInvitation, args{"id": id}); err != nil {
		return fmt.Errorf("locking invitation %d: %w", id, err)
	}
	key, err := t.insertMembership(ctx, m, i.Role, i.Account, i.Permission, nil)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, recordAcceptance, args{"id": id, "person": m.ID}); err != nil {
		return fmt.Errorf("accepting invitation %d: %w", id, err)
	}
	return t.auditInvitation(ctx, Actor{Key: key, Address: address}, transfer.AuditInvitationAccept, i)
}
