package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"simtransfer/transfer"
)

// ErrUnverifiedEmail is returned at the first sign-in of a person whose address the
// OpenID provider has not verified.
var ErrUnverifiedEmail = errors.New("the OpenID provider has not verified the email address")

// ErrOtherIdentity is returned if an address belongs to a person who signs in as
// another user of the OpenID provider.
var ErrOtherIdentity = errors.New("the person with this address signs in as another user of the OpenID provider")

// ErrUsesProvider is returned for a person who has to sign in with the OpenID
// provider, which decides who may.
var ErrUsesProvider = errors.New("the person signs in with the OpenID provider")

// ErrNoMembership is returned for a person who belongs to no account and not to the
// staff.
var ErrNoMembership = errors.New("the person belongs to no account and not to the staff")

// UnknownPersonError is returned if no person and no open invitation has an address.
type UnknownPersonError struct{ Email string }

func (e *UnknownPersonError) Error() string {
	return "no one with the address " + e.Email + " is invited"
}

// ProviderIdentity is whom an OpenID provider has signed in.
type ProviderIdentity struct {
	Issuer, Subject string // identify the person at the provider

	Email         string // in lower case; may be empty
	EmailVerified bool
	Name          string

	StaffRole   Role            // that the provider gives; empty: none
	DecidesRole func(Role) bool // whether the provider decides who has a role of staff

	Fresh time.Duration // for how long the sign-in is fresh
}

// SignInByProvider signs in the person whom an OpenID provider has signed in, and
// returns the secret that the browser keeps.
//
// The issuer and the subject identify the person. At the first sign-in, a verified
// address does: that of a person, or of an open invitation, or of someone to whom the
// provider gives a role of staff. Open invitations to the verified address are
// accepted. The role of staff is granted, changed, or taken away if the provider
// decides about it.
//
// It returns ErrUnverifiedEmail, ErrOtherIdentity, ErrPersonDisabled, ErrNoMembership
// or an *UnknownPersonError.
func (db *DB) SignInByProvider(ctx context.Context, id ProviderIdentity, from Browser) (secret string, err error) {
	var removed bool // the person has no membership any more
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		m, err := t.lockIdentified(ctx, id, from)
		if err != nil {
			return err
		}
		if err := t.setStaffRole(ctx, m, id, from); err != nil {
			return err
		}
		secret, err = t.signInPerson(ctx, m, id.Fresh, from)
		if removed = errors.Is(err, ErrNoMembership); removed {
			return nil // what the provider has taken away stays taken away
		}
		return err
	})
	if err == nil && removed {
		return "", ErrNoMembership
	}
	return secret, err
}

var lockPersonByIdentity = newStatement(statement{
	name:    "lock_person_by_identity",
	does:    "Locks the person whom an OpenID provider knows by a subject.",
	given:   "The @issuer and the @subject.",
	returns: "The id; none if no person has signed in so.",
	locks:   "Takes the person.",
	text:    `SELECT id FROM people WHERE issuer = @issuer AND subject = @subject FOR NO KEY UPDATE`,
})

// lockIdentified locks the person whom the provider has signed in, and accepts the
// open invitations to the verified address.
func (t *Tx) lockIdentified(ctx context.Context, id ProviderIdentity, from Browser) (Member, error) {
	var known int64
	err := t.get(ctx, &known, lockPersonByIdentity, args{"issuer": id.Issuer, "subject": id.Subject})
	switch {
	case errors.Is(err, ErrNotFound) && (!id.EmailVerified || id.Email == ""):
		return Member{}, ErrUnverifiedEmail
	case errors.Is(err, ErrNotFound):
		m, err := t.lockReader(ctx, reader{email: id.Email, name: id.Name, staff: id.StaffRole != ""}, from)
		if err != nil {
			return m, err
		}
		return m, t.linkPerson(ctx, m, id)
	case err != nil:
		return Member{}, fmt.Errorf("looking for the person whom the OpenID provider has signed in: %w", err)
	}
	m, err := t.lockPerson(ctx, known)
	switch {
	case err != nil:
		return m, err
	case m.DisabledAt != nil:
		return m, ErrPersonDisabled
	case !id.EmailVerified || id.Email == "":
		return m, nil
	}
	if m, err = t.followEmail(ctx, m, id, from); err != nil || m.Email != id.Email {
		return m, err
	}
	return t.acceptInvitations(ctx, m, from)
}

