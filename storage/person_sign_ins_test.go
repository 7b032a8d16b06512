package storage_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
)

const issuer = "https://login.example.com"

// personTest is an account whose people sign in.
type personTest struct {
	*storagetest.DB
	t       *testing.T
	account storage.Account
}

func newPersonTest(t *testing.T) personTest {
	t.Helper()
	db := storagetest.Open(t)
	return personTest{db, t, db.Account()}
}

// invite invites someone as a viewer, and returns the secret of the link.
func (p personTest) invite(email string, mailed bool) (secret string) {
	p.t.Helper()
	if err := p.InTx(p.t.Context(), func(t *storage.Tx) (err error) {
		_, secret, err = t.CreateInvitation(p.t.Context(), storage.NewInvitation{
			Email: email, Name: "Maria", Role: storage.RoleAccount, Account: &p.account, Permission: storage.PermissionViewer, Mailed: mailed, By: storage.System(),
		})
		return err
	}); err != nil {
		p.t.Fatal(err)
	}
	return secret
}

func user(subject, email string) storage.ProviderIdentity {
	return storage.ProviderIdentity{
		Issuer: issuer, Subject: subject, Email: email, EmailVerified: true, Fresh: storage.FreshPeriod, DecidesRole: func(storage.Role) bool { return true },
	}
}

// signIn signs in with the provider, and returns who has.
func (p personTest) signIn(id storage.ProviderIdentity) storage.Person {
	p.t.Helper()
	secret, err := p.SignInByProvider(p.t.Context(), id, storage.Browser{})
	if err != nil {
		p.t.Fatal(err)
	}
	callers, err := p.SignedIn(p.t.Context(), secret)
	if err != nil {
		p.t.Fatal(err)
	}
	return callers[0].Person
}

