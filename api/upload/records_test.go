package upload_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"simtransfer/api/upload"
)

func inventory() []upload.Column {
	return []upload.Column{
		{Name: "iccid", Required: true},
		{Name: "imsis", Shape: upload.List},
		{Name: "plan"},
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		format upload.Format
		body   string
		want   []string
		err    string // that the error contains
	}{
		{"csv without an optional column", upload.CSV, "imsis,iccid\n1;2,a\n,\" b \"\n", []string{"line 2 [a 1;2 ]", "line 3 [b  ]"}, ""},
		{"csv without the required column", upload.CSV, "imsis,plan\n1;2,a\n", nil, "line 1, iccid: the header has no column \"iccid\""},
		{"csv keeps what is good", upload.CSV, "iccid,imsis,plan\na,1\nb,1,\x00\nc,\xff,\nd,1,p\n", []string{"line 5 [d 1 p]"}, "3 errors to fix"},
		{"json", upload.JSON, `[{"iccid":"a","imsis":["1" , "\u0032"],"plan":"p"}, {"imsis":[ ],"iccid":"b"},{"imsis":"1;2"},{"imsis":null}]`, []string{"row 1 (line 1) [a 1;2 p]", "row 2 (line 1) [b  ]", "row 3 (line 1) [ 1;2 ]", "row 4 (line 1) [  ]"}, ""},
		{"list elsewhere", upload.NDJSON, `{"plan":["p"]}`, nil, "line 1, plan: [\"p\"] is not a string"},
		{"list of numbers", upload.NDJSON, `{"imsis":["1",{"a":[2]}]}`, nil, "line 1, imsis: the list contains an element that is not a string"},
		{"semicolon in a list", upload.NDJSON, `{"imsis":["1;2"]}`, nil, "line 1, imsis: an element of the list contains a semicolon"},
		{"number for a list", upload.NDJSON, `{"imsis":12}`, nil, "line 1, imsis: 12 is not a string or a list"},
		{"field twice", upload.NDJSON, `{"plan":"p","plan":"p"}`, nil, "line 1, plan: the object has this field twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			records := upload.NewRecords(strings.NewReader(test.body), test.format, inventory(), nil, upload.Limits{})
			var got []string
			for record := range records.All() {
				got = append(got, fmt.Sprint(record.Place, " ", record.Values))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			err := records.Err()
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got error %v, want one that says %q", err, test.err)
			}
		})
	}
}

func TestRecordsStopEarly(t *testing.T) {
	t.Parallel()
	records := upload.NewRecords(strings.NewReader("iccid\na\nb\n"), upload.CSV, inventory(), nil, upload.Limits{})
	for record := range records.All() {
		if record.Values[0] == "a" {
			break
		}
	}
	if err := records.Err(); err != nil || records.Rows() != 1 {
		t.Errorf("after %d rows: %v", records.Rows(), err)
	}
}

func TestRecordsKeepStrings(t *testing.T) {
	t.Parallel()
	for _, format := range []upload.Format{upload.CSV, upload.NDJSON} {
		body := "iccid\nfirst\nother\n"
		if format == upload.NDJSON {
			body = `{"iccid":"first"}` + "\n" + `{"iccid":"other"}`
		}
		records := upload.NewRecords(strings.NewReader(body), format, inventory(), nil, upload.Limits{})
		var kept []string
		for record := range records.All() {
			kept = append(kept, record.Values[0])
		}
		if want := []string{"first", "other"}; !slices.Equal(kept, want) {
			t.Errorf("%v: kept %q, want %q", format, kept, want)
		}
	}
}

func TestFormatOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		contentType string
		want        upload.Format
		ok          bool
	}{
		{"text/csv", upload.CSV, true},
		{"Text/CSV; charset=UTF-8; header=present", upload.CSV, true},
		{"text/csv; charset=us-ascii", upload.CSV, true},
		{"text/csv; charset=iso-8859-1", 0, false},
		{"application/x-ndjson", upload.NDJSON, true},
		{"application/ndjson", upload.NDJSON, true},
		{"application/jsonl", upload.NDJSON, true},
		{"application/x-jsonlines", upload.NDJSON, true},
		{"application/json", upload.JSON, true},
		{"application/json; charset=utf-8", upload.JSON, true},
		{"application/merge-patch+json", 0, false},
		{"text/plain", 0, false},
		{"text/csv;", upload.CSV, true},
		{"", 0, false},
		{";", 0, false},
	}
	for _, test := range tests {
		if got, ok := upload.FormatOf(test.contentType); got != test.want || ok != test.ok {
			t.Errorf("FormatOf(%q) = %v, %v, want %v, %v", test.contentType, got, ok, test.want, test.ok)
		}
	}
}

func TestFormatString(t *testing.T) {
	t.Parallel()
	for format, want := range map[upload.Format]string{0: "Format(0)", upload.CSV: "CSV", upload.NDJSON: "NDJSON", upload.JSON: "JSON", 9: "Format(9)"} {
		if got := format.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLineErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  upload.RowError
		want string
	}{
		{upload.RowError{Problem: "bad"}, "bad"},
		{upload.RowError{Column: "sim", Problem: "bad"}, "sim: bad"},
		{upload.RowError{Place: upload.Place{Line: 7}, Problem: "bad"}, "line 7: bad"},
		{upload.RowError{Place: upload.Place{Line: 12, Row: 7}, Column: "sim", Problem: "bad"}, "row 7 (line 12), sim: bad"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func ExampleNewRecords() {
	columns := []upload.Column{{Name: "iccid", Required: true}, {Name: "plan"}}
	body := strings.NewReader("plan,iccid\nplan-a,8944500000000000018\nplan-x,8944500000000000026\n")

	records := upload.NewRecords(body, upload.CSV, columns, nil, upload.Limits{})
	for record := range records.All() {
		if plan := record.Values[1]; plan != "plan-a" {
			records.Refuse(record.Place, "plan", upload.CodeBadValue, fmt.Sprintf("there is no plan %q: give plan-a", plan))
		}
	}
	var invalid *upload.Invalid
	if errors.As(records.Err(), &invalid) {
		fmt.Println(invalid)
	}
	// Output:
	// nothing was accepted: 1 error to fix
	// line 3, plan: there is no plan "plan-x": give plan-a
}

func ExampleRead() {
	body := strings.NewReader(`sim,destination_email,destination_operator_id
8944500000000000018,fleet@example.com,OP0012345678
001010123456789,meters@example.org,OP0087654321
+15551234567,fleet@example.com,OP0012345678
`)
	batch, err := upload.Read(body, upload.CSV, nil, upload.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, destination := range batch.Destinations {
		fmt.Println(destination.Account, batch.Size(i))
		for place, sim := range batch.Rows(i) {
			fmt.Println("  ", place, sim)
		}
	}
	// Output:
	// OP0012345678 2
	//    line 2 8944500000000000018
	//    line 4 15551234567
	// OP0087654321 1
	//    line 3 001010123456789
}
