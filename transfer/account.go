package transfer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// OperatorID is the public id of an account: OP and ten digits.
type OperatorID string

// ParseOperatorID parses an operator id. Lower case is allowed, and so are white
// space and invisible characters at both ends.
func ParseOperatorID(s string) (OperatorID, error) {
	text := Trim(s)
	id := strings.ToUpper(text)
	digits, ok := strings.CutPrefix(id, "OP")
	if ok && len(digits) == 10 && strings.Trim(digits, "0123456789") == "" {
		return OperatorID(id), nil
	}
	return "", fmt.Errorf("%q is not an operator id: it is OP and ten digits, such as OP0012345678%s", clip(text), invisibleHint(text))
}

// Ref returns the reference to the account with this operator id.
func (o OperatorID) Ref() AccountRef { return AccountRef(o) }

// AccountRef names an account, as callers do: by its operator id, or by its
// external id with ext: before it. This canonical form is unique: no operator id
// starts with ext:.
type AccountRef string

// externalPrefix precedes an external id in an AccountRef.
const externalPrefix = "ext:"

// ExternalRef returns the reference to the account with an external id.
func ExternalRef(id string) AccountRef { return AccountRef(externalPrefix + id) }

// External returns the external id, and whether the reference has one. Otherwise
// it has an operator id.
func (r AccountRef) External() (string, bool) { return strings.CutPrefix(string(r), externalPrefix) }

// ParseAccountRef parses an operator id, an external id with ext: before it, or an
// external id by itself. Text that looks like an operator id, OP and only digits,
// is never taken as an external id without the prefix, so that a mistyped operator
// id is an error.
func ParseAccountRef(s string) (AccountRef, error) {
	text := Trim(s)
	id, prefixed := strings.CutPrefix(text, externalPrefix)
	if !prefixed {
		operator, err := ParseOperatorID(text)
		if err == nil {
			return operator.Ref(), nil
		}
		if looksLikeOperatorID(text) {
			return "", fmt.Errorf("%w; if it is an external id, write %q", err, externalPrefix+clip(text))
		}
	}
	id, err := ParseExternalID(id)
	if err == nil && id == "" {
		err = errors.New("the account is missing: give its operator id, OP and ten digits, or its external id")
	}
	if err != nil {
		return "", err
	}
	return ExternalRef(id), nil
}

// looksLikeOperatorID reports whether a text is OP and only digits or blanks.
func looksLikeOperatorID(text string) bool {
	digits, ok := strings.CutPrefix(strings.ToUpper(text), "OP")
	return ok && digits != "" && strings.IndexFunc(digits, func(r rune) bool { return !unicode.IsDigit(r) && !isBlank(r) }) < 0
}

// ParseExternalID parses an id from the operator's own systems: any text of one
// line. Capital and small letters differ. White space and invisible characters at
// both ends are removed; a blank text is empty.
func ParseExternalID(s string) (string, error) {
	id, err := ParseLine(s)
	if err == nil {
		err = CheckLength(id, MaxExternalID)
	}
	if err != nil {
		return "", fmt.Errorf("the external id: %w", err)
	}
	return id, nil
}

// ContactPurpose says which messages an account's contacts get.
type ContactPurpose string

// The purposes of contacts.
const (
	ContactTransfers ContactPurpose = "transfers" // transfer requests that the account sends or receives
	ContactBilling   ContactPurpose = "billing"   // fees
	ContactTechnical ContactPurpose = "technical" // webhook endpoints that fail
	ContactSecurity  ContactPurpose = "security"  // API keys, and what may be a misuse of them
)

// ContactPurposes lists every purpose.
func ContactPurposes() []ContactPurpose {
	return []ContactPurpose{ContactTransfers, ContactBilling, ContactTechnical, ContactSecurity}
}

// ParseEmails parses the contacts of a purpose, and removes repetitions.
func ParseEmails(texts []string) ([]string, error) {
	emails := []string{}
	for _, text := range texts {
		email, err := ParseEmail(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(emails, email) {
			emails = append(emails, email)
		}
	}
	if len(emails) > MaxContacts {
		return nil, fmt.Errorf("these are %d addresses: use at most %d", len(emails), MaxContacts)
	}
	return emails, nil
}

// ParseEmail checks that the text has the form of an email address and returns
// the form in which addresses are stored and compared: in lower case, in Unicode
// Normalization Form C, with an international domain as ASCII (xn--…), and
// without white space and invisible characters at both ends. It refuses characters
// that this form would turn into ASCII letters, such as the Kelvin sign: the address
// would become that of another person.
func ParseEmail(s string) (string, error) {
	text := Trim(s)
	for i, r := range text {
		if becomesASCII(r) {
			return "", fmt.Errorf("%q is not an email address (it %s%s, which is not the letter that it looks like: type it again)", clip(text), afterText(text[:i]), describeRune(r))
		}
	}
	email := strings.ToLower(norm.NFC.String(text))
	local, domain, ok := strings.Cut(email, "@")
	domain = asciiDomain(domain)
	email = local + "@" + domain
	switch {
	case !ok, local == "", domain == "", strings.Contains(domain, "@"), len(email) > MaxEmail,
		strings.Contains(domain, ".."), strings.HasPrefix(domain, "."), strings.HasSuffix(domain, "."), strings.HasPrefix(domain, "["),
		strings.ContainsAny(email, ",;<>\"") || strings.ContainsFunc(email, unicode.IsSpace) || strings.ContainsFunc(email, isBlank) || strings.ContainsRune(email, utf8.RuneError):
		return "", fmt.Errorf("%q is not an email address%s", clip(text), invisibleHint(text))
	}
	return email, nil
}

// becomesASCII reports whether a character outside of ASCII begins with an ASCII
// character in the form in which addresses are compared.
func becomesASCII(r rune) bool {
	return r > unicode.MaxASCII && strings.ToLower(norm.NFC.String(string(r)))[0] <= unicode.MaxASCII
}

// asciiDomain returns the ASCII form of an international domain, empty if it has
// none. It returns any other domain as it is.
func asciiDomain(domain string) string {
	if strings.IndexFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return domain
	}
	if strings.ContainsFunc(domain, isBlank) { // which the conversion may drop
		return ""
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return ""
	}
	return ascii
}

// invisibleHint names the first character of a text that cannot be seen, to
// append to an error that quotes the text.
func invisibleHint(text string) string {
	for i, r := range text {
		if unicode.IsControl(r) || isInvisible(r) || r == utf8.RuneError {
			return fmt.Sprintf(" (it %s%s: type it again)", afterText(text[:i]), describeRune(r))
		}
	}
	return ""
}
