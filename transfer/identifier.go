package transfer

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode"
)

// Identifier names a SIM. It is an ICCID (18 to 22 digits), an IMSI (14 or 15
// digits) or an MSISDN (7 to 15 digits with the country code, E.164). Only the
// database can tell an IMSI from an MSISDN. The zero value names no SIM.
type Identifier struct{ digits string }

// String returns the canonical form: digits only, an MSISDN without its plus.
func (i Identifier) String() string { return i.digits }

// IsICCID reports whether the identifier is long enough to be an ICCID.
func (i Identifier) IsICCID() bool { return len(i.digits) >= minICCID }

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
	minIMSI   = 14 // ITU-T E.212: MCC, MNC and MSIN have 15 digits at most
	maxIMSI   = 15
	minMSISDN = 7  // the shortest numbers in use, with their country code
	maxMSISDN = 15 // ITU-T E.164
	minICCID  = 18
	maxICCID  = 22

	eidLength = 32

	minIMEI = 14 // 3GPP TS 23.003
	maxIMEI = 16

	minPrefix = 6
	// Of a million SIMs with consecutive numbers, a few have the same last six digits in
	// one of their identifiers; a hundred times as many have the same last four.
	minSuffix = 6
)

// ParseIdentifier parses an ICCID, an IMSI or an MSISDN as people write it:
//
//   - Spaces, dashes, dots, slashes, parentheses and invisible characters
//     between digits are ignored, and so are quotes around the number.
//   - The filler F at the end of an ICCID is removed.
//   - An MSISDN can start with + or 00. A number of 14 or 15 digits that starts
//     with 001 is an IMSI of the test network 001, not an MSISDN.
//
// The error is written for the person who typed the text.
func ParseIdentifier(s string) (Identifier, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return Identifier{}, err
	}
	if n.digits == "" {
		return Identifier{}, errors.New("the SIM is missing: give its ICCID, IMSI or MSISDN")
	}
	testIMSI := strings.HasPrefix(n.digits, "001") && len(n.digits) >= minIMSI && len(n.digits) <= maxIMSI
	switch length := len(n.digits); {
	case length >= minICCID:
		return n.iccid()
	case n.plus, n.digits[0] == '0' && !testIMSI:
		return n.msisdn()
	case length < minMSISDN, length > maxMSISDN:
		return Identifier{}, fmt.Errorf("%q has %d %s: an ICCID has %d to %d, an IMSI %d or %d, an MSISDN %d to %d with its country code",
			n.text, length, digitsNoun(length), minICCID, maxICCID, minIMSI, maxIMSI, minMSISDN, maxMSISDN)
	}
	return Identifier{n.digits}, nil
}

// ParseStored parses what String returned.
func ParseStored(s string) (Identifier, error) {
	if s == "" || len(s) > maxICCID || strings.Trim(s, "0123456789") != "" {
		return Identifier{}, fmt.Errorf("%q is not a stored identifier", clip(s))
	}
	return Identifier{s}, nil
}

// ParseICCID parses an ICCID as [ParseIdentifier] does, and refuses anything else.
func ParseICCID(s string) (Identifier, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return Identifier{}, err
	}
	return n.iccid()
}

// ParseIMSI parses an IMSI as [ParseIdentifier] does, and refuses anything else.
func ParseIMSI(s string) (Identifier, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return Identifier{}, err
	}
	if length := len(n.digits); n.plus || length < minIMSI || length > maxIMSI {
		return Identifier{}, fmt.Errorf("%q is not an IMSI: an IMSI has %d or %d digits and no plus", n.text, minIMSI, maxIMSI)
	}
	return Identifier{n.digits}, nil
}

// ParseMSISDN parses an MSISDN as [ParseIdentifier] does, and refuses anything
// else. Numbers need their country code: a national number, which starts with a
// single 0, is an error.
func ParseMSISDN(s string) (Identifier, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return Identifier{}, err
	}
	return n.msisdn()
}

