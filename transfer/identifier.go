package transfer

import (
	"fmt"
	"strings"
)

// Identifier names a SIM: an ICCID (18 to 22 digits), an IMSI (6 to 15 digits)
// or an MSISDN (up to 15 digits, E.164, with or without a leading plus).
// Which of the latter two a short number is, only the lookup table knows.
// The zero value names nothing.
type Identifier struct{ digits string }

// String returns the canonical form: the digits alone.
func (i Identifier) String() string { return i.digits }

// IsICCID reports whether the identifier is long enough to be an ICCID.
func (i Identifier) IsICCID() bool { return len(i.digits) >= 18 }

const (
	minIdentifier = 6
	maxSubscriber = 15 // ITU-T E.164 and E.212
	minICCID      = 18
	maxICCID      = 22
)

// ParseIdentifier reads an identifier as people write it: surrounding space is
// dropped, and so is the plus of an MSISDN. The error says what is wrong with
// the text, for the person who typed it.
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

// LuhnHint returns words to append to an error about an ICCID whose check
// digit is wrong, and nothing otherwise. Real ICCIDs do not all pass Luhn
// (ITU-T E.118), so a wrong digit is never an error by itself.
func LuhnHint(digits string) string {
	if len(digits) < minICCID || len(digits) > maxICCID || luhn(digits) {
		return ""
	}
	return " (its check digit is wrong too: is a digit mistyped?)"
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

// ParseOperatorID reads an operator id; lower case and surrounding space are
// forgiven.
func ParseOperatorID(s string) (OperatorID, error) {
	id := strings.ToUpper(strings.TrimSpace(s))
	digits, ok := strings.CutPrefix(id, "OP")
	if ok && len(digits) == 10 && strings.Trim(digits, "0123456789") == "" {
		return OperatorID(id), nil
	}
	return "", fmt.Errorf("%q is not an operator id: it is OP and ten digits, such as OP0012345678", clip(strings.TrimSpace(s)))
}

// ParseEmail reads an email address loosely (something, an @, a domain) and
// returns it in lower case: its only use is to be compared with the primary
// email of an account.
func ParseEmail(s string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(s))
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(email, " \t\r\n,;<>\"") || strings.Contains(domain, "@") || len(email) > 254 {
		return "", fmt.Errorf("%q is not an email address", clip(strings.TrimSpace(s)))
	}
	return email, nil
}

// clip keeps a hostile input from flooding the error that quotes it.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}
