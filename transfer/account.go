package transfer

import (
	"fmt"
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

// ParseEmail checks that the text has the form of an email address and returns
// the form in which addresses are stored and compared: in lower case, in Unicode
// Normalization Form C, with an international domain as ASCII (xn--…), and
// without white space and invisible characters at both ends. The check is loose:
// the result is only compared with the primary email of an account.
func ParseEmail(s string) (string, error) {
	text := Trim(s)
	email := strings.ToLower(norm.NFC.String(text))
	local, domain, ok := strings.Cut(email, "@")
	domain = asciiDomain(domain)
	email = local + "@" + domain
	switch {
	case !ok, local == "", domain == "", strings.Contains(domain, "@"), len(email) > MaxEmail,
		strings.Contains(domain, ".."), strings.HasPrefix(domain, "."), strings.HasSuffix(domain, "."),
		strings.ContainsAny(email, ",;<>\"") || strings.ContainsFunc(email, unicode.IsSpace) || strings.ContainsFunc(email, isBlank) || strings.ContainsRune(email, utf8.RuneError):
		return "", fmt.Errorf("%q is not an email address%s", clip(text), invisibleHint(text))
	}
	return email, nil
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
