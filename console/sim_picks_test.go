package console

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/transfer"
)

// What a page passes on is what the next one reads.
func TestPicksArePassedOn(t *testing.T) {
	t.Parallel()
	var long []string
	for n := range 100_000 {
		long = append(long, fmt.Sprintf("8988211%012d", n))
	}
	for name, p := range map[string]picks{
		"nothing":   {},
		"one":       {List: []string{"8988211000000000011"}},
		"a range":   {Account: "OP0000000001", List: []string{"8988211000000000011-8988211000000000029", "001010000000001"}},
		"long":      {List: long},
		"all":       {All: true},
		"by filter": {All: true, Filter: client.SIMConditions{Status: []transfer.Status{"ready", "active"}, Tag: []string{"site=a&b, c"}, TransferLock: "on"}},
	} {
		values := p.values()
		got, err := picksOf(values)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
			t.Errorf("%s: %.200v is read as %.200v, %v", name, p, got, err)
		}
		if n := len(values.Encode()); n > 50_000 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}

// A list that someone has made up is refused, or is what a person could have typed.
func FuzzUnpack(f *testing.F) {
	f.Add(pack([]string{"8988211000000000011", "8988211000000000029", ""}))
	f.Add(packedPrefix + "AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := unpack(text)
		if err == nil && len(strings.Join(lines, "")) > maxListBytes {
			t.Error("too much")
		}
		_, _ = picksOf(url.Values{listField: {text}})
	})
}

// A list is read as people have it.
func TestReadList(t *testing.T) {
	t.Parallel()
	const a, b = "8988211000000000011", "8988211000000000029"
	for text, want := range map[string][]string{
		a + "\n" + b:                            {"1 " + a, "2 " + b},
		a + ", " + b:                            {"1 " + a, "1 " + b},
		a + " " + b + "\r\n\r\n+1 202 555 0101": {"1 " + a, "1 " + b, "3 +1 202 555 0101"},
		"8988 2110 0000 0000 011":               {"1 8988 2110 0000 0000 011"},
		a + " - " + b:                           {"1 " + a + " - " + b},
		"ICCID\n" + a:                           {"2 " + a},
		"sep=;\nNote;No;ICCID\nx;1;" + a + "\n\"y;z\";2;\"" + b + "\"\n;;\n": {"3 " + a, "4 " + b},
		"\ufefficcid\timsi\n" + a + "\t1\n":                                  {"2 " + a},
		" \n\"\n":                                                            nil,
	} {
		entries, err := readList(text)
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Line, " ", e.Text))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzReadList(f *testing.F) {
	f.Add("iccid;note\n8988211000000000011;\"x\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := readList(text)
		for _, e := range entries {
			if err == nil && (e.Text == "" || e.Line < 1) {
				t.Errorf("%q has the entry %+v", text, e)
			}
		}
	})
}
