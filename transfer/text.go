package transfer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseLine parses a name, a reference or another text of one line, as people
// write and copy it. It removes white space and invisible characters at both
// ends, so a text that shows nothing is empty. Inside the text it refuses line
// breaks, control characters and invisible characters, with which two names
// that are different would look the same, and U+FFFD, which programs write in
// place of what they cannot read.
func ParseLine(s string) (string, error) {
	return parseText(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || isInvisible(r) && !joins(r)
	})
}

// ParseText is ParseLine for a text of several lines, such as a reason. It
// refuses control characters other than tabs and line breaks, characters that
// change the direction of the text that follows, and U+FFFD.
func ParseText(s string) (string, error) {
	return parseText(s, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r) || unicode.Is(unicode.Bidi_Control, r) && !isMark(r)
	})
}

func parseText(s string, refused func(rune) bool) (string, error) {
	if IsPlain(s) {
		return s, nil
	}
	if strings.TrimFunc(s, isBlank) == "" {
		return "", nil
	}
	text := Trim(s)
	for i, r := range text {
		switch {
		case r == utf8.RuneError:
			return "", fmt.Errorf("the text %s%s: type it again", afterText(text[:i]), describeRune(r))
		case refused(r):
			return "", fmt.Errorf("the text %s%s: remove it", afterText(text[:i]), describeRune(r))
		}
	}
	return text, nil
}

// Trim removes white space and invisible characters at both ends. A joiner and a
// variation selector at an end belong to the character before them.
func Trim(s string) string {
	if IsPlain(s) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) && !joins(r) })
}

// IsPlain reports whether a text consists of printable ASCII characters and does
// not begin or end with a space. Most texts in a large file do, and need not be
// looked at character by character in more than one way.
func IsPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// isBlank reports whether a character by itself shows nothing.
func isBlank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || isInvisible(r) }

// isInvisible reports whether a character shows nothing and takes no space, or
// looks like a blank without being white space.
func isInvisible(r rune) bool {
	if r < utf8.RuneSelf {
		return false
	}
	const brailleBlank = 0x2800
	return r == brailleBlank || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joins reports whether an invisible character changes how its neighbours are
// written, as emoji and several scripts need it.
func joins(r rune) bool {
	const nonJoiner, joiner = 0x200c, 0x200d
	return r == nonJoiner || r == joiner || unicode.Is(unicode.Variation_Selector, r)
}

// isMark reports whether a character only gives a direction to its neighbours,
// as texts in Arabic and Hebrew need it.
func isMark(r rune) bool {
	const leftToRight, rightToLeft, arabic = 0x200e, 0x200f, 0x061c
	return r == leftToRight || r == rightToLeft || r == arabic
}

// describeRune names a character that cannot be shown.
func describeRune(r rune) string {
	kind := "an invisible character"
	switch {
	case r == '\n' || r == '\r' || unicode.In(r, unicode.Zl, unicode.Zp):
		kind = "a line break"
	case r == '\t':
		kind = "a tab"
	case r == utf8.RuneError:
		kind = "a character that an earlier conversion of the text has lost"
	case unicode.IsControl(r):
		kind = "a control character"
	case unicode.Is(unicode.Bidi_Control, r):
		kind = "a character that changes the direction of the text"
	}
	return fmt.Sprintf("%s (U+%04X)", kind, r)
}

// afterText describes the place of a character, such as: has after "nor".
func afterText(before string) string {
	if before == "" {
		return "begins with "
	}
	const enough = 12
	runes := []rune(before)
	return fmt.Sprintf("has after %q ", string(runes[max(0, len(runes)-enough):]))
}
