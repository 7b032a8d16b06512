package upload_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"simtransfer/api/upload"
)

const (
	header = "sim,destination_email,destination_operator_id\n"
	to     = "fleet@example.com,OP0012345678"
	simA   = "8944500000000000018"
	simB   = "8944500000000000026"
	simC   = "8944500000000000034"
	dest   = `"destination_email":"fleet@example.com","destination_operator_id":"OP0012345678"`
	rowA   = `{"sim":"` + simA + `",` + dest + `}`
	rowB   = `{"sim":"` + simB + `",` + dest + `}`
)

// batchText renders what a batch holds: destinations, then "place sim".
func batchText(b *upload.Batch) string {
	var text strings.Builder
	for i, destination := range b.Destinations {
		fmt.Fprintf(&text, "%s %s %d\n", destination.Email, destination.Account, b.Size(i))
		for place, sim := range b.Rows(i) {
			fmt.Fprintf(&text, "  %v %s\n", place, sim)
		}
	}
	return text.String()
}

func TestReadAccepts(t *testing.T) {
	t.Parallel()
	const one = "fleet@example.com OP0012345678 2\n  line 2 " + simA + "\n  line 3 " + simB + "\n"
	tests := []struct {
		name   string
		format upload.Format
		body   string
		want   string
	}{
		{"csv", upload.CSV, header + simA + "," + to + "\n" + simB + "," + to + "\n", one},
		{"semicolons", upload.CSV, strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", ",", ";"), one},
		{"tabs", upload.CSV, strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", ",", "\t"), one},
		{"vertical bars", upload.CSV, strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", ",", "|"), one},
		{"declared separator", upload.CSV, "sep=;\r\n" + strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", ",", ";"), strings.ReplaceAll(strings.ReplaceAll(one, "line 3", "line 4"), "line 2", "line 3")},
		{"blank rows", upload.CSV, header + simA + "," + to + "\n" + simB + "," + to + "\n,,\n , ,\n \n,,,,\n", one},
		{"empty columns at the end", upload.CSV, header[:len(header)-1] + ",,\n" + simA + "," + to + ",,\n" + simB + "," + to + "\n", one},
		{"names of columns as people write them", upload.CSV, "SIM,Destination Email, destination-operator_ID\n" + simA + "," + to + "\n" + simB + "," + to + "\n", one},
		{"identifiers as people write them", upload.CSV, header + "8944 5000-0000 0000 018F," + to + "\n'" + simB + "," + to + "\n", one},
		{"gzip", upload.CSV, zipped(header + simA + "," + to + "\n" + simB + "," + to + "\n"), one},
		{"gzip of UTF-16", upload.CSV, zipped(inUTF16("\ufeff"+header+simA+","+to+"\n"+simB+","+to+"\n", binary.LittleEndian)), one},
		{"UTF-16, little endian", upload.CSV, inUTF16("\ufeff"+header+simA+","+to+"\n"+simB+","+to+"\n", binary.LittleEndian), one},
		{"UTF-16, big endian", upload.CSV, inUTF16("\ufeff"+header+simA+","+to+"\n"+simB+","+to+"\n", binary.BigEndian), one},
		{"UTF-16 without a byte order mark", upload.CSV, inUTF16(header+simA+","+to+"\n"+simB+","+to+"\n", binary.LittleEndian), one},
		{"gzip of gzip", upload.CSV, zipped(zipped(header + simA + "," + to + "\n" + simB + "," + to + "\n")), one},
		{"NDJSON in gzip", upload.NDJSON, zipped("\n" + rowA + "\n" + rowB + "\n"), one},
		{"NDJSON in UTF-16", upload.NDJSON, inUTF16("\ufeff\n"+rowA+"\n"+rowB+"\n", binary.BigEndian), one},
		{"no last line break", upload.CSV, header + simA + "," + to + "\n" + simB + "," + to, one},
		{"crlf", upload.CSV, strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", "\n", "\r\n"), one},
		{"cr", upload.CSV, strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", "\n", "\r"), one},
		{"cr in UTF-16", upload.CSV, inUTF16("\ufeff"+strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", "\n", "\r"), binary.BigEndian), one},
		{"NDJSON with cr", upload.NDJSON, "\r" + rowA + "\r" + rowB, one},
		{"JSON with cr", upload.JSON, "[\r" + rowA + ",\r\r" + rowB + "]", "fleet@example.com OP0012345678 2\n  row 1 (line 2) " + simA + "\n  row 2 (line 4) " + simB + "\n"},
		{"declared separator and cr", upload.CSV, "sep=;\r" + strings.ReplaceAll(strings.ReplaceAll(header+simA+","+to+"\n"+simB+","+to+"\n", ",", ";"), "\n", "\r"), strings.ReplaceAll(strings.ReplaceAll(one, "line 3", "line 4"), "line 2", "line 3")},
		{"byte order mark", upload.CSV, "\ufeff" + header + simA + "," + to + "\n" + simB + "," + to + "\n", one},
		{
			"columns in another order", upload.CSV,
			"destination_operator_id,sim,destination_email\nOP0012345678," + simA + ",fleet@example.com\nOP0012345678," + simB + ",fleet@example.com\n", one,
		},
		{
			"quotes", upload.CSV,
			`"sim","destination_email","destination_operator_id"` + "\n\"" + simA + `","fleet@example.com","OP0012345678"` + "\n\"" + simB + "\"," + to, one,
		},
		{
			"values kept as text by a formula", upload.CSV,
			`="sim",destination_email,"=""destination_operator_id"""` + "\n=\"" + simA + `","=""fleet@example.com""",="OP0012345678"` + "\n=\"" + simB + `","fleet@example.com",OP0012345678`, one,
		},
		{"formulas and tabs", upload.CSV, strings.ReplaceAll(header+`="`+simA+`",`+to+"\r\n=\""+simB+`",`+to+"\n=\"\",=\"\",\n", ",", "\t"), one},
		{
			"space and case", upload.CSV,
			"sim, destination_email ,destination_operator_id\n " + simA + " , Fleet@Example.COM,op0012345678\n" + simB + "," + to, one,
		},
		{
			"blank lines", upload.CSV,
			header + "\n" + simA + "," + to + "\n\r\n\n" + simB + "," + to + "\n\n",
			"fleet@example.com OP0012345678 2\n  line 3 " + simA + "\n  line 6 " + simB + "\n",
		},
		{
			"line breaks in quotes", upload.CSV,
			header + "\"" + simA + "\n\n\"," + to + "\n" + simB + "," + to + "\n",
			"fleet@example.com OP0012345678 2\n  line 2 " + simA + "\n  line 5 " + simB + "\n",
		},
		{
			"wrong check digit, IMSI, MSISDN", upload.CSV,
			header + "8944500000000000019," + to + "\n001010123456789," + to + "\n+15551234567," + to + "\n",
			"fleet@example.com OP0012345678 3\n  line 2 8944500000000000019\n  line 3 001010123456789\n  line 4 15551234567\n",
		},
		{
			"longest and shortest identifiers", upload.CSV,
			header + "0000000000000000000000," + to + "\n9999999999999999999999," + to + "\n1000000," + to + "\n001010000000001," + to + "\n",
			"fleet@example.com OP0012345678 4\n  line 2 0000000000000000000000\n  line 3 9999999999999999999999\n  line 4 1000000\n  line 5 001010000000001\n",
		},
		{
			"destinations in turn", upload.CSV,
			header + simA + ",b@example.com,OP0000000002\n" + simB + ",a@example.com,OP0000000001\n" + simC + ",B@example.com,OP0000000002\n" + "1234567,a@example.com,OP0000000002\n",
			"b@example.com OP0000000002 2\n  line 2 " + simA + "\n  line 4 " + simC + "\n" +
				"a@example.com OP0000000001 1\n  line 3 " + simB + "\n" +
				"a@example.com OP0000000002 1\n  line 5 1234567\n",
		},
		{
			"ndjson", upload.NDJSON, "\ufeff\r\n" + rowA + "\r\n \n\t" + rowB,
			"fleet@example.com OP0012345678 2\n  line 2 " + simA + "\n  line 4 " + simB + "\n",
		},
		{
			"ndjson escapes", upload.NDJSON,
			`{ "\u0073im" : "\u0038944500000000000018" , "destination_email":"fleet\u0040example.com","destination_operator_id":"OP0012345678" }`,
			"fleet@example.com OP0012345678 1\n  line 1 " + simA + "\n",
		},
		{
			"json on one line", upload.JSON, "[" + rowA + "," + rowB + "]",
			"fleet@example.com OP0012345678 2\n  row 1 (line 1) " + simA + "\n  row 2 (line 1) " + simB + "\n",
		},
		{
			"json over many lines", upload.JSON, "\ufeff{\n\"rows\":\n[\n" + rowA + ",\n\n" + strings.ReplaceAll(rowB, ",", ",\n") + "\n\n]\n}\n",
			"fleet@example.com OP0012345678 2\n  row 1 (line 4) " + simA + "\n  row 2 (line 6) " + simB + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, chunks := range readers() {
				batch, err := upload.Read(chunks(strings.NewReader(test.body)), test.format, nil, upload.Limits{})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got := batchText(batch); got != test.want {
					t.Errorf("%s: got\n%swant\n%s", name, got, test.want)
				}
				if want := strings.Count(test.want, "\n  "); batch.Len() != want {
					t.Errorf("%s: %d rows, want %d", name, batch.Len(), want)
				}
			}
		})
	}
}

// readers are ways in which the same bytes can arrive.
func readers() map[string]func(io.Reader) io.Reader {
	return map[string]func(io.Reader) io.Reader{
		"whole":             func(r io.Reader) io.Reader { return r },
		"one byte":          iotest.OneByteReader,
		"half":              iotest.HalfReader,
		"data with the end": iotest.DataErrReader,
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	line := func(n int) upload.Place { return upload.Place{Line: n} }
	row := func(n, line int) upload.Place { return upload.Place{Line: line, Row: n} }
	good := simB + "," + to + "\n"
	type problem struct {
		place  upload.Place
		column string
		code   upload.Code
		words  string
	}
	tests := []struct {
		name   string
		format upload.Format
		body   string
		want   []problem
	}{
		// The upload as a whole.
		{"empty csv", upload.CSV, "", []problem{{line(0), "", upload.CodeEmpty, "header line, sim, destination_email"}}},
		{"only a byte order mark", upload.CSV, "\ufeff", []problem{{line(0), "", upload.CodeEmpty, "header line"}}},
		{"only a header", upload.CSV, header, []problem{{line(0), "", upload.CodeEmpty, "no rows"}}},
		{"empty ndjson", upload.NDJSON, "\n \n", []problem{{line(0), "", upload.CodeEmpty, "no rows"}}},
		{"empty json", upload.JSON, " ", []problem{{line(0), "", upload.CodeEmpty, "no rows"}}},
		{"empty array", upload.JSON, "[]", []problem{{line(0), "", upload.CodeEmpty, "no rows"}}},
		{"empty rows", upload.JSON, `{"rows":[]}`, []problem{{line(0), "", upload.CodeEmpty, "no rows"}}},
		{"workbook", upload.CSV, "PK\x03\x04\x14\x00", []problem{{line(0), "", upload.CodeEncoding, "spreadsheet"}}},
		{"workbook in gzip", upload.CSV, zipped("PK\x03\x04\x14\x00"), []problem{{line(0), "", upload.CodeEncoding, "spreadsheet"}}},
		{"damaged gzip in gzip", upload.CSV, zipped(zipped(header + good)[:40]), []problem{{line(0), "", upload.CodeEncoding, "gzip"}}},
		{"damaged gzip", upload.CSV, zipped(header + good)[:40], []problem{{line(0), "", upload.CodeEncoding, "gzip"}}},
		{"gzip without data", upload.CSV, "\x1f\x8b", []problem{{line(0), "", upload.CodeEncoding, "gzip"}}},
		{"gzip with a wrong checksum", upload.CSV, corrupted(zipped(header + good)), []problem{{line(0), "", upload.CodeEncoding, "gzip"}}},

		// The header.
		{
			"no header", upload.CSV, simA + "," + to + "\n", []problem{
				{line(1), "", upload.CodeMissingColumn, "add a header line before it, such as sim, destination_email, destination_operator_id"},
			},
		},
		{
			"wrong header", upload.CSV, "sim;dest_email;destination_operator_id\n", []problem{
				{line(1), "dest_email", upload.CodeUnknownColumn, `unknown column "dest_email" (did you mean "destination_email"?)`},
				{line(1), "destination_email", upload.CodeMissingColumn, `no column "destination_email"`},
			},
		},
		{"missing column", upload.CSV, "sim,destination_email\n" + simA + ",a@example.com\n", []problem{{line(1), "destination_operator_id", upload.CodeMissingColumn, "add it"}}},
		{"unknown column", upload.CSV, "\nsim,destination_email,note,destination_operator_id\n", []problem{{line(2), "note", upload.CodeUnknownColumn, `unknown column "note": rename, map or remove it`}}},
		{"column twice", upload.CSV, "sim,destination_email,sim,destination_operator_id\n", []problem{{line(1), "sim", upload.CodeRepeatedColumn, "twice"}}},
		{"column without a name", upload.CSV, "sim,destination_email,,destination_operator_id\n", []problem{{line(1), "", upload.CodeUnknownColumn, "column 3"}}},
		{"value in a column without a name", upload.CSV, header[:len(header)-1] + ",\n" + good[:len(good)-1] + ",x\n", []problem{{line(2), "", upload.CodeFieldCount, "4 values, but the header has 3"}}},
		{"semicolons in a row", upload.CSV, strings.ReplaceAll(header+simA+";"+to, ",", ";") + ";x\n", []problem{{line(2), "", upload.CodeFieldCount, "contain semicolons"}}},
		{"other separator than declared", upload.CSV, "sep=;\n" + header, []problem{
			{line(2), strings.TrimSpace(header)[:40] + "…", upload.CodeUnknownColumn, ""},
			{line(2), "sim", upload.CodeMissingColumn, ""},
			{line(2), "destination_email", upload.CodeMissingColumn, ""},
			{line(2), "destination_operator_id", upload.CodeMissingColumn, ""},
		}},
		{"line numbers after a declared separator", upload.CSV, "sep=,\n" + header + good + "x," + to + "\n", []problem{{line(4), "sim", upload.CodeBadValue, ""}}},
		{"header with an open quote", upload.CSV, "\"sim,destination_email\n", []problem{{line(1), "", upload.CodeSyntax, "quote"}}},
		{"header not UTF-8", upload.CSV, "sim,destination_email,destination_operator_id,\xe9\n", []problem{{line(1), "", upload.CodeEncoding, "UTF-8"}}},
		{"long name", upload.CSV, header[:len(header)-1] + "," + strings.Repeat("ä", 50) + "\n", []problem{{line(1), strings.Repeat("ä", 20) + "…", upload.CodeUnknownColumn, ""}}},

		// Lines of CSV.
		{
			"several bad lines among good ones", upload.CSV,
			header + simA + ",nobody,OP1\n" + good + "x,,\n",
			[]problem{
				{line(2), "destination_email", upload.CodeBadValue, `"nobody" is not an email address`},
				{line(2), "destination_operator_id", upload.CodeBadValue, `"OP1" is not an operator id`},
				{line(4), "sim", upload.CodeBadValue, `"x" is not a SIM identifier`},
				{line(4), "destination_email", upload.CodeMissing, "email of the destination is missing"},
				{line(4), "destination_operator_id", upload.CodeMissing, "operator id of the destination is missing"},
			},
		},
		{"sim missing", upload.CSV, header + "  ," + to + "\n", []problem{{line(2), "sim", upload.CodeMissing, "the SIM is missing"}}},
		{"too few values", upload.CSV, header + good + simA + ",a@example.com\n" + simC + "," + to, []problem{{line(3), "", upload.CodeFieldCount, "2 values, but the header has 3"}}},
		{"too many values", upload.CSV, header + simA + "," + to + ",x\n", []problem{{line(2), "", upload.CodeFieldCount, "4 values, but the header has 3"}}},
		{"lost character", upload.CSV, header + simA + ",fl\ufffdet@example.com,OP0012345678\n", []problem{{line(2), "destination_email", upload.CodeEncoding, "U+FFFD"}}},
		{"bare quote", upload.CSV, header + "89\"44," + to + "\n" + good, []problem{{line(2), "", upload.CodeSyntax, "a value without quotes contains a quote"}}},
		{"text after a quote", upload.CSV, header + "\"8944\"x," + to + "\n" + good, []problem{{line(2), "", upload.CodeSyntax, "is not closed correctly"}}},
		{"open quote", upload.CSV, header + good + "\"" + simA + "," + to + "\n" + simC + "," + to + "\n", []problem{{line(3), "", upload.CodeSyntax, "put the closing quote"}}},
		{"not UTF-8", upload.CSV, header + simA + ",fl\xe9et@example.com,OP0012345678\n" + good, []problem{{line(2), "destination_email", upload.CodeEncoding, "UTF-8"}}},
		{"NUL", upload.CSV, header + simA + ",fl\x00eet@example.com,OP0012345678\n", []problem{{line(2), "destination_email", upload.CodeBadValue, "NUL"}}},
		{"line numbers after quoted line breaks", upload.CSV, header + "\"\n" + simA + "\"," + to + "\nx," + to + "\n", []problem{{line(4), "sim", upload.CodeBadValue, ""}}},
		{"rounded by a spreadsheet", upload.CSV, header + "8.94450E+18," + to + "\n", []problem{{line(2), "sim", upload.CodeBadValue, "a spreadsheet program has rounded"}}},
		{"number of digits", upload.CSV, header + "12345," + to + "\n1234567890123456," + to + "\n12345678901234567890123," + to + "\n+" + simA + "," + to + "\n", []problem{
			{line(2), "sim", upload.CodeBadValue, "has 5 digits"},
			{line(3), "sim", upload.CodeBadValue, "has 16 digits"},
			{line(4), "sim", upload.CodeBadValue, "has 23 digits"},
			{line(5), "sim", upload.CodeBadValue, "remove the plus"},
		}},

		// Duplicates.
		{"duplicate", upload.CSV, header + simA + "," + to + "\n" + good + simA + "," + to + "\n", []problem{{line(4), "sim", upload.CodeDuplicate, simA + " is already in line 2: remove one of the two"}}},
		{"duplicate to another destination", upload.CSV, header + good + simB + ",a@example.com,OP0000000001\n", []problem{{line(3), "sim", upload.CodeDuplicate, "already in line 2"}}},
		{"duplicate in other digits", upload.CSV, header + "+15551234567," + to + "\n 15551234567," + to + "\n", []problem{{line(3), "sim", upload.CodeDuplicate, "15551234567 is already in line 2"}}},
		{"rounded duplicate", upload.CSV, header + "8988217000000010000," + to + "\n8988217000000010000," + to + "\n", []problem{{line(3), "sim", upload.CodeDuplicate, "a spreadsheet program has rounded the numbers"}}},
		{"duplicate of a refused line", upload.CSV, header + "x\n" + simB + ",,OP0012345678\n" + good, []problem{
			{line(2), "", upload.CodeFieldCount, ""},
			{line(3), "destination_email", upload.CodeMissing, ""},
			{line(4), "sim", upload.CodeDuplicate, "already in line 3"},
		}},
		{"duplicate with a wrong check digit", upload.CSV, header + "8944500000000000019," + to + "\n8944500000000000019," + to + "\n", []problem{{line(3), "sim", upload.CodeDuplicate, "check digit is wrong too"}}},

		// Lines of NDJSON.
		{"not JSON", upload.NDJSON, rowA + "\n{\"sim\":\n" + rowB + "\nsim\n", []problem{{line(2), "", upload.CodeSyntax, "not a JSON object"}, {line(4), "", upload.CodeSyntax, ""}}},
		{"two objects on a line", upload.NDJSON, rowA + rowB + "\n", []problem{{line(1), "", upload.CodeSyntax, ""}}},
		{"not an object", upload.NDJSON, "[]\nnull\n1\n\"sim\"\n", []problem{{line(1), "", upload.CodeSyntax, "not an object"}}},
		{"empty object", upload.NDJSON, "{ }", []problem{{line(1), "sim", upload.CodeMissing, ""}, {line(1), "destination_email", upload.CodeMissing, ""}, {line(1), "destination_operator_id", upload.CodeMissing, ""}}},
		{"unknown fields", upload.NDJSON, rowA + "\n" + `{"note": {"a":["}",1]} ,"Sim":"1",` + rowB[1:] + "\n", []problem{{line(2), "note", upload.CodeUnknownColumn, "unknown field \"note\": remove it, or use one of sim"}, {line(2), "Sim", upload.CodeUnknownColumn, ""}}},
		{"field twice", upload.NDJSON, `{"sim":"1",` + rowB[1:], []problem{{line(1), "sim", upload.CodeRepeatedColumn, "twice"}}},
		{"not strings", upload.NDJSON, `{"sim":` + simA + `,"destination_email":[ "a" ],"destination_operator_id":true }`, []problem{
			{line(1), "sim", upload.CodeBadValue, "put it in quotes"},
			{line(1), "destination_email", upload.CodeBadValue, ""},
			{line(1), "destination_operator_id", upload.CodeBadValue, ""},
		}},
		{"null", upload.NDJSON, `{"sim":null,` + dest + `}`, []problem{{line(1), "sim", upload.CodeMissing, ""}}},
		{"ndjson not UTF-8", upload.NDJSON, strings.Replace(rowA, "fleet", "fl\xe9\\u0065t", 1), []problem{{line(1), "", upload.CodeEncoding, "UTF-8"}}},
		{"ndjson NUL", upload.NDJSON, strings.Replace(rowA, "fleet", `fl\u0000eet`, 1), []problem{{line(1), "destination_email", upload.CodeBadValue, "NUL"}}},
		{"ndjson duplicate", upload.NDJSON, rowA + "\n\n" + rowA, []problem{{line(3), "sim", upload.CodeDuplicate, "already in line 1"}}},

		// JSON documents.
		{"json duplicate", upload.JSON, "[" + rowA + ",\n7,\n" + rowA + "]", []problem{{row(2, 2), "", upload.CodeSyntax, "not an object"}, {row(3, 3), "sim", upload.CodeDuplicate, "is already in row 1"}}},
		{"json cut off in a row", upload.JSON, "[\n" + rowA + ",\n{\"sim\":", []problem{{row(2, 2), "", upload.CodeSyntax, "cut off"}}},
		{"json cut off between rows", upload.JSON, "[\n" + rowA + ",", []problem{{row(2, 2), "", upload.CodeSyntax, "cut off"}}},
		{"json cut off after a row", upload.JSON, "[\n" + rowA + "\n", []problem{{row(1, 2), "", upload.CodeSyntax, "cut off"}}},
		{"json cut off after rows", upload.JSON, "{\"rows\":[" + rowA + "]\n", []problem{{row(1, 1), "", upload.CodeSyntax, "cut off"}}},
		{"json cut off before rows", upload.JSON, "{\"rows\":", []problem{{line(1), "", upload.CodeSyntax, "cut off"}}},
		{"json syntax", upload.JSON, "[\n" + rowA + "\n" + rowB + "]", []problem{{row(2, 3), "", upload.CodeSyntax, "not JSON"}}},
		{"json last comma", upload.JSON, "[" + rowA + ",]", []problem{{row(2, 1), "", upload.CodeSyntax, "not JSON"}}},
		{"json wrong end", upload.JSON, "[" + rowA + "}", []problem{{row(1, 1), "", upload.CodeSyntax, "not JSON"}}},
		{"json other shapes", upload.JSON, "\n7", []problem{{line(2), "", upload.CodeSyntax, "an array of objects"}}},
		{"json large number", upload.JSON, "1E1000", []problem{{line(1), "", upload.CodeSyntax, "an array of objects"}}},
		{"json row without an array", upload.JSON, rowA, []problem{{line(1), "", upload.CodeSyntax, "an array of objects"}}},
		{"json rows no array", upload.JSON, `{"rows":{}}`, []problem{{line(1), "", upload.CodeSyntax, "an array of objects"}}},
		{"json empty object", upload.JSON, `{}`, []problem{{line(1), "", upload.CodeSyntax, "an array of objects"}}},
		{"json second field", upload.JSON, `{"rows":[` + rowA + `],"more":1}`, []problem{{line(1), "", upload.CodeSyntax, "an array of objects"}}},
		{"json then more", upload.JSON, "[" + rowA + "]\n[]", []problem{{line(2), "", upload.CodeSyntax, "the file continues"}}},
		{"json then rubbish", upload.JSON, "[" + rowA + "]\nx", []problem{{row(1, 2), "", upload.CodeSyntax, "not JSON"}}},
		{"csv as json", upload.JSON, header, []problem{{line(1), "", upload.CodeSyntax, "not JSON"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, chunks := range readers() {
				batch, err := upload.Read(chunks(strings.NewReader(test.body)), test.format, nil, upload.Limits{})
				var invalid *upload.Invalid
				if !errors.As(err, &invalid) {
					t.Fatalf("%s: got %v, %v, want an *Invalid", name, batch, err)
				}
				got := slices.Clone(invalid.Lines)
				for i := range min(len(got), len(test.want)) {
					want := test.want[i]
					if !strings.Contains(got[i].Problem, want.words) || got[i].Problem == "" {
						t.Errorf("%s: problem %d is %q, want it to say %q", name, i, got[i].Problem, want.words)
					}
					if got[i].Place != want.place || got[i].Column != want.column || got[i].Code != want.code {
						t.Errorf("%s: problem %d is %#v, want %#v", name, i, got[i], want)
					}
				}
				if len(got) != len(test.want) || invalid.More != 0 {
					t.Errorf("%s: %d problems, want %d: %v", name, len(got), len(test.want), err)
				}
			}
		})
	}
}

// Rows with the same error are one entry, with the first rows and their number.
func TestSameErrorIsListedOnce(t *testing.T) {
	t.Parallel()
	body := header + simA + "," + to + "\n" + strings.Repeat(","+to+"\n", 20) + strings.Repeat(simA+","+to+"\n", 2)
	_, err := upload.Read(strings.NewReader(body), upload.CSV, nil, upload.Limits{})
	want := "nothing was accepted: 22 errors to fix\n" +
		"line 3, line 4, line 5, line 6, line 7, line 8, line 9, line 10, line 11, line 12 and 10 others, sim: the SIM is missing: give its ICCID, IMSI or MSISDN\n" +
		"line 23, line 24, sim: " + simA + " is already in line 2: remove one of the two"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func zipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text) // to memory
	_ = w.Close()
	return b.String()
}

// corrupted changes the checksum at the end of gzip data.
func corrupted(data string) string {
	b := []byte(data)
	b[len(b)-8] ^= 1
	return string(b)
}

func inUTF16(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func TestManyErrorsOfOneKindAreOneEntry(t *testing.T) {
	t.Parallel()
	body := header
	for i := range 250 {
		body += fmt.Sprintf("x%d,%s\n", i, to)
	}
	body += simA + ",sims2@example.com,OP2\n"
	for _, test := range []struct{ name, body, want string }{
		{"five are listed one by one", strings.Join(strings.SplitAfter(body, "\n")[:6], ""), `nothing was accepted: 5 errors to fix
line 2, sim: "x0" is not a SIM
line 3, sim: "x1" is not a SIM
line 4, sim: "x2" is not a SIM
line 5, sim: "x3" is not a SIM
line 6, sim: "x4" is not a SIM`},
		{"more are one, and other kinds are found", body, `nothing was accepted: 251 errors to fix
line 2, line 3, line 4, line 5, line 6, line 7, line 8, line 9, line 10, line 11 and 240 others, sim, for example: "x0" is not a SIM
line 252, destination_operator_id: "OP2" is not an operator id: it is OP and ten digits, such as OP0012345678; if it is an external id, write "ext:OP2"`},
	} {
		_, err := upload.Read(strings.NewReader(test.body), upload.CSV, nil, upload.Limits{})
		if err == nil {
			t.Fatalf("%s: no error", test.name)
		}
		got := regexp.MustCompile(` identifier: an ICCID.*`).ReplaceAllString(err.Error(), "")
		if got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestInvalidListsAHundredKinds(t *testing.T) {
	t.Parallel()
	var invalid upload.Invalid
	for i := range 250 {
		place := upload.Place{Line: i + 2}
		invalid.Add(upload.RowError{Place: place, Problem: "wrong " + strings.Repeat("x", i)})
		invalid.Add(upload.RowError{Place: place, Problem: fmt.Sprintf("%d is wrong", i)})
	}
	if len(invalid.Lines) != upload.MaxProblems || invalid.Total() != 500 {
		t.Errorf("%d entries and %d more, of %d errors; want %d entries, of 500", len(invalid.Lines), invalid.More, invalid.Total(), upload.MaxProblems)
	}
	if second := invalid.Lines[1]; !second.Example || second.Again != 249 || len(second.Others) != upload.MaxPlaces-1 {
		t.Errorf("the second kind: %+v", second)
	}
}

func TestReadTooLarge(t *testing.T) {
	t.Parallel()
	csvRow := simA + "," + to + "\n"
	long := strings.Repeat("9", 300)
	tests := []struct {
		name   string
		format upload.Format
		body   string
		limits upload.Limits
		want   *upload.TooLarge // nil if it just fits
	}{
		{"bytes fit", upload.CSV, header + csvRow, upload.Limits{MaxBytes: int64(len(header + csvRow))}, nil},
		{"bytes", upload.CSV, header + csvRow, upload.Limits{MaxBytes: int64(len(header+csvRow)) - 1}, &upload.TooLarge{Measure: upload.Bytes, Limit: int64(len(header+csvRow)) - 1}},
		{"bytes before bad lines", upload.CSV, header + "x\n" + csvRow, upload.Limits{MaxBytes: int64(len(header)) + 4}, &upload.TooLarge{Measure: upload.Bytes, Limit: int64(len(header)) + 4}},
		{"bytes of ndjson", upload.NDJSON, rowA + "\n" + rowB, upload.Limits{MaxBytes: 150}, &upload.TooLarge{Measure: upload.Bytes, Limit: 150}},
		{"bytes of json", upload.JSON, "[" + rowA + "]      ", upload.Limits{MaxBytes: int64(len(rowA)) + 3}, &upload.TooLarge{Measure: upload.Bytes, Limit: int64(len(rowA)) + 3}},

		{"rows fit", upload.CSV, header + csvRow, upload.Limits{MaxRows: 1}, nil},
		{"rows", upload.CSV, header + csvRow + simB + "," + to, upload.Limits{MaxRows: 1}, &upload.TooLarge{Measure: upload.Rows, Limit: 1}},
		{"refused rows", upload.CSV, header + "x\ny\n", upload.Limits{MaxRows: 1}, &upload.TooLarge{Measure: upload.Rows, Limit: 1}},
		{"rows of ndjson", upload.NDJSON, rowA + "\n" + rowB, upload.Limits{MaxRows: 1}, &upload.TooLarge{Measure: upload.Rows, Limit: 1}},
		{"rows of json", upload.JSON, "[" + rowA + "," + rowB + "]", upload.Limits{MaxRows: 1}, &upload.TooLarge{Measure: upload.Rows, Limit: 1}},

		{"line fits", upload.CSV, header + csvRow, upload.Limits{MaxLine: len(csvRow)}, nil},
		{"line", upload.CSV, header + csvRow, upload.Limits{MaxLine: len(csvRow) - 1}, &upload.TooLarge{Place: upload.Place{Line: 2}, Measure: upload.LineBytes, Limit: int64(len(csvRow)) - 1}},
		{"long line", upload.CSV, header + long + "," + to + "\n", upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 2}, Measure: upload.LineBytes, Limit: 200}},
		{"long header", upload.CSV, long, upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 1}, Measure: upload.LineBytes, Limit: 200}},
		{"long bad line", upload.CSV, header + "x\"" + long + "\n", upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 2}, Measure: upload.LineBytes, Limit: 200}},
		{"open quote", upload.CSV, header + csvRow + "\"" + strings.Repeat(csvRow, 100), upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 3}, Measure: upload.LineBytes, Limit: 200}},
		{"line of ndjson fits", upload.NDJSON, rowA + "\n", upload.Limits{MaxLine: len(rowA) + 1}, nil},
		{"line of ndjson", upload.NDJSON, "\n" + rowA + "\n", upload.Limits{MaxLine: len(rowA)}, &upload.TooLarge{Place: upload.Place{Line: 2}, Measure: upload.LineBytes, Limit: int64(len(rowA))}},
		{"long line of ndjson", upload.NDJSON, strings.Repeat(" ", 1<<20), upload.Limits{}, &upload.TooLarge{Place: upload.Place{Line: 1}, Measure: upload.LineBytes, Limit: 64 << 10}},
		{"row of json fits", upload.JSON, "[" + rowA + "]", upload.Limits{MaxLine: len(rowA)}, nil},
		{"row of json", upload.JSON, "[" + rowA + "]", upload.Limits{MaxLine: len(rowA) - 1}, &upload.TooLarge{Place: upload.Place{Line: 1, Row: 1}, Measure: upload.LineBytes, Limit: int64(len(rowA)) - 1}},
		{"long row of json", upload.JSON, "[\n{\"sim\":\"" + long, upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 2, Row: 1}, Measure: upload.LineBytes, Limit: 200}},
		{"long field name of json", upload.JSON, "{\"" + long, upload.Limits{MaxLine: 200}, &upload.TooLarge{Place: upload.Place{Line: 1}, Measure: upload.LineBytes, Limit: 200}},

		{"destinations fit", upload.CSV, header + csvRow, upload.Limits{MaxDestinations: 1}, nil},
		{"destinations", upload.CSV, header + csvRow + simB + ",a@example.com,OP0000000001\n", upload.Limits{MaxDestinations: 1}, &upload.TooLarge{Measure: upload.Destinations, Limit: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, chunks := range readers() {
				_, err := upload.Read(chunks(strings.NewReader(test.body)), test.format, nil, test.limits)
				if test.want == nil {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				var got *upload.TooLarge
				if !errors.As(err, &got) {
					t.Fatalf("%s: got %v, want a *TooLarge", name, err)
				}
				if *got != *test.want {
					t.Errorf("%s: got %#v, want %#v", name, got, test.want)
				}
				if !strings.Contains(err.Error(), "than") {
					t.Errorf("%s: the error says %q", name, err)
				}
			}
		})
	}
}

func TestReadReturnsTheReadersError(t *testing.T) {
	t.Parallel()
	gone := errors.New("connection reset by peer")
	for _, format := range formats() {
		whole := string(sample(format, 3, 2))
		bodies := []string{whole, strings.Replace(whole, "8944", "x", 1)}
		if format != upload.JSON { // whose reading ends with a syntax error
			bodies = append(bodies, strings.Replace(whole, "8944", `"`, 1))
		}
		for _, body := range bodies {
			for cut := range len(body) {
				r := io.MultiReader(strings.NewReader(body[:cut]), iotest.ErrReader(gone))
				if batch, err := upload.Read(r, format, nil, upload.Limits{}); batch != nil || !errors.Is(err, gone) {
					t.Errorf("%v, gone after %q: got %v", format, body[:cut], err)
				}
			}
		}
	}
}

func TestReadReturnsMaxBytesError(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			body := io.NopCloser(bytes.NewReader(sample(format, 1000, 1)))
			_, err := upload.Read(http.MaxBytesReader(httptest.NewRecorder(), body, 5000), format, nil, upload.Limits{})
			var tooLarge *http.MaxBytesError
			if !errors.As(err, &tooLarge) || tooLarge.Limit != 5000 {
				t.Errorf("got %v, want an *http.MaxBytesError", err)
			}
		})
	}
}

