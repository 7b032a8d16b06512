package storage

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// A token is "st_", the role, "_" and a secret.
const tokenPrefix = "st_"

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
	return hasPrefix && found && Role(role).known() && len(secret) == secretLength && strings.Trim(secret, secretCharset) == ""
}

// hint returns the beginning and the end of a token: enough for people to
// recognize it, too little to use it.
func hint(token string) string {
	secret := strings.LastIndexByte(token, '_') + 1
	return token[:secret+4] + "…" + token[len(token)-4:]
}

// hashSecret returns what is stored of a token or a session's secret. It needs
// neither salt nor a slow hash, because a secret has 256 random bits.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
