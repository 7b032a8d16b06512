package transfer

import (
	"fmt"
	"iter"
	"strings"
)

// Identifier names a SIM. It is an ICCID (18 to 22 digits), an IMSI (6 to 15
// digits) or an MSISDN (6 to 15 digits, E.164). Only the database can tell an
// IMSI from an MSISDN. The zero value names no SIM.
type Identifier struct{ digits string }

// String returns the canonical form: digits only.
func (i Identifier) String() string { return i.digits }

// IsICCID reports whether the identifier is long enough to be an ICCID.
func (i Identifier) IsICCID() bool { return len(i.digits) >= 18 }

// MayNameTwice reports whether two of the identifiers, all of them different,
// can name the same SIM. Every SIM has one ICCID, so they cannot if all of them
// are ICCIDs of the same length.
func MayNameTwice(list iter.Seq[Identifier]) bool {
	n, length := 0, 0
	uniform := true
	for id := range list {
		n++
		if n == 1 {
			length = len(id.digits)
		}
		uniform = uniform && id.IsICCID() && len(id.digits) == length
		if !uniform && n > 1 {
			return true
		}
	}
	return false
}

const (
	minIdentifier = 6
	maxSubscriber = 15 // ITU-T E.164 and E.212
	minICCID      = 18
	maxICCID      = 22
)

// ParseIdentifier parses an identifier as people write it: surrounding space is
// ignored, and so is the leading plus of an MSISDN. The error is written for
// the person who typed the text.
func ParseIdentifier(s string) (Identifier, error) {
	text := strings.TrimSpace(s)
	digits := strings.TrimPrefix(text, "+")
	if digits == "" {
		return Identifier{}, fmt.Errorf("the SIM is missing: give its ICCID, IMSI or MSISDN")
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return Identifier{}, fmt.Errorf("%q is not a SIM identifier: an ICCID, IMSI or MSISDN has digits only", clip(text))
		}
	}
	n := len(digits)
	switch {
	case n >= minIdentifier && n <= maxSubscriber:
	case n >= minICCID && n <= maxICCID && len(digits) == len(text):
	default:
		return Identifier{}, fmt.Errorf("%q has %d digits: an ICCID has %d to %d, an IMSI or MSISDN %d to %d%s",
			clip(text), n, minICCID, maxICCID, minIdentifier, maxSubscriber, LuhnHint(digits))
	}
	return Identifier{digits}, nil
}

// LuhnHint returns a hint to append to an error about an ICCID whose check
// digit is wrong (ITU-T E.118), or an empty string. Not all real ICCIDs pass
// the Luhn check, so a wrong digit by itself is not an error.
func LuhnHint(digits string) string {
	if len(digits) < minICCID || len(digits) > maxICCID || luhn(digits) {
		return ""
	}
	return " (the check digit is wrong too: check for a typing error)"
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// OperatorID is the public id of an account: OP and ten digits.
type OperatorID string

// ParseOperatorID parses an operator id. Lower case and surrounding space are
// allowed.
func ParseOperatorID(s string) (OperatorID, error) {
	id := strings.ToUpper(strings.TrimSpace(s))
	digits, ok := strings.CutPrefix(id, "OP")
	if ok && len(digits) == 10 && strings.Trim(digits, "0123456789") == "" {
		return OperatorID(id), nil
	}
	return "", fmt.Errorf("%q is not an operator id: it is OP and ten digits, such as OP0012345678", clip(strings.TrimSpace(s)))
}

// ParseEmail checks that the text has the form of an email address and returns
// it in lower case. The check is loose: the result is only compared with the
// primary email of an account.
func ParseEmail(s string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(s))
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(email, " \t\r\n,;<>\"") || strings.Contains(domain, "@") || len(email) > 254 {
		return "", fmt.Errorf("%q is not an email address", clip(strings.TrimSpace(s)))
	}
	return email, nil
}

// clip shortens text that an error quotes: the text may be hostile input.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}
