package storage

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// A token is "st_", the role, "_" and a secret. The secret of a sign-in has "signin"
// in place of the role.
const (
	tokenPrefix  = "st_"
	signInPrefix = tokenPrefix + "signin_"

	invitationPrefix = tokenPrefix + "invitation_" // of the secret in the link of an invitation
)

// A secret is 256 random bits in base32 with lower-case letters.
const (
	secretBytes   = 32
	secretLength  = 52 // characters
	secretCharset = "abcdefghijklmnopqrstuvwxyz234567"
)

func newToken(role Role) (string, error) {
	secret, err := newSecret()
	return tokenPrefix + string(role) + "_" + secret, err
}

func newSignInSecret() (string, error) {
	secret, err := newSecret()
	return signInPrefix + secret, err
}

// IsSignInSecret reports whether a text has the form of the secret of a sign-in.
func IsSignInSecret(s string) bool {
	secret, found := strings.CutPrefix(s, signInPrefix)
	return found && isSecret(secret)
}

func newInvitationSecret() (string, error) {
	secret, err := newSecret()
	return invitationPrefix + secret, err
}

// IsInvitationSecret reports whether a text has the form of the secret of an
// invitation.
func IsInvitationSecret(s string) bool {
	secret, found := strings.CutPrefix(s, invitationPrefix)
	return found && isSecret(secret)
}

// NewSecret returns a random secret, for a browser to keep while a person signs in.
func NewSecret() (string, error) {
	secret, err := newSecret()
	if err != nil {
		return "", fmt.Errorf("making a secret: %w", err)
	}
	return secret, nil
}

// IsSecret reports whether a text has the form of the secrets that NewSecret returns.
func IsSecret(s string) bool { return isSecret(s) }

func isSecret(s string) bool {
	return len(s) == secretLength && strings.Trim(s, secretCharset) == ""
}

func newSecret() (string, error) {
	secret := make([]byte, secretBytes)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	return base32.NewEncoding(secretCharset).WithPadding(base32.NoPadding).EncodeToString(secret), nil
}

// isToken reports whether a text has the form of a token, so that other texts
// cost no query.
func isToken(s string) bool {
	rest, hasPrefix := strings.CutPrefix(s, tokenPrefix)
	role, secret, found := strings.Cut(rest, "_")
	return hasPrefix && found && Role(role).known() && isSecret(secret)
}

// hint returns the beginning and the end of a token: enough for people to
// recognize it, too little to use it.
func hint(token string) string {
	secret := strings.LastIndexByte(token, '_') + 1
	return token[:secret+4] + "…" + token[len(token)-4:]
}

// hashSecret returns what is stored of a token or of a sign-in's secret. It needs
// neither salt nor a slow hash, because a secret has 256 random bits.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
