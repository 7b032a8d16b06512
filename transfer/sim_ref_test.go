package transfer_test

import (
	"errors"
	"strings"
	"testing"

	"simtransfer/transfer"
)

func TestParseSIMRef(t *testing.T) {
	t.Parallel()
	const first, last = "8988211000000000011", "8988211000000000099"
	for text, want := range map[string]string{
		first:                                               first,
		"+44 7400 000001":                                   "447400000001",
		"8988-2110-0000-00-0001-1F":                         first,
		"89049032 00000000 00000000 00000011":               "89049032000000000000000000000011",
		"8904-9032-0000-0000-0000-0000-0000-0011":           "89049032000000000000000000000011",
		first + "-" + last:                                  first + "-" + last,
		first + "–" + last:                                  first + "-" + last,
		" " + first + " — " + last + " ":                    first + "-" + last,
		"8988-2110-0000-0000-011 - 8988-2110-0000-0000-099": first + "-" + last,
		first + "-" + first:                                 first + "-" + first,
		"'" + first + "-" + last + "'":                      first + "-" + last,
	} {
		got, err := transfer.ParseSIMRef(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		first + "-" + last + "0":              "have 19 and 20 digits",
		last + "-" + first:                    "ends before it begins",
		first + "-8988211":                    "last ICCID of a range is wrong",
		first + "-" + strings.Repeat("9", 23): "last ICCID of a range is wrong",
	} {
		_, err := transfer.ParseSIMRef(text)
		var wrong *transfer.RangeError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	for _, text := range []string{"", "x", strings.Repeat("8", 23), strings.Repeat("8", 33), "8.98821E+18", first + "," + last} {
		if got, err := transfer.ParseSIMRef(text); err == nil {
			t.Errorf("%q is parsed as %s", text, got)
		}
	}
	for _, text := range []string{first, "89049032000000000000000000000011", "-", "x-y", ""} {
		var wrong *transfer.RangeError
		if _, err := transfer.ParseICCIDRange(text); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