// ParseEID parses the EID of an eUICC (GSMA SGP.29): 32 digits, which people may
// have grouped. It returns digits only.
func ParseEID(s string) (string, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return "", fmt.Errorf("%q is not an EID: an EID has %d digits", clip(Trim(s)), eidLength)
	}
	if n.plus || len(n.digits) != eidLength {
		return "", fmt.Errorf("%q is not an EID: it has %d %s, an EID has %d", n.text, len(n.digits), digitsNoun(len(n.digits)), eidLength)
	}
	return n.digits, nil
}

// ParseIMEI parses the number of a device, with the same notation as
// [ParseIdentifier], and returns its digits: 14 without the check digit, 15 with
// it (3GPP TS 23.003, annex B), or 16 with the version of the software (an IMEISV).
func ParseIMEI(s string) (string, error) {
	n, err := readNumber(s, "an IMEI: it")
	if err != nil {
		return "", err
	}
	if length := len(n.digits); n.plus || length < minIMEI || length > maxIMEI {
		return "", fmt.Errorf("%q is not an IMEI: an IMEI has %d to %d digits", n.text, minIMEI, maxIMEI)
	}
	if device := n.digits[:minIMEI]; len(n.digits) == minIMEI+1 && !luhn(n.digits) {
		return "", fmt.Errorf("%q has a wrong check digit: if the first %d digits are right, the IMEI is %s%d; check for a typing error", n.text, minIMEI, device, checkDigit(device))
	}
	return n.digits, nil
}

// ParseIdentifierPrefix parses the first digits of an identifier, 6 to 22, with
// the same notation as [ParseIdentifier]. It returns digits only.
func ParseIdentifierPrefix(s string) (string, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return "", err
	}
	digits := n.digits
	if !n.plus && strings.HasPrefix(digits, "00") && !strings.HasPrefix(digits, "001") {
		digits = digits[2:]
	}
	if len(digits) < minPrefix || len(digits) > maxICCID {
		return "", fmt.Errorf("%q has %d %s: give the first %d to %d digits of an ICCID, IMSI or MSISDN",
			n.text, len(digits), digitsNoun(len(digits)), minPrefix, maxICCID)
	}
	return digits, nil
}

// ParseIdentifierSuffix parses the last digits of an identifier, 6 to 22, with the
// same notation as [ParseIdentifier]. It returns digits only. Those of an ICCID can end
// with its check digit or before it.
func ParseIdentifierSuffix(s string) (string, error) {
	n, err := readNumber(s, simIdentifier)
	if err != nil {
		return "", err
	}
	if len(n.digits) < minSuffix || len(n.digits) > maxICCID {
		return "", fmt.Errorf("%q has %d %s: give the last %d to %d digits of an ICCID, IMSI or MSISDN",
			n.text, len(n.digits), digitsNoun(len(n.digits)), minSuffix, maxICCID)
	}
	return n.digits, nil
}

// number is a number as a person has written it.
type number struct {
	text   string // as written, shortened for errors
	plus   bool
	digits string
}

func (n number) iccid() (Identifier, error) {
	switch length := len(n.digits); {
	case length > maxICCID && isRange(n.text):
		return Identifier{}, fmt.Errorf("%q is a range of ICCIDs: list the ICCIDs one by one here", n.text)
	case length < minICCID || length > maxICCID:
		return Identifier{}, fmt.Errorf("%q is not an ICCID: it has %d %s, an ICCID has %d to %d%s",
			n.text, length, digitsNoun(length), minICCID, maxICCID, LuhnHint(n.digits))
	case n.plus:
		return Identifier{}, fmt.Errorf("%q starts with a plus like an MSISDN, but has %d digits like an ICCID: remove the plus of an ICCID, or correct the MSISDN", n.text, length)
	}
	return Identifier{n.digits}, nil
}

func (n number) msisdn() (Identifier, error) {
	digits := n.digits
	if !n.plus {
		digits = strings.TrimPrefix(digits, "00")
	}
	switch {
	case strings.HasPrefix(digits, "0"):
		return Identifier{}, fmt.Errorf("%q is a national number: give the MSISDN with its country code, such as +44 7400 000001", n.text)
	case len(digits) < minMSISDN || len(digits) > maxMSISDN:
		return Identifier{}, fmt.Errorf("%q is not an MSISDN: it has %d %s, an MSISDN has %d to %d with its country code, such as +44 7400 000001",
			n.text, len(digits), digitsNoun(len(digits)), minMSISDN, maxMSISDN)
	}
	return Identifier{digits}, nil
}

