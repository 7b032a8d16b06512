package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SignInLinkPeriod is how long a link to sign in with works.
const SignInLinkPeriod = 15 * time.Minute

// The maximum number of links that are made in SignInLinkPeriod, so that no one can
// fill the mailbox of another person.
const (
	maxLinksPerEmail   = 5
	maxLinksPerNetwork = 60 // an office may share one address
)

// SignInLink is a link to sign in with that was asked for.
type SignInLink struct {
	Email   string // to which it is sent, in lower case
	Browser string // the secret of the browser that asked; the link works in no other one
	Network string // of that browser, as the limit counts it
	Next    string // the path to go on to
	Issuer  string // of the OpenID provider; people who are known there sign in there. Empty: none
}

// ErrTooManyLinks is returned when an address or a network has got as many links as
// it may get for the moment. The browser must not learn of it.
var ErrTooManyLinks = errors.New("too many links to sign in with were asked for")

// ErrOtherBrowser is returned for a link that another browser has asked for.
var ErrOtherBrowser = errors.New("the link was asked for in another browser")

var insertSignInLink = newStatement(statement{
	name: "insert_sign_in_link",
	does: "Creates a link to sign in with, unless there are too many, and deletes those that have expired.",
	given: `@hash of the link's secret; @browser: the hash of the secret of the browser that asked; @email to which it is
		sent; @network of the browser; @next: the path to go on to; @period: for how many seconds the link works, and
		in which the limits count; @per_email and @per_network: the limits.`,
	returns: "The number of links that were made: 0 or 1.",
	text: `
		WITH ended AS (
			DELETE FROM sign_in_links WHERE expires_at <= clock_timestamp()
		), recent AS (
			SELECT email, network
			FROM sign_in_links
			WHERE expires_at > clock_timestamp() AND (email = @email OR network = @network)
		)
		INSERT INTO sign_in_links (hash, browser, email, network, next, expires_at)
		SELECT @hash, @browser, @email, @network, @next, clock_timestamp() + make_interval(secs => @period)
		WHERE (SELECT count(*) FROM recent WHERE email = @email) < @per_email
			AND (SELECT count(*) FROM recent WHERE network = @network) < @per_network`,
})

