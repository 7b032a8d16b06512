package upload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/upload"
)

func TestParseNames(t *testing.T) {
	t.Parallel()
	columns := []upload.Column{{Name: "iccid"}, {Name: "status"}}
	tests := []struct {
		texts []string
		names upload.Names
		err   string // a part of the error
	}{
		{nil, upload.Names{}, ""},
		{[]string{"ICC ID=iccid", "Notes=", "a=b= STATUS "}, upload.Names{"ICC ID": "iccid", "Notes": "", "a=b": "status"}, ""},
		{[]string{"iccid"}, nil, "no equals sign"},
		{[]string{"=iccid"}, nil, "empty"},
		{[]string{"ICC ID=icc"}, nil, `no column "icc"`},
		{[]string{"ICC ID=iccid", "icc id=status"}, nil, "same column"},
		{[]string{"A=iccid", "B=iccid"}, nil, "both name the column iccid"},
		{[]string{strings.Repeat("x", 129) + "=iccid"}, nil, "129 characters"},
		{make([]string, 65), nil, "65 names"},
	}
	for _, test := range tests {
		names, err := upload.ParseNames(test.texts, columns)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v, want %q", test.texts, err, test.err)
		}
		if diff := cmp.Diff(test.names, names); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", test.texts, diff)
		}
	}
}

// An upload with names of its own has the columns that the names map to, and
// tells which columns a row has.
func TestNamesOfAnUpload(t *testing.T) {
	t.Parallel()
	columns := []upload.Column{{Name: "iccid", Required: true}, {Name: "status"}, {Name: "plan"}}
	names := upload.Names{"ICC ID": "iccid", "Card State": "status", "Notes": ""}
	tests := []struct {
		format upload.Format
		body   string
		want   []string
	}{
		{upload.CSV, "icc id;Notes;CARD STATE\n1;x;a\n2;;\n", []string{"[1 a ] 3", "[2  ] 3"}},
		{upload.NDJSON, `{"ICC ID":"1","Notes":7}` + "\n" + `{"iccid":"2","plan":null}` + "\n", []string{"[1  ] 1", "[2  ] 5"}},
		{upload.JSON, `[{"Card State":"a","iccid":"1"}]`, []string{"[1 a ] 3"}},
	}
	for _, test := range tests {
		records := upload.NewRecords(strings.NewReader(test.body), test.format, columns, names, upload.Limits{})
		var got []string
		for r := range records.All() {
			got = append(got, fmt.Sprint(r.Values, " ", uint64(r.Has)))
		}
		if err := records.Err(); err != nil {
			t.Errorf("%s: %v", test.body, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.body, diff)
		}
	}
}

// A name that the file does not have is refused, with the columns of the file.
func TestNamesThatAreNotInTheFile(t *testing.T) {
	t.Parallel()
	columns := []upload.Column{{Name: "iccid", Required: true}, {Name: "status"}}
	names := upload.Names{"Card Stat": "status", "Notes": ""}
	records := upload.NewRecords(strings.NewReader("iccid;Card State;notes\n1;a;x\n"), upload.CSV, columns, names, upload.Limits{})
	for r := range records.All() {
		t.Errorf("read %v", r.Values)
	}
	err := records.Err()
	for _, want := range []string{`the file has no column "Card Stat", which was mapped: its columns are iccid, Card State, notes`, `unknown column "Card State"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}
