package mail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Sign returns a text that only who knows the secret can make, for a link:
// the text and its HMAC-SHA256, both in base64url.
func Sign(secret []byte, text string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + base64.RawURLEncoding.EncodeToString(signature(secret, text))
}

// Verify returns the text that Sign was given, and false if it was not.
func Verify(secret []byte, signed string) (string, bool) {
	encoded, mac, ok := strings.Cut(signed, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", false
	}
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(given, signature(secret, string(text))) {
		return "", false
	}
	return string(text), true
}

func signature(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum(nil)
}
