package transfer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"simtransfer/transfer"
)

func TestParseIdentifier(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, want string // an empty want is a refusal
		iccid    bool
	}{
		{in: "8988012345678901234", want: "8988012345678901234", iccid: true}, // 19 digits
		{in: "898801234567890123", want: "898801234567890123", iccid: true},   // 18, the shortest
		{in: "8988012345678901234567", want: "8988012345678901234567", iccid: true},
		{in: "89880123456789012345678"}, // 23
		{in: "8988012345678901"},        // 16: neither the one nor the other
		{in: "89880123456789012"},       // 17
		{in: "901701234567890", want: "901701234567890"},
		{in: "123456", want: "123456"},
		{in: "12345"},
		{in: "+88350000001", want: "88350000001"},
		{in: " +88350000001\t", want: "88350000001"},
		{in: "\r\n123456\n", want: "123456"},
		{in: "++88350000001"},
		{in: "+8988012345678901234"}, // an ICCID has no plus
		{in: "-88350000001"},
		{in: "8835 0000001"},
		{in: "8835-0000001"},
		{in: "89880123456789012３4"}, // a full-width digit
		{in: "٠١٢٣٤٥٦٧"},            // digits of another script
		{in: "0x123456"},
		{in: "123456\x00"},
		{in: ""},
		{in: "  "},
		{in: "+"},
		{in: "ICCID"},
		{in: strings.Repeat("1", 1000)},
	} {
		got, err := transfer.ParseIdentifier(c.in)
		if (err == nil) != (c.want != "") || got.String() != c.want || got.IsICCID() != c.iccid {
			t.Errorf("%q: %q (ICCID: %t), %v; want %q", c.in, got, got.IsICCID(), err, c.want)
		}
		if err != nil && len(err.Error()) > 250 {
			t.Errorf("%q: an error of %d bytes", c.in, len(err.Error()))
		}
	}
}

// A wrong check digit is a hint in another error and never an error itself.
func TestLuhn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		digits string
		hint   bool
	}{
		{"8944500102198304826", false}, // passes
		{"8944500102198304825", true},
		{"89445001021983048262", true},
		{"12345", false}, // too short to have a check digit
		{strings.Repeat("1", 23), false},
		{strings.Repeat("0", 20), false},
	} {
		if got := transfer.LuhnHint(c.digits); (got != "") != c.hint {
			t.Errorf("%s: hint %q, want one: %t", c.digits, got, c.hint)
		}
		if len(c.digits) < 18 || len(c.digits) > 22 {
			continue
		}
		if _, err := transfer.ParseIdentifier(c.digits); err != nil {
			t.Errorf("%s was refused: %v", c.digits, err)
		}
	}
}

func FuzzParseIdentifier(f *testing.F) {
	for _, seed := range []string{"8988012345678901234", "+88350000001", " 901701234567890 ", "", "+", "12345", "++1", "1\x00", "１２３４５６", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, err := transfer.ParseIdentifier(in)
		if err != nil {
			if id != (transfer.Identifier{}) {
				t.Errorf("%q: refused, and %q all the same", in, id)
			}
			if !utf8.ValidString(err.Error()) || len(err.Error()) > 400 {
				t.Errorf("%q: error %q", in, err)
			}
			return
		}
		digits := id.String()
		if n := len(digits); strings.Trim(digits, "0123456789") != "" || n < 6 || n > 22 || n == 16 || n == 17 {
			t.Errorf("%q: %q names nothing", in, digits)
		}
		if id.IsICCID() != (len(digits) >= 18) {
			t.Errorf("%q: ICCID: %t", in, id.IsICCID())
		}
		again, err := transfer.ParseIdentifier(digits)
		if err != nil || again != id {
			t.Errorf("%q: read as %q, and that as %q (%v)", in, id, again, err)
		}
	})
}

func TestParseOperatorID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"OP0012345678", "OP0012345678"},
		{" op0012345678 ", "OP0012345678"},
		{"OP001234567", ""},
		{"OP00123456789", ""},
		{"XX0012345678", ""},
		{"OP00123456x8", ""},
		{"OP-001234567", ""},
		{"0012345678", ""},
		{"", ""},
	} {
		got, err := transfer.ParseOperatorID(c.in)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"ops@operator.example", "ops@operator.example"},
		{"  Ops@Operator.Example\n", "ops@operator.example"},
		{"a.b+c@d", "a.b+c@d"},
		{"ops", ""},
		{"@operator.example", ""},
		{"ops@", ""},
		{"ops@@operator.example", ""},
		{"a@b@c", ""},
		{"ops @operator.example", ""},
		{"ops@operator.example,other@operator.example", ""},
		{"Ops <ops@operator.example>", ""},
		{strings.Repeat("a", 250) + "@b.example", ""},
		{"", ""},
	} {
		got, err := transfer.ParseEmail(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestMayNameTwice(t *testing.T) {
	t.Parallel()
	const a, b, longer, imsi = "8988012345678901234", "8988012345678901235", "89880123456789012345", "901701234567890"
	for _, c := range []struct {
		list []string
		want bool
	}{
		{nil, false}, {[]string{a}, false}, {[]string{imsi}, false}, {[]string{a, b}, false},
		{[]string{a, longer}, true}, {[]string{a, imsi}, true}, {[]string{imsi, a}, true}, {[]string{imsi, imsi}, true}, {[]string{a, b, longer}, true},
	} {
		got := transfer.MayNameTwice(func(yield func(transfer.Identifier) bool) {
			for _, text := range c.list {
				if id, err := transfer.ParseIdentifier(text); err != nil || !yield(id) {
					return
				}
			}
		})
		if got != c.want {
			t.Errorf("%q: %t", c.list, got)
		}
	}
}
