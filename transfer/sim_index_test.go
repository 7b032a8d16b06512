package transfer_test

import (
	"slices"
	"testing"

	"simtransfer/transfer"
)

func TestSIMIndex(t *testing.T) {
	t.Parallel()
	ref := func(text string) transfer.SIMRef {
		r, err := transfer.ParseSIMRef(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const eid = "89049032000000000000000000000011"
	var x transfer.SIMIndex
	if sims, none := x.Select([]transfer.SIMRef{ref(eid)}); len(sims) != 0 || len(none) != 1 {
		t.Errorf("no SIMs: %v, %v", sims, none)
	}
	// SIM 4 is stored without its check digit, which is 4; 5 is no ICCID, and 6 an EID.
	for n, iccid := range []string{"8988211000000000011", "8988211000000000029", "8988211000000000037", "8988211000000000045", "898821100000000005", "987654321012345", "89049032000000000000000000000029"} {
		on := ""
		if n%2 == 1 {
			on = eid
		}
		x.Add(n, iccid, on)
	}
	for text, want := range map[string][]int{
		"8988211000000000011-8988211000000000029":   {0, 1},
		"8988211000000000012-8988211000000000028":   {},
		"8988211000000000029-8988211000000000052":   {1, 2, 3, 4},
		"898821100000000001-898821100000000003":     {0, 1, 2},
		"898821100000000003-898821100000000005":     {2, 3, 4},
		"8988211000000000045-8988211000000000045":   {3},
		"89882110000000000010-89882110000000000059": {},
		eid:                                {1, 3, 5},
		"89049032000000000000000000000029": {6},
		"8988211000000000011":              {}, // names one SIM
	} {
		sims, none := x.Select([]transfer.SIMRef{ref(text)})
		if !slices.Equal(sims, want) || (len(none) == 1) != (len(want) == 0) {
			t.Errorf("%s: %v, %v; want %v", text, sims, none, want)
		}
	}
	sims, none := x.Select([]transfer.SIMRef{
		ref("8988211000000000029-8988211000000000037"), ref("8988211000000000011-8988211000000000045"), ref(eid), ref("8988211000000000100-8988211000000000200"),
	})
	if !slices.Equal(sims, []int{0, 1, 2, 3, 5}) || len(none) != 1 || none[0] != ref("8988211000000000100-8988211000000000200") {
		t.Errorf("overlapping entries: %v, %v", sims, none)
	}
}