// CreateSignInLink returns the secret of a link that can be used once, within
// SignInLinkPeriod, in the browser that asked for it. It returns an
// *UnknownPersonError if no person and no open invitation has the address,
// ErrPersonDisabled, ErrUsesProvider, or ErrTooManyLinks.
func (db *DB) CreateSignInLink(ctx context.Context, l SignInLink) (secret string, err error) {
	if err := mayUseLink(ctx, db, l.Email, l.Issuer); err != nil {
		return "", err
	}
	if secret, err = newSecret(); err != nil {
		return "", fmt.Errorf("making a link to sign in with: %w", err)
	}
	n, err := db.exec(ctx, insertSignInLink, args{
		"hash": hashSecret(secret), "browser": hashSecret(l.Browser), "email": l.Email, "network": l.Network, "next": l.Next,
		"period": SignInLinkPeriod.Seconds(), "per_email": maxLinksPerEmail, "per_network": maxLinksPerNetwork,
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("storing a link to sign in with: %w", err)
	case n == 0:
		return "", ErrTooManyLinks
	}
	return secret, nil
}

var selectSignInLink = newStatement(statement{
	name:    "select_sign_in_link",
	does:    "Reads whether a link to sign in with can be used.",
	given:   "@hash of its secret; @browser: the hash of the secret of the browser.",
	returns: "The address to which it was sent, and in same, whether this browser asked for it; none if the link was used or has expired.",
	text: `
		SELECT email, browser = @browser AS same
		FROM sign_in_links
		WHERE hash = @hash AND used_at IS NULL AND expires_at > clock_timestamp()`,
})

// SignInLinkEmail returns the address to which a link was sent that this browser can
// use. It changes nothing. It returns ErrNotFound if the link was used or has
// expired, and ErrOtherBrowser.
func (db *DB) SignInLinkEmail(ctx context.Context, secret, browser string) (email string, err error) {
	var link struct {
		Email string `db:"email"`
		Same  bool   `db:"same"`
	}
	if !isSecret(secret) {
		return "", ErrNotFound
	}
	if err := db.get(ctx, &link, selectSignInLink, args{"hash": hashSecret(secret), "browser": hashSecret(browser)}); err != nil {
		return "", fmt.Errorf("looking up a link to sign in with: %w", err)
	}
	if !link.Same {
		return "", ErrOtherBrowser
	}
	return link.Email, nil
}

var selectLinkRecipient = newStatement(statement{
	name:    "select_link_recipient",
	does:    "Reads who has an address.",
	given:   "@email.",
	returns: "In known, whether a person or an open invitation has it; in disabled, whether the person is; in issuer, the OpenID provider with which the person signs in, or an empty text.",
	text: `
		SELECT
			p.id IS NOT NULL OR EXISTS (
				SELECT 1
				FROM invitations i
				LEFT JOIN api_keys c ON c.id = i.created_by
				LEFT JOIN people cp ON cp.id = c.person
				WHERE i.email = @email AND ` + invitationState + ` = 'open'
			) AS known,
			p.disabled_at IS NOT NULL AS disabled,
			coalesce(p.issuer, '') AS issuer
		FROM (VALUES (1)) AS one
		LEFT JOIN people p ON p.email = @email`,
})

// mayUseLink returns an error if no one may sign in with a link that is sent to an
// address.
func mayUseLink(ctx context.Context, q querier, email, issuer string) error {
	var who struct {
		Known    bool   `db:"known"`
		Disabled bool   `db:"disabled"`
		Issuer   string `db:"issuer"`
	}
	if err := q.get(ctx, &who, selectLinkRecipient, args{"email": email}); err != nil {
		return fmt.Errorf("looking up who asks for a link to sign in with: %w", err)
	}
	switch {
	case !who.Known:
		return &UnknownPersonError{Email: email}
	case who.Disabled:
		return ErrPersonDisabled
	case who.Issuer != "" && who.Issuer == issuer:
		return ErrUsesProvider
	}
	return nil
}

var useSignInLink = newStatement(statement{
	name:    "use_sign_in_link",
	does:    "Uses up a link to sign in with, and with it all that were sent to its address.",
	given:   "@hash of its secret; @browser: the hash of the secret of the browser that asked for it.",
	returns: "The address to which it was sent and the path to go on to; none if it was used, has expired, or was asked for by another browser.",
	locks:   "Takes the links of the address.",
	text: `
		WITH used AS (
			UPDATE sign_in_links
			SET used_at = clock_timestamp()
			WHERE hash = @hash AND browser = @browser AND used_at IS NULL AND expires_at > clock_timestamp()
			RETURNING email, next
		), others AS (
			UPDATE sign_in_links l
			SET used_at = clock_timestamp()
			FROM used
			WHERE l.email = used.email AND l.hash <> @hash AND l.used_at IS NULL
		)
		SELECT email, next FROM used`,
})

// SignInByLink signs in the person to whom a link was sent, in the browser that
// asked for it, and returns the secret that the browser keeps and the path to go on
// to. A link can be used once. An open invitation to the address is accepted.
//
// It returns ErrNotFound if the link was used or has expired, ErrOtherBrowser, an
// *UnknownPersonError, ErrPersonDisabled or ErrNoMembership. issuer is that of the
// OpenID provider, or empty; it returns ErrUsesProvider for people who are known there.
func (db *DB) SignInByLink(ctx context.Context, secret, browser, issuer string, from Browser) (signIn, next string, err error) {
	if _, err := db.SignInLinkEmail(ctx, secret, browser); err != nil {
		return "", "", err
	}
	err = db.InRetriedTx(ctx, func(t *Tx) error {
		var link struct {
			Email string `db:"email"`
			Next  string `db:"next"`
		}
		if err := t.get(ctx, &link, useSignInLink, args{"hash": hashSecret(secret), "browser": hashSecret(browser)}); err != nil {
			return fmt.Errorf("using a link to sign in with: %w", err)
		}
		next = link.Next
		if err := mayUseLink(ctx, t, link.Email, issuer); err != nil {
			return err
		}
		m, err := t.lockReader(ctx, reader{email: link.Email}, from)
		if err != nil {
			return err
		}
		signIn, err = t.signInPerson(ctx, m, FreshPeriod, from)
		return err
	})
	return signIn, next, err
}
