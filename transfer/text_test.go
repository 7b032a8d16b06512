package transfer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"simtransfer/transfer"
)

func TestParseLineAndParseText(t *testing.T) {
	t.Parallel()
	const refused = "\x00" // stands for an error
	for _, c := range []struct{ in, line, text string }{
		{"T-1", "T-1", "T-1"},
		{"  T 1\t\r\n", "T 1", "T 1"},
		{"\u00a0\u2003T-1\u3000", "T-1", "T-1"},
		{"\ufeffT-1\u200b", "T-1", "T-1"},
		{"\u200e\u202dT-1\u202c\u2060\u00ad", "T-1", "T-1"},
		{"", "", ""},
		{" \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2028\u2029\u202f\u205f\u3000", "", ""},
		{"\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u1160\u3164\uffa0\u2800\u180e\ufe0f\U000e0020\U000e0100", "", ""},
		{"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c", "", ""},
		{"\x00\x07\x1b\x7f\u009b", "", ""},
		{"one\ntwo", refused, "one\ntwo"},
		{"one\ttwo", refused, "one\ttwo"},
		{"one\u2028two", refused, "one\u2028two"},
		{"\x1b[31mred", refused, refused},
		{"red\u009b31m", refused, refused},
		{"a\x00b", refused, refused},
		{"a\u202eb", refused, refused},
		{"a\u2067b", refused, refused},
		{"M\ufffdller", refused, refused}, // an earlier conversion has lost a character
		{"M\xfcller", refused, refused},
		{"no\u200brth", refused, "no\u200brth"},
		{"no\u00adrth", refused, "no\u00adrth"},
		{"שלום\u200f!", refused, "שלום\u200f!"},
		{"❤\ufe0f", "❤\ufe0f", "❤\ufe0f"},
		{"👩\u200d🔧", "👩\u200d🔧", "👩\u200d🔧"},
		{"می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{"Müller & Söhne, 東京", "Müller & Söhne, 東京", "Müller & Söhne, 東京"},
	} {
		for name, parse := range map[string]struct {
			parse func(string) (string, error)
			want  string
		}{"ParseLine": {transfer.ParseLine, c.line}, "ParseText": {transfer.ParseText, c.text}} {
			got, err := parse.parse(c.in)
			switch {
			case (err != nil) != (parse.want == refused):
				t.Errorf("%s(%+q): %q, %v", name, c.in, got, err)
			case err != nil && (!strings.Contains(err.Error(), "U+") || strings.ContainsAny(err.Error(), "\x00\x1b\u202e\u200b")):
				t.Errorf("%s(%+q): %+q", name, c.in, err)
			case err == nil && got != parse.want:
				t.Errorf("%s(%+q): %+q", name, c.in, got)
			}
		}
	}
}

func FuzzParseText(f *testing.F) {
	for _, seed := range []string{"", " a ", "a\u200b", "\xff", "a\x00b", "\u202e", "❤\ufe0f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		for name, parse := range map[string]func(string) (string, error){"ParseLine": transfer.ParseLine, "ParseText": transfer.ParseText} {
			got, err := parse(in)
			if err != nil {
				if got != "" || utf8.ValidString(in) && !utf8.ValidString(err.Error()) {
					t.Errorf("%s(%+q): %+q, %+q", name, in, got, err)
				}
				continue
			}
			if again, err := parse(got); err != nil || again != got {
				t.Errorf("%s(%+q): %+q, and that gives %+q, %v", name, in, got, again, err)
			}
		}
	})
}

func TestParseTag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"site", "north", true},
		{" site\u200b", " north ", true},
		{"site", "", true},
		{"site", " \u200b", true},
		{"", "north", false},
		{"\u3164", "north", false},
		{"si\nte", "north", false},
		{"site", "no\u202erth", false},
		{strings.Repeat("ü", transfer.MaxTagName), strings.Repeat("ü", transfer.MaxTagValue), true},
		{strings.Repeat("x", transfer.MaxTagName+1), "", false},
		{"site", strings.Repeat("x", transfer.MaxTagValue+1), false},
	} {
		name, value, err := transfer.ParseTag(c.name, c.value)
		if (err == nil) != c.ok || err == nil && (strings.TrimSpace(name) != name || strings.Contains(value, "\u200b")) {
			t.Errorf("%+q, %+q: %q, %q, %v", c.name, c.value, name, value, err)
		}
	}
}
