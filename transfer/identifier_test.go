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
		{in: "1234567", want: "1234567"},
		{in: "123456"},
		{in: "12345"},
		{in: "+88350000001", want: "88350000001"},
		{in: " +88350000001\t", want: "88350000001"},
		{in: "\r\n1234567\n", want: "1234567"},
		{in: "00447400000001", want: "447400000001"},
		{in: "0012025550123", want: "12025550123"},       // 00 and a number of country code 1
		{in: "001010000000001", want: "001010000000001"}, // an IMSI of the test network
		{in: "00101000000001", want: "00101000000001"},
		{in: "07400000001"}, // national
		{in: "+07400000001"},
		{in: "+44 (0)7400 000001", want: "447400000001"},
		{in: "+44 7400 000-001", want: "447400000001"},
		{in: "(+44) 7400/000001"},
		{in: "+44.7400.000001", want: "447400000001"},
		{in: "8988217000000000072F", want: "8988217000000000072", iccid: true},
		{in: "898821700000000007ff", want: "898821700000000007", iccid: true},
		{in: "8988 2170 0000 0000 072", want: "8988217000000000072", iccid: true},
		{in: "8988-2170\u20110000\u20130000072", want: "8988217000000000072", iccid: true}, // hyphens and dashes
		{in: "8988\u00a02170\u202f0000\u200b0000\ufeff072", want: "8988217000000000072", iccid: true},
		{in: "'8988217000000000072", want: "8988217000000000072", iccid: true},
		{in: `="8988217000000000072"`, want: "8988217000000000072", iccid: true},
		{in: "８９８８217000000000072", want: "8988217000000000072", iccid: true},
		{in: "8.98822E+18"},
		{in: "8,98822e18"},
		{in: "FFFFFF"},
		{in: "8988217000000000072F1"},
		{in: "++88350000001"},
		{in: "+8988012345678901234"}, // an ICCID has no plus
		{in: "-88350000001"},
		{in: "8835 0000001", want: "88350000001"},
		{in: "8835-0000001", want: "88350000001"},
		{in: "٠١٢٣٤٥٦٧"}, // digits of another script
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

func TestParseTypedIdentifiers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parse    func(string) (transfer.Identifier, error)
		in, want string
	}{
		{transfer.ParseICCID, "8988217000000000072F", "8988217000000000072"},
		{transfer.ParseICCID, "447400000001", ""},
		{transfer.ParseICCID, "+8988217000000000072", ""},
		{transfer.ParseICCID, "", ""},
		{transfer.ParseIMSI, "440170000000006", "440170000000006"},
		{transfer.ParseIMSI, "44017 0000 00006", "44017000000006"},
		{transfer.ParseIMSI, "440170000000006F", "440170000000006"},
		{transfer.ParseIMSI, "001010000000001", "001010000000001"},
		{transfer.ParseIMSI, "4401700000006", ""}, // 13
		{transfer.ParseIMSI, "4401700000000006", ""},
		{transfer.ParseIMSI, "+440170000000006", ""},
		{transfer.ParseMSISDN, "+44 7400 000001", "447400000001"},
		{transfer.ParseMSISDN, "00447400000001", "447400000001"},
		{transfer.ParseMSISDN, "447400000001", "447400000001"},
		{transfer.ParseMSISDN, "001010000000001", "1010000000001"}, // in a column of MSISDNs, 00 is the prefix
		{transfer.ParseMSISDN, "07400000001", ""},
		{transfer.ParseMSISDN, "123456", ""},
		{transfer.ParseMSISDN, "8988217000000000072", ""},
	} {
		got, err := c.parse(c.in)
		if (err == nil) != (c.want != "") || got.String() != c.want {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseIdentifierPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"+88312 0", "883120"},
		{"0088312000", "88312000"},
		{"001010", "001010"},
		{"8988-21", "898821"},
		{"+8831", ""},
		{"88312x", ""},
		{"", ""},
		{strings.Repeat("1", 23), ""},
	} {
		got, err := transfer.ParseIdentifierPrefix(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseIdentifierSuffix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"000012", "000012"},
		{"0000 12-3", "0000123"},
		{"00123456", "00123456"}, // two zeros are not the prefix of a call abroad
		{"123456F", "123456"},
		{"12345", ""},
		{"12345x", ""},
		{"", ""},
		{strings.Repeat("1", 23), ""},
	} {
		got, err := transfer.ParseIdentifierSuffix(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	if _, err := transfer.ParseIdentifierSuffix("1234"); err == nil || !strings.Contains(err.Error(), "has 4 digits: give the last 6 to 22 digits") {
		t.Errorf("too few digits: %v", err)
	}
}

// The error names the cause that people most often cannot see.
func TestIdentifierErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"8.98822E+18":          "spreadsheet",
		"+8988217000000000072": "remove the plus",
		"07400000001":          "country code",
		"898821700000000x":     `'x'`,
		"8988217000000000":     "has 16 digits",
		" ":                    "missing",
		"8988217000000000072-8988217000000000098": "is a range of ICCIDs: list",
		"8988217000000000072-89882170":            "is a range of ICCIDs: list",
		"89049032000000000000000000000011":        "has 32 digits",
	} {
		if _, err := transfer.ParseIdentifier(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error with %q", in, err, want)
		}
	}
}

func TestOtherForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"8944500102198304826", "894450010219830482"}, // 19 digits with a valid check digit
		{"894450010219830482", "8944500102198304826"},
		{"8944500102198304825", "89445001021983048253"}, // without a valid one
		{"440170000000006", ""},
		{strings.Repeat("1", 22), ""},
	} {
		id, err := transfer.ParseIdentifier(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := id.OtherForm()
		if got.String() != c.want || ok != (c.want != "") {
			t.Errorf("%s: %s, %t; want %q", c.in, got, ok, c.want)
		}
		if back, _ := got.OtherForm(); ok && back != id {
			t.Errorf("%s: its other form %s has the other form %s", c.in, got, back)
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
		if n := len(digits); strings.Trim(digits, "0123456789") != "" || n < 7 || n > 22 || n == 16 || n == 17 {
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
		{"\u200bOP0012345678\ufeff", "OP0012345678"},
		{"OP0012\u200b345678", ""},
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
		{"\ufeffops@operator.example\u200b\u00a0", "ops@operator.example"},
		{"ops@MÜLLER.example", "ops@xn--mller-kva.example"},
		{"ops@mu\u0308ller.example", "ops@xn--mller-kva.example"},
		{"ops@xn--mller-kva.example", "ops@xn--mller-kva.example"},
		{"Rene\u0301@operator.example", "rené@operator.example"},
		{"René@operator.example", "rené@operator.example"},
		{"É.Ärger@operator.example", "é.ärger@operator.example"},
		{"\u212aim@operator.example", ""}, // Kelvin sign
		{"i\u0130@operator.example", ""},  // dotted I
		{"kim@\u0130bm.example", ""},
		{"kim@ban\u212a.example", ""},
		{"o\u200bps@operator.example", ""},
		{"ops@oper\u200bator.example", ""},
		{"ops@müll\u200ber.example", ""},
		{"ops@mü..example", ""},
		{"o\u202eps@operator.example", ""},
		{"o\x00ps@operator.example", ""},
		{"o\u00a0ps@operator.example", ""},
		{"o\ufffdps@operator.example", ""},
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
		{nil, false},
		{[]string{a}, false},
		{[]string{imsi}, false},
		{[]string{a, b}, false},
		{[]string{a, longer}, true},
		{[]string{a, imsi}, true},
		{[]string{imsi, a}, true},
		{[]string{imsi, imsi}, true},
		{[]string{a, b, longer}, true},
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

func TestParseEID(t *testing.T) {
	t.Parallel()
	const eid = "89033023001211360000000006736112"
	for _, text := range []string{eid, " 8903 3023 0012 1136 0000 0000 0673 6112 ", `="` + eid + `"`} {
		if got, err := transfer.ParseEID(text); err != nil || got != eid {
			t.Errorf("ParseEID(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", eid[1:], eid + "1", "+" + eid, "8.90330E+31", strings.Replace(eid, "0", "O", 1)} {
		if got, err := transfer.ParseEID(text); err == nil {
			t.Errorf("ParseEID(%q) = %q", text, got)
		}
	}
}

func TestParseIMEI(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"35209900176148": "35209900176148", "352099001761481": "352099001761481", "3520990017614823": "3520990017614823",
		"35-209900-176148-1": "352099001761481", " 35 209900 176148 1 ": "352099001761481", "'352099001761481": "352099001761481",
		`="352099001761481"`: "352099001761481", "35209900176148F": "35209900176148",
	} {
		if got, err := transfer.ParseIMEI(text); got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"": "14 to 16 digits", "3520990017614": "14 to 16 digits", "35209900176148123": "14 to 16 digits", "+352099001761481": "14 to 16 digits",
		"3.52099E+14": "a spreadsheet program has rounded", "35209900176148X": `is not an IMEI: it has digits only, and this has 'X'`,
		"352099001761480": "the IMEI is 352099001761481", "35-209900-176148-0": "the IMEI is 352099001761481", "490154203237519": "the IMEI is 490154203237518",
	} {
		if got, err := transfer.ParseIMEI(text); got != "" || err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
