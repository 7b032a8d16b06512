package upload_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"simtransfer/api/upload"
	"simtransfer/transfer"
)

// row is a row of a batch as other readers than ours see it.
type row struct {
	SIM        string `json:"sim"`
	Email      string `json:"destination_email"`
	OperatorID string `json:"destination_operator_id"`
}

func (r row) canonical() row {
	sim, _ := transfer.ParseIdentifier(r.SIM)
	email, _ := transfer.ParseEmail(r.Email)
	operatorID, _ := transfer.ParseAccountRef(r.OperatorID)
	return row{sim.String(), email, string(operatorID)}
}

// rowsOf returns the rows of a batch in the order of the upload.
func rowsOf(t *testing.T, batch *upload.Batch) []row {
	t.Helper()
	type placed struct {
		upload.Place
		row
	}
	var all []placed
	for i, destination := range batch.Destinations {
		n := 0
		for place, sim := range batch.Rows(i) {
			all = append(all, placed{place, row{sim.String(), destination.Email, string(destination.Account)}})
			n++
		}
		if n != batch.Size(i) {
			t.Fatalf("destination %d has %d rows, want %d", i, n, batch.Size(i))
		}
	}
	if len(all) != batch.Len() || len(all) == 0 {
		t.Fatalf("%d rows, want %d", len(all), batch.Len())
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.Row - b.Row + a.Line - b.Line })
	rows := make([]row, len(all))
	for i, placed := range all {
		rows[i] = placed.row
	}
	return rows
}

func render(t *testing.T, format upload.Format, rows []row) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case upload.CSV:
		w := csv.NewWriter(&b)
		err = w.Write([]string{"destination_email", "sim", "destination_operator_id"})
		for _, row := range rows {
			err = errors.Join(err, w.Write([]string{row.Email, row.SIM, row.OperatorID}))
		}
		w.Flush()
		err = errors.Join(err, w.Error())
	case upload.NDJSON:
		w := json.NewEncoder(&b)
		for _, row := range rows {
			err = errors.Join(err, w.Encode(row))
		}
	case upload.JSON:
		err = json.NewEncoder(&b).Encode(map[string][]row{"rows": rows})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fuzz holds for every upload: it is read or refused without a panic, in the
// same way however its bytes arrive; what is read is what another reader sees,
// and the same when it is written in any format and read again.
func fuzz(f *testing.F, format upload.Format, other func([]byte) ([]row, error)) {
	f.Helper()
	limits := upload.Limits{MaxLine: 512, MaxRows: 100}
	f.Add(sample(format, 3, 2))
	f.Add([]byte("\ufeff" + string(sample(format, 1, 1))))
	f.Fuzz(func(t *testing.T, body []byte) {
		batch, err := upload.Read(bytes.NewReader(body), format, nil, limits)
		again, errAgain := upload.Read(iotest.OneByteReader(bytes.NewReader(body)), format, nil, limits)
		if fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Fatalf("got %v, and byte by byte %v", err, errAgain)
		}
		if err != nil {
			var invalid *upload.Invalid
			var tooLarge *upload.TooLarge
			if !errors.As(err, &invalid) && !errors.As(err, &tooLarge) || batch != nil {
				t.Fatalf("got %v and %v", batch, err)
			}
			if invalid != nil && (len(invalid.Lines) == 0 || len(invalid.Lines) > upload.MaxProblems) {
				t.Fatalf("%d problems", len(invalid.Lines))
			}
			return
		}
		rows := rowsOf(t, batch)
		if !slices.Equal(rows, rowsOf(t, again)) {
			t.Fatal("another batch byte by byte")
		}
		if lines := bytes.Count(body, []byte("\n")) + 1; format != upload.JSON && len(rows) > lines {
			t.Fatalf("%d rows in %d lines", len(rows), lines)
		}
		want, err := other(body)
		if err != nil {
			t.Fatalf("another reader: %v", err)
		}
		for i := range want {
			want[i] = want[i].canonical()
		}
		if !slices.Equal(rows, want) {
			t.Fatalf("got\n%v, another reader\n%v", rows, want)
		}
		for _, format := range formats() {
			copied, err := upload.Read(bytes.NewReader(render(t, format, rows)), format, nil, upload.Limits{})
			if err != nil {
				t.Fatalf("reading it again as %v: %v", format, err)
			}
			if !slices.Equal(rowsOf(t, copied), rows) || !slices.Equal(copied.Destinations, batch.Destinations) {
				t.Fatalf("another batch as %v", format)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(header + "\n\"" + simA + "\n\",a@example.com,\" op0000000001\"\r\n" + simB + "," + to))
	f.Add([]byte(header + "\"x\"\"\n" + simA + "," + to + "\n\""))
	fuzz(f, upload.CSV, func(body []byte) ([]row, error) {
		records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff")))).ReadAll()
		if err != nil {
			return nil, err
		}
		position := func(name string) int {
			return slices.IndexFunc(records[0], func(s string) bool { return strings.TrimSpace(s) == name })
		}
		sim, email, operatorID := position("sim"), position("destination_email"), position("destination_operator_id")
		var rows []row
		for _, record := range records[1:] {
			rows = append(rows, row{record[sim], record[email], record[operatorID]})
		}
		return rows, nil
	})
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("\r\n{ \"\\u0073im\" : \"\\u002B15551234567\"," + dest + "} \n"))
	f.Add([]byte(rowA + "\n{\"a\\\"\":[{\"}\":1e5}],\"sim\":null}\n7\n"))
	fuzz(f, upload.NDJSON, func(body []byte) ([]row, error) {
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
		decoder.DisallowUnknownFields()
		var rows []row
		for {
			var row row
			if err := decoder.Decode(&row); err != nil {
				if errors.Is(err, io.EOF) {
					return rows, nil
				}
				return nil, err
			}
			rows = append(rows, row)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte("{\n\"rows\" : [" + rowA + ",\n" + rowB + "\n] }"))
	f.Add([]byte("[" + rowA + ",[true],{}]"))
	fuzz(f, upload.JSON, func(body []byte) ([]row, error) {
		body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
		if body[0] == '[' {
			body = []byte(`{"rows":` + string(body) + "}")
		}
		var document struct{ Rows []row }
		err := json.Unmarshal(body, &document)
		return document.Rows, err
	})
}
