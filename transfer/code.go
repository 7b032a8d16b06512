package transfer

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// CodeState is the state of a transfer code.
type CodeState string

// The states of a transfer code.
const (
	CodeOpen     CodeState = "open"
	CodeRedeemed CodeState = "redeemed"
	CodeRevoked  CodeState = "revoked"
	CodeExpired  CodeState = "expired"
)

// CodeStates lists every state of a transfer code.
func CodeStates() []CodeState {
	return []CodeState{CodeOpen, CodeRedeemed, CodeRevoked, CodeExpired}
}

// CodeStateError means that a transfer code cannot be revoked.
type CodeStateError struct{ State CodeState }

func (e *CodeStateError) Error() string {
	return fmt.Sprintf("the transfer code is %s: only an open one can be revoked", e.State)
}

// How long a transfer code can be redeemed.
const (
	MinCodePeriod     = 10 * time.Minute
	MaxCodePeriod     = 7 * 24 * time.Hour
	DefaultCodePeriod = 24 * time.Hour
)

// MaxCodeText is the maximum length of a text that is read as a transfer code,
// in bytes: a link can be longer than the code.
const MaxCodeText = 512

// Code is the secret of a transfer code: 19 characters with 5 random bits each,
// and a check character. It has no spaces, hyphens or lower-case letters. The zero
// value is no code.
//
// The alphabet is that of Douglas Crockford's Base 32, which has no I, L, O and U,
// so that people can read it aloud. The check character is his, too: the number
// modulo 37, which finds every single wrong character and every swap of
// neighbours. Of the 37 check characters, only the 32 of the alphabet are used:
// numbers that need another one are not codes. So there are 2^94.8 codes: even
// with the stored hashes and 10^12 attempts per second, finding one of a million
// codes takes a thousand years.
type Code struct{ text string }

const (
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeDigits   = 19 // without the check character
	codeGroup    = 4  // characters between hyphens
	codeModulus  = 37
)

// CodeBytes is how many random bytes NewCode takes.
const CodeBytes = codeDigits

// NewCode makes a code from random bytes, CodeBytes of them. It returns false for
// 1 of 7 random numbers, which need another check character; then try others.
func NewCode(random [CodeBytes]byte) (Code, bool) {
	digits := make([]byte, codeDigits, codeDigits+1)
	for i, b := range random {
		digits[i] = codeAlphabet[b%byte(len(codeAlphabet))]
	}
	check := codeCheck(digits)
	if check >= len(codeAlphabet) {
		return Code{}, false
	}
	return Code{string(append(digits, codeAlphabet[check]))}, true
}

// codeCheck returns the number that the digits write, modulo 37.
func codeCheck(digits []byte) int {
	n := new(big.Int)
	for _, d := range digits {
		n.Lsh(n, 5).Or(n, big.NewInt(int64(strings.IndexByte(codeAlphabet, d))))
	}
	return int(n.Mod(n, big.NewInt(codeModulus)).Int64())
}

// String returns the code in groups of four characters, as people read it.
func (c Code) String() string {
	var b strings.Builder
	for i := 0; i < len(c.text); i += codeGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(c.text[i:min(i+codeGroup, len(c.text))])
	}
	return b.String()
}

// Compact returns the code without hyphens.
func (c Code) Compact() string { return c.text }

// errCode is the error for a text that no code can be. It does not repeat the
// text, which is a secret up to a typing error.
var errCode = errors.New("not a transfer code: a character is wrong, missing or too many. A code has 20 characters in groups of four")

// ParseCode parses a transfer code as people write it: in upper or lower case,
// with or without spaces and hyphens, with O for 0 and I or L for 1, by itself or
// at the end of a link. It returns an error if no code can be meant, which the
// check character tells.
func ParseCode(s string) (Code, error) {
	if len(s) > MaxCodeText {
		return Code{}, errCode
	}
	if i := strings.LastIndexAny(s, "/#=?&"); i >= 0 {
		s = s[i+1:]
	}
	digits := make([]byte, 0, codeDigits+1)
	for _, r := range s {
		switch {
		case ignorable(r) || separates(r) || r == '_':
			continue
		case r >= 'a' && r <= 'z':
			r += 'A' - 'a'
		}
		switch r {
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if r > 'Z' || !strings.ContainsRune(codeAlphabet, r) || len(digits) > codeDigits {
			return Code{}, errCode
		}
		digits = append(digits, byte(r))
	}
	if len(digits) != codeDigits+1 || codeAlphabet[min(codeCheck(digits[:codeDigits]), len(codeAlphabet)-1)] != digits[codeDigits] ||
		codeCheck(digits[:codeDigits]) >= len(codeAlphabet) {
		return Code{}, errCode
	}
	return Code{string(digits)}, nil
}