// simIdentifier is the kind of number that names a SIM.
const simIdentifier = "a SIM identifier: an ICCID, IMSI or MSISDN"

// readNumber removes everything that is not part of a number. It returns no
// digits for a blank text. Errors say which kind of number it should be.
func readNumber(s, kind string) (number, error) {
	if isDigits(s) { // as nearly all are in a file
		return number{text: clip(s), digits: s}, nil
	}
	text := strings.TrimFunc(s, ignorable)
	n := number{text: clip(text)}
	inner := strings.TrimPrefix(text, "=") // ="8988…" keeps a spreadsheet from changing the number
	inner = strings.Trim(inner, `'"’‘”“`)
	inner = strings.TrimFunc(inner, ignorable)
	if roundedNotation(inner) {
		return n, fmt.Errorf("%q is a number that a spreadsheet program has rounded: format the column as text, enter the numbers again, and export the file again", n.text)
	}
	inner, n.plus = strings.CutPrefix(inner, "+")
	if n.plus {
		inner = strings.Replace(inner, "(0)", "", 1) // the national prefix, as in +44 (0)7400 000001
	}
	inner = strings.TrimRight(inner, "fF") // the filler of ICCIDs and IMSIs with an odd number of digits
	var digits strings.Builder
	for i, r := range inner {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r >= '０' && r <= '９': // full width
			digits.WriteRune(r - '０' + '0')
		case ignorable(r), i > 0 && separates(r), i == 0 && r == '(':
		default:
			return n, fmt.Errorf("%q is not %s has digits only, and this has %q", n.text, kind, r)
		}
	}
	n.digits = digits.String()
	if n.digits == "" && text != "" {
		return n, fmt.Errorf("%q is not %s has digits only", n.text, kind)
	}
	return n, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ignorable reports whether a character is white space or invisible.
func ignorable(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) }

// separates reports whether people write a character between groups of digits.
func separates(r rune) bool {
	return unicode.Is(unicode.Pd, r) || strings.ContainsRune("./()", r)
}

// roundedNotation reports whether a text is a number such as 8.98822E+18.
func roundedNotation(s string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(s), "E")
	exponent = strings.TrimPrefix(exponent, "+")
	return ok && mantissa != "" && exponent != "" &&
		strings.Trim(mantissa, "0123456789.,") == "" && strings.Trim(exponent, "0123456789") == ""
}

// LooksRounded reports whether the identifier could be a longer number that a
// spreadsheet has rounded: spreadsheets keep 15 digits and replace the others
// with zeros.
func (i Identifier) LooksRounded() bool {
	const kept = 15
	return len(i.digits) > kept && strings.Trim(i.digits[kept:], "0") == ""
}

// OtherForm returns the other form in which an ICCID is written: without its
// check digit if it has a valid one (ITU-T E.118), or else with it. It returns
// false for other identifiers, and if the other form would not be an ICCID.
func (i Identifier) OtherForm() (Identifier, bool) {
	n := len(i.digits)
	switch {
	case !i.IsICCID():
		return Identifier{}, false
	case n > minICCID && luhn(i.digits):
		return Identifier{i.digits[:n-1]}, true
	case n < maxICCID:
		return Identifier{i.digits + string(rune('0'+checkDigit(i.digits)))}, true
	}
	return Identifier{}, false
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

// luhn reports whether the last digit is the check digit of the others.
func luhn(digits string) bool {
	last := len(digits) - 1
	return checkDigit(digits[:last]) == int(digits[last]-'0')
}

// checkDigit returns the digit that follows digits by the algorithm of Luhn.
func checkDigit(digits string) int {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

func digitsNoun(n int) string {
	if n == 1 {
		return "digit"
	}
	return "digits"
}

// clip shortens text that an error quotes: the text may be hostile input.
func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}