func (p personTest) refused(what string, err, want error) {
	p.t.Helper()
	if !errors.Is(err, want) {
		p.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (p personTest) signInRefused(what string, id storage.ProviderIdentity, want error) {
	p.t.Helper()
	secret, err := p.SignInByProvider(p.t.Context(), id, storage.Browser{})
	if p.refused(what, err, want); secret != "" {
		p.t.Errorf("%s: signed in", what)
	}
}

// The subject identifies a person for good, the address only once.
func TestWhoSignsInByProvider(t *testing.T) {
	t.Parallel()
	p := newPersonTest(t)
	p.invite("maria@example.org", true)
	p.invite("ines@example.org", true)
	maria, ines := p.signIn(user("maria", "maria@example.org")), p.signIn(user("ines", "ines@example.org"))
	if maria.ID == ines.ID || maria.Name != "Maria" {
		t.Errorf("%+v %+v", maria, ines)
	}
	if now := p.signIn(user("maria", "ines@example.org")); now != maria {
		t.Errorf("an address that another person has: %+v", now)
	}
	p.signInRefused("another subject", user("third", "maria@example.org"), storage.ErrOtherIdentity)
	elsewhere := user("maria", "stranger@example.org")
	elsewhere.Issuer = "https://other.example.com"
	var unknown *storage.UnknownPersonError
	if _, err := p.SignInByProvider(t.Context(), elsewhere, storage.Browser{}); !errors.As(err, &unknown) {
		t.Errorf("the same subject at another provider: %v", err)
	}
	unverified := user("fourth", "maria@example.org")
	unverified.EmailVerified = false
	p.signInRefused("not verified", unverified, storage.ErrUnverifiedEmail)

	// The service gets another provider.
	moved := user("m-1", "maria@example.org")
	moved.Issuer = "https://new.example.com"
	if now := p.signIn(moved); now != maria {
		t.Errorf("at another provider: %+v", now)
	}
}

// A person who was removed or disabled does not get in, and nothing changes.
func TestRemovedPeopleDoNotSignIn(t *testing.T) {
	t.Parallel()
	p := newPersonTest(t)
	p.invite("maria@example.org", true)
	maria := p.signIn(user("maria", "maria@example.org"))
	disable := func(disabled bool) {
		t.Helper()
		if err := p.InTx(t.Context(), func(tx *storage.Tx) error {
			_, err := tx.UpdatePerson(t.Context(), storage.System(), maria.ID, storage.PersonChange{Disabled: &disabled})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	disable(true)
	p.invite("maria@example.org", true)
	p.signInRefused("disabled", user("maria", "maria@example.org"), storage.ErrPersonDisabled)
	_, err := p.CreateSignInLink(t.Context(), storage.SignInLink{Email: "maria@example.org", Browser: "b"})
	p.refused("a link for a disabled person", err, storage.ErrPersonDisabled)
	if n := storagetest.One[int](p.DB, `SELECT count(*) FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL`); n != 1 {
		t.Errorf("%d open invitations", n)
	}
	p.Exec(`UPDATE invitations SET revoked_at = clock_timestamp() WHERE accepted_at IS NULL`)
	disable(false)
	if err := p.InTx(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.ChangeMembership(t.Context(), storage.MembershipChange{Person: maria.ID, Account: &p.account, By: storage.System()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p.signInRefused("removed", user("maria", "maria@example.org"), storage.ErrNoMembership)
	p.invite("maria@example.org", true)
	if again := p.signIn(user("maria", "maria@example.org")); again != maria {
		t.Errorf("invited again: %+v", again)
	}
}

// Someone who got an invitation to a foreign address and accepted it first is signed
// out when the owner of the address signs in.
func TestOwnerOfAnAddressSignsOthersOut(t *testing.T) {
	t.Parallel()
	p := newPersonTest(t)
	thief, err := p.AcceptInvitation(t.Context(), p.invite("maria@example.org", false), storage.Browser{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.SignedIn(t.Context(), thief); err != nil {
		t.Fatal(err)
	}
	p.signIn(user("maria", "maria@example.org"))
	_, err = p.SignedIn(t.Context(), thief)
	p.refused("the first", err, storage.ErrNotFound)
}

// First sign-ins of the same person at the same time create one person.
func TestFirstSignInsAtTheSameTime(t *testing.T) {
	t.Parallel()
	p := newPersonTest(t)
	p.invite("maria@example.org", true)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = p.SignInByProvider(t.Context(), user("maria", "maria@example.org"), storage.Browser{})
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := storagetest.One[int](p.DB, `SELECT count(*) FROM people`); n != 1 {
		t.Errorf("%d people", n)
	}
	if n := storagetest.One[int](p.DB, `SELECT count(*) FROM api_keys WHERE person IS NOT NULL`); n != 1 {
		t.Errorf("%d memberships", n)
	}
}

// An address and a network get only a limited number of links.
func TestLimitsOfSignInLinks(t *testing.T) {
	t.Parallel()
	p := newPersonTest(t)
	ask := func(email, network string) (string, error) {
		return p.CreateSignInLink(t.Context(), storage.SignInLink{Email: email, Browser: "the browser", Network: network, Next: "/sims", Issuer: issuer})
	}
	_, err := ask("maria@example.org", "192.0.2.1/32")
	var unknown *storage.UnknownPersonError
	if !errors.As(err, &unknown) {
		t.Errorf("not invited: %v", err)
	}
	p.invite("maria@example.org", true)
	for range 5 {
		if _, err := ask("maria@example.org", "192.0.2.1/32"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = ask("maria@example.org", "192.0.2.2/32")
	p.refused("too many for an address", err, storage.ErrTooManyLinks)
	for i := range 55 {
		p.Exec(`INSERT INTO sign_in_links (hash, browser, email, network, next, expires_at)
			VALUES (sha256($1), sha256('x'), $1, '192.0.2.1/32', '/', clock_timestamp() + interval '1 minute')`, fmt.Sprintf("x%d@example.org", i))
	}
	p.invite("ines@example.org", true)
	_, err = ask("ines@example.org", "192.0.2.1/32")
	p.refused("too many for a network", err, storage.ErrTooManyLinks)
	secret, err := ask("ines@example.org", "192.0.2.2/32")
	if err != nil {
		t.Fatal(err)
	}
	p.signIn(user("ines", "ines@example.org"))
	_, err = ask("ines@example.org", "192.0.2.2/32")
	p.refused("a link for a person of the provider", err, storage.ErrUsesProvider)
	_, _, err = p.SignInByLink(t.Context(), secret, "the browser", issuer, storage.Browser{})
	p.refused("a link from before the first sign-in at the provider", err, storage.ErrUsesProvider)
	if _, next, err := p.SignInByLink(t.Context(), secret, "the browser", "", storage.Browser{}); err != nil || next != "/sims" {
		t.Errorf("without the provider: %q, %v", next, err)
	}
	p.Exec(`UPDATE sign_in_links SET expires_at = clock_timestamp()`)
	if _, err := ask("maria@example.org", "192.0.2.1/32"); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
	if n := storagetest.One[int](p.DB, `SELECT count(*) FROM sign_in_links`); n != 1 {
		t.Errorf("%d links are kept", n)
	}
}