var linkPerson = newStatement(statement{
	name:    "link_person",
	does:    "Records who a person is for an OpenID provider, unless it is another user of the same provider.",
	given:   "@id of the person; the @issuer and the @subject.",
	returns: "The id; none if it is another user.",
	locks:   "The caller holds the person.",
	text: `
		UPDATE people
		SET issuer = @issuer,
			subject = @subject
		WHERE id = @id AND (issuer IS DISTINCT FROM @issuer OR subject = @subject)
		RETURNING id`,
})

func (t *Tx) linkPerson(ctx context.Context, m Member, id ProviderIdentity) error {
	err := t.get(ctx, new(int64), linkPerson, args{"id": m.ID, "issuer": id.Issuer, "subject": id.Subject})
	switch {
	case errors.Is(err, ErrNotFound):
		return ErrOtherIdentity
	case err != nil:
		return fmt.Errorf("linking person %d to the OpenID provider: %w", m.ID, err)
	}
	return nil
}

var followEmail = newStatement(statement{
	name:    "follow_email",
	does:    "Gives a person the address that the OpenID provider has verified, unless another person has it.",
	given:   "@id of the person; its new @email.",
	returns: "The id; none if another person has the address.",
	locks:   "The caller holds the person.",
	text: `
		WITH changed AS (
			UPDATE people
			SET email = @email,
				verified_at = clock_timestamp()
			WHERE id = @id AND NOT EXISTS (SELECT 1 FROM people WHERE email = @email)
			RETURNING id
		), named AS (
			UPDATE api_keys
			SET name = left(@email, 70) || ' #' || @id::bigint
			WHERE person IN (SELECT id FROM changed)
		)
		SELECT id FROM changed`,
})

// followEmail gives a person the address that the provider has verified. The person
// keeps the old address if another one has the new.
func (t *Tx) followEmail(ctx context.Context, m Member, id ProviderIdentity, from Browser) (Member, error) {
	if m.Email == id.Email {
		return m, t.verifyPerson(ctx, m.ID)
	}
	err := t.get(ctx, new(int64), followEmail, args{"id": m.ID, "email": id.Email})
	switch {
	case errors.Is(err, ErrNotFound):
		return m, nil
	case err != nil:
		return m, fmt.Errorf("changing the address of person %d: %w", m.ID, err)
	}
	before := m.Email
	m.Email = id.Email
	return m, t.Audit(ctx, AuditEntry{
		By: Actor{Person: m.ID, Address: from.Address}, Action: transfer.AuditPersonUpdate, Object: "person", ObjectID: strconv.FormatInt(m.ID, 10),
		Before: map[string]any{"email": before}, After: map[string]any{"email": m.Email}, Why: "the address changed at the OpenID provider",
	})
}

// setStaffRole gives a person the role of staff that the provider gives, and takes
// away one that it decides about.
func (t *Tx) setStaffRole(ctx context.Context, m Member, id ProviderIdentity, from Browser) error {
	entry := AuditEntry{
		By: Actor{Person: m.ID, Address: from.Address}, Object: "person", ObjectID: strconv.FormatInt(m.ID, 10), Why: "decided by the OpenID provider",
	}
	i := slices.IndexFunc(m.Memberships, func(o Membership) bool { return o.Account == nil })
	var err error
	switch {
	case i < 0 && id.StaffRole == "":
		return nil
	case i < 0:
		entry.Action, entry.After = transfer.AuditMembershipCreate, map[string]any{"role": id.StaffRole}
		_, err = t.insertMembership(ctx, m, id.StaffRole, nil, nil, nil)
	case m.Memberships[i].Role == id.StaffRole, id.StaffRole == "" && !id.DecidesRole(m.Memberships[i].Role):
		return nil
	case id.StaffRole == "":
		entry.Action, entry.Before = transfer.AuditMembershipRemove, m.Memberships[i].fields()
		_, err = t.exec(ctx, revokeMembership, args{"id": m.Memberships[i].Key, "person": m.ID, "by": nil})
	default:
		entry.Action, entry.Before, entry.After = transfer.AuditMembershipUpdate, m.Memberships[i].fields(), map[string]any{"role": id.StaffRole}
		_, err = t.exec(ctx, updateMembership, args{"id": m.Memberships[i].Key, "role": id.StaffRole, "permission": nil})
	}
	if err != nil {
		return fmt.Errorf("setting the role of staff of person %d: %w", m.ID, err)
	}
	return t.Audit(ctx, entry)
}