func TestReadNeedsAFormat(t *testing.T) {
	t.Parallel()
	if _, err := upload.Read(strings.NewReader(header), 0, nil, upload.Limits{}); err == nil {
		t.Error("read an upload without a format")
	}
}

// TestReadManySpellings reads one destination written in more ways than are
// remembered, and blocks of rows that are full.
func TestReadManySpellings(t *testing.T) {
	t.Parallel()
	const n = 40_000
	var body strings.Builder
	body.WriteString(header)
	for i := range n {
		email := []byte("abcdefghijklmnop@example.com")
		for bit := range 16 {
			if i>>bit&1 == 1 {
				email[bit] -= 'a' - 'A'
			}
		}
		fmt.Fprintf(&body, "%d,%s,OP0000000001\n", 100_000_000+i, email)
	}
	batch, err := upload.Read(strings.NewReader(body.String()), upload.CSV, nil, upload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(batch.Destinations) != 1 || batch.Size(0) != n || batch.Len() != n {
		t.Fatalf("%d destinations, %d rows", len(batch.Destinations), batch.Len())
	}
	i := 0
	for place, sim := range batch.Rows(0) {
		if place.Line != i+2 || sim.String() != fmt.Sprint(100_000_000+i) {
			t.Fatalf("row %d is %v %s", i, place, sim)
		}
		i++
	}
	for range batch.Rows(0) {
		break // must not go on
	}
}

// TestReadMemory holds the promise of the package comment. It is not
// parallel, because it measures the heap of the whole process.
//
//nolint:paralleltest // see above
func TestReadMemory(t *testing.T) {
	const rows = 200_000
	for _, format := range formats() {
		t.Run(format.String(), func(t *testing.T) {
			body := sample(format, rows, 100)
			before := heap()
			batch, err := upload.Read(bytes.NewReader(body), format, nil, upload.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			perRow := float64(heap()-before) / rows
			t.Logf("%.1f bytes a row", perRow)
			if perRow > 25 {
				t.Errorf("a batch takes %.1f bytes a row, %.0f MiB for a million", perRow, perRow*1e6/(1<<20))
			}
			runtime.KeepAlive(batch)
			runtime.KeepAlive(body)
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the second empties pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkRead(b *testing.B) {
	const rows = 1_000_000
	for _, format := range formats() {
		b.Run(format.String(), func(b *testing.B) {
			body := sample(format, rows, 10)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := upload.Read(bytes.NewReader(body), format, nil, upload.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func formats() []upload.Format { return []upload.Format{upload.CSV, upload.NDJSON, upload.JSON} }

// sample returns an upload of good rows that go to the destinations in turn.
func sample(format upload.Format, rows, destinations int) []byte {
	var b bytes.Buffer
	switch format {
	case upload.CSV:
		b.WriteString(header)
	case upload.JSON:
		b.WriteString("[\n")
	case upload.NDJSON:
	}
	for i := range rows {
		sim := fmt.Sprintf("8944%015d", i*7919)
		email := fmt.Sprintf("fleet-%d@example.com", i%destinations)
		operator := fmt.Sprintf("OP%010d", i%destinations)
		if format == upload.CSV {
			fmt.Fprintf(&b, "%s,%s,%s\n", sim, email, operator)
			continue
		}
		fmt.Fprintf(&b, `{"sim":%q,"destination_email":%q,"destination_operator_id":%q}`, sim, email, operator)
		if format == upload.JSON && i < rows-1 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	if format == upload.JSON {
		b.WriteString("]\n")
	}
	return b.Bytes()
}
