package transfer

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// SIMRef is an entry of a list of SIMs. Exactly one field is set: the identifier
// of one SIM, the EID of an eUICC, which can hold several SIMs, or a range of
// ICCIDs.
type SIMRef struct {
	ID    Identifier
	EID   string
	Range ICCIDRange
}

// One reports whether the entry names one SIM, which need not exist.
func (r SIMRef) One() bool { return r.ID != Identifier{} }

// String returns the canonical form.
func (r SIMRef) String() string {
	switch {
	case r.One():
		return r.ID.String()
	case r.EID != "":
		return r.EID
	}
	return r.Range.String()
}

// ICCIDRange is all ICCIDs from First to Last, both included. Both have the same
// number of digits. A SIM is in the range if one of the two forms of its ICCID,
// with and without check digit, has that many digits and lies between them. See
// also [ICCIDRange.WithoutCheckDigits].
type ICCIDRange struct{ First, Last Identifier }

// WithoutCheckDigits returns the range without the check digits of its ends, if
// both are valid. A SIM whose ICCID is stored without a check digit is in the
// range if it is in this one. Its other form does not tell: one in ten ICCIDs
// without a check digit ends with a digit that looks like a valid one.
func (r ICCIDRange) WithoutCheckDigits() (ICCIDRange, bool) {
	if n := len(r.First.digits); n > minICCID && luhn(r.First.digits) && luhn(r.Last.digits) {
		return ICCIDRange{Identifier{r.First.digits[:n-1]}, Identifier{r.Last.digits[:n-1]}}, true
	}
	return ICCIDRange{}, false
}

// String returns the two ends with a dash between them.
func (r ICCIDRange) String() string { return r.First.String() + "-" + r.Last.String() }

// RangeError says why a text is not a range of ICCIDs. It is written for the
// person who typed the text.
type RangeError struct{ text string }

func (e *RangeError) Error() string { return e.text }

// ParseSIMRef parses an entry of a list of SIMs: whatever [ParseIdentifier]
// parses, an EID, or a range as [ParseICCIDRange] parses it. It returns a
// *RangeError for a range that is wrong.
func ParseSIMRef(s string) (SIMRef, error) {
	digits := countDigits(s)
	if digits <= maxICCID {
		id, err := ParseIdentifier(s)
		return SIMRef{ID: id}, err
	}
	first, last, ok := cutRange(s)
	switch {
	case ok:
		r, err := parseEnds(first, last)
		return SIMRef{Range: r}, err
	case digits == eidLength:
		eid, err := ParseEID(s)
		return SIMRef{EID: eid}, err
	}
	_, err := ParseIdentifier(s)
	if err == nil {
		err = fmt.Errorf("%q has %d digits, which is too many", clip(Trim(s)), digits)
	}
	return SIMRef{}, fmt.Errorf("%w; an EID has %d, and a range of ICCIDs has a dash between its ends, such as 8988211000000000011-8988211000000000099", err, eidLength)
}

// ParseICCIDRange parses two ICCIDs with a dash between them. Spaces and dashes
// inside the ICCIDs are ignored. It returns a *RangeError if the text is no range,
// if its ends have different numbers of digits, or if it ends before it begins.
func ParseICCIDRange(s string) (ICCIDRange, error) {
	first, last, ok := cutRange(s)
	if !ok {
		return ICCIDRange{}, &RangeError{fmt.Sprintf("%q is not a range of ICCIDs: give the first and the last ICCID with a dash between them, such as 8988211000000000011-8988211000000000099", clip(Trim(s)))}
	}
	return parseEnds(first, last)
}

func parseEnds(first, last string) (ICCIDRange, error) {
	var r ICCIDRange
	var err error
	if r.First, err = ParseICCID(first); err != nil {
		return r, &RangeError{"the first ICCID of a range is wrong: " + err.Error()}
	}
	if r.Last, err = ParseICCID(last); err != nil {
		return r, &RangeError{"the last ICCID of a range is wrong: " + err.Error()}
	}
	switch from, to := r.First.digits, r.Last.digits; {
	case len(from) != len(to):
		return r, &RangeError{fmt.Sprintf("the ends of the range %s have %d and %d digits: give both with their check digit, or both without", r, len(from), len(to))}
	case from > to:
		return r, &RangeError{fmt.Sprintf("the range %s ends before it begins: exchange the two ICCIDs", r)}
	}
	return r, nil
}

// cutRange splits a text at the dash between the ends of a range: the dash that
// leaves equally many digits on both sides, or else the first one with enough
// digits for an ICCID before it. It returns false if there is none, and for an EID
// with dashes between groups of digits.
func cutRange(s string) (first, last string, ok bool) {
	total, before, dashes := countDigits(s), 0, 0
	at := -1
	for i, r := range s {
		switch {
		case isDigit(r):
			before++
		case !unicode.Is(unicode.Pd, r) && r != '−':
		case before >= minICCID && 2*before == total:
			return s[:i], afterDash(s[i:]), true
		default:
			dashes++
			if at < 0 && before >= minICCID && before < total {
				at = i
			}
		}
	}
	if at < 0 || total == eidLength && dashes > 1 {
		return "", "", false
	}
	return s[:at], afterDash(s[at:]), true
}

// isRange reports whether a text is a range of ICCIDs, with right ends or not.
func isRange(s string) bool {
	_, _, ok := cutRange(s)
	return ok
}

// afterDash returns the text after the dash that it begins with.
func afterDash(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[size:]
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' || r >= '０' && r <= '９' }

func countDigits(s string) int {
	n := 0
	for _, r := range s {
		if isDigit(r) {
			n++
		}
	}
	return n
}

// Name returns the text under which a request records an entry that names no SIM:
// the entry itself, as if it were an identifier. A range has none.
func (r SIMRef) Name() Identifier {
	if r.EID != "" {
		return Identifier{r.EID}
	}
	return r.ID
}