// reader is someone who has shown to read the mail to an address.
type reader struct {
	email string
	name  string // empty: that of the invitation
	staff bool   // belongs to staff, even without an invitation
}

var selectInvitationsTo = newStatement(statement{
	name:    "select_invitations_to",
	does:    "Lists the open invitations to an address, the first at the beginning.",
	given:   "@email.",
	returns: "The invitations.",
	text: `SELECT` + invitationColumns + `
WHERE i.email = @email AND ` + invitationState + ` = 'open'
ORDER BY i.id`,
})

func openInvitations(ctx context.Context, q querier, email string) ([]Invitation, error) {
	var list []Invitation
	if err := q.list(ctx, &list, selectInvitationsTo, args{"email": email}); err != nil {
		return nil, fmt.Errorf("listing the invitations to an address: %w", err)
	}
	return list, nil
}

// lockReader locks the person who reads the mail to an address, who is created if there
// is an open invitation, and accepts all of these. It returns an *UnknownPersonError or
// ErrPersonDisabled.
func (t *Tx) lockReader(ctx context.Context, r reader, from Browser) (Member, error) {
	invitations, err := openInvitations(ctx, t, r.email)
	if err != nil {
		return Member{}, err
	}
	err = t.get(ctx, new(int64), lockPersonByEmail, args{"email": r.email})
	if errors.Is(err, ErrNotFound) && len(invitations) == 0 && !r.staff {
		return Member{}, &UnknownPersonError{Email: r.email}
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Member{}, fmt.Errorf("finding the person with an email: %w", err)
	}
	name := r.name
	if name == "" && len(invitations) > 0 {
		name = invitations[0].Name
	}
	m, _, err := t.personWithEmail(ctx, r.email, clipName(cmp.Or(name, r.email)), true)
	if err == nil && m.DisabledAt != nil {
		err = ErrPersonDisabled
	}
	if err == nil {
		err = t.verifyPerson(ctx, m.ID)
	}
	if err != nil {
		return m, err
	}
	return t.acceptInvitations(ctx, m, from)
}

// clipName returns the beginning of a name that is too long for a person, as the
// names and the addresses of a provider can be.
func clipName(name string) string {
	runes := []rune(name)
	return string(runes[:min(len(runes), transfer.MaxKeyName)])
}

// acceptInvitations accepts the open invitations to the address of a person who reads
// the mail to it, and returns the person with the memberships that it has then.
func (t *Tx) acceptInvitations(ctx context.Context, m Member, from Browser) (Member, error) {
	invitations, err := openInvitations(ctx, t, m.Email)
	if err != nil {
		return m, err
	}
	for _, i := range invitations {
		if err := t.acceptInvitation(ctx, i.ID, m, from.Address); err != nil && !errors.Is(err, ErrNotFound) {
			return m, err
		}
	}
	return person(ctx, t, m.ID, 0)
}

// signInPerson signs in a person whom the caller holds. It returns ErrNoMembership if
// the person has none.
func (t *Tx) signInPerson(ctx context.Context, m Member, fresh time.Duration, from Browser) (secret string, err error) {
	if m, err = person(ctx, t, m.ID, 0); err != nil {
		return "", err
	}
	if len(m.Memberships) == 0 {
		return "", ErrNoMembership
	}
	if secret, err = t.insertSignIn(ctx, nil, &m.ID, fresh, from); err != nil {
		return "", fmt.Errorf("signing in person %d: %w", m.ID, err)
	}
	if err := t.mailAboutSignIn(ctx, m.ID, from); err != nil {
		return "", err
	}
	return secret, t.Audit(ctx, AuditEntry{By: Actor{Person: m.ID, Address: from.Address}, Action: transfer.AuditSignIn, Object: "session"})
}

// RecordSignInDenied records that someone was not signed in, within the limits of
// such entries.
func (db *DB) RecordSignInDenied(ctx context.Context, address string) error {
	if err := db.signInDenied(ctx, "", address); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
