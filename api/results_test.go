package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func (s *testService) results(key, path, accept string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "GET", path: path + "/results", key: key, header: map[string]string{"Accept": accept}})
}

// rowsOf reads results in any format.
func rowsOf(a testResponse) []Result {
	a.t.Helper()
	switch contentType := a.header.Get("Content-Type"); contentType {
	case typeJSON:
		return read[struct {
			Items []Result `json:"items"`
		}](a).Items
	case typeNDJSON:
		var rows []Result
		for line := range strings.Lines(a.text) {
			rows = append(rows, read[Result](testResponse{t: a.t, text: line}))
		}
		return rows
	case "text/csv; charset=utf-8":
		return rowsOfCSV(a)
	default:
		a.t.Fatalf("Content-Type %q", contentType)
		return nil
	}
}

// rowsOfCSV makes JSON of every record, by its header.
func rowsOfCSV(a testResponse) []Result {
	a.t.Helper()
	records, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
	if err != nil {
		a.t.Fatal(err)
	}
	var rows []Result
	for _, record := range records[1:] {
		fields := map[string]any{}
		for i, name := range records[0] {
			switch value := record[i]; {
			case name == "currency": // of the fee
			case slices.Contains([]string{"lands_on", "monthly_price", "monthly_currency", "drops_session"}, name): // of the arrival
			case value == "":
				fields[name] = nil
			case name == "fee":
				minor, err := strconv.Atoi(strings.Replace(value, ".", "", 1)) // EUR has two decimals
				if err != nil || record[i+1] != "EUR" {
					a.t.Fatalf("fee %q, %q: %v", value, record[i+1], err)
				}
				fields[name] = map[string]any{"amount": value, "minor": minor, "currency": record[i+1]}
			case name == "line" || name == "session_dropped":
				fields[name] = json.RawMessage(value)
			default:
				fields[name] = value
			}
		}
		text, err := json.Marshal(fields)
		if err != nil {
			a.t.Fatal(err)
		}
		rows = append(rows, read[Result](testResponse{t: a.t, text: string(text)}))
	}
	return rows
}

func TestResultsInOrderInEveryFormat(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(6, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3), imsi(2), iccid(99), iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	want := rowsOf(s.results(s.source, path, "").is(200))
	var brief []string
	for _, r := range want {
		fee := "-"
		if r.Fee != nil {
			fee = fmt.Sprint(r.Fee.Minor, r.Fee.Currency)
		}
		brief = append(brief, fmt.Sprint(r.Line, r.Identifier, r.State, string(valueOrZero(r.Reason)), fee))
	}
	if diff := cmp.Diff([]string{
		fmt.Sprint(1, iccid(3), "completed", "", fmt.Sprint(0, "EUR")),
		fmt.Sprint(2, imsi(2), "completed", "", fmt.Sprint(250, "EUR")),
		fmt.Sprint(3, iccid(99), "ineligible", "sim_not_found", "-"),
		fmt.Sprint(4, iccid(1), "completed", "", fmt.Sprint(0, "EUR")),
	}, brief); diff != "" {
		t.Error(diff)
	}
	for accept, contentType := range map[string]string{
		"*/*":                                typeJSON,
		"application/json":                   typeJSON,
		"text/*, application/json;q=0.5":     "text/csv; charset=utf-8",
		"text/csv":                           "text/csv; charset=utf-8",
		"text/html, application/x-ndjson":    typeNDJSON,
		"*/*;q=0.1, application/x-ndjson":    typeNDJSON,
		"application/json;q=0, */*;q=0.5":    typeNDJSON,
		"application/json; charset=utf-8, x": typeJSON,
	} {
		a := s.results(s.source, path, accept).is(200)
		if a.header.Get("Content-Type") != contentType {
			t.Errorf("%q got %q", accept, a.header.Get("Content-Type"))
		}
		if diff := cmp.Diff(want, rowsOf(a)); diff != "" {
			t.Errorf("%q: %s", accept, diff)
		}
	}
	s.results(s.source, path, "text/html").problem(406, problem.NotAcceptable)
	s.results(s.source, path, "application/json;q=0").problem(406, problem.NotAcceptable)
	// the destination is not told of what was never open to it
	if got := rowsOf(s.results(s.destination, path, "text/csv").is(200)); len(got) != 3 {
		t.Errorf("the destination reads %d rows", len(got))
	}
	s.results(s.bystander, path, "").problem(404, problem.NotFound)
}

func TestBatchResultsAreInTheOrderOfTheUpload(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	const n = 2500 // more than two pages
	var csv strings.Builder
	csv.WriteString("sim,destination_email,destination_operator_id\n")
	want := make([]string, n)
	for i := range n {
		to := destinationID
		if i%3 != 0 {
			to = bystanderID
		}
		fmt.Fprintf(&csv, "%s,%s,%s\n", iccid(n-i), emailOf(to), to)
		want[i] = fmt.Sprint(i+2, iccid(n-i), to, "pending")
	}
	batch := read[Batch](s.upload(s.source, "", "text/csv", csv.String()).is(202))
	path := "/v1/batches/" + batch.ID.String()
	for _, accept := range []string{typeJSON, typeNDJSON, typeCSV} {
		var got []string
		for _, r := range rowsOf(s.results(s.source, path, accept).is(200)) {
			got = append(got, fmt.Sprint(r.Line, r.Identifier, r.Destination, r.State))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", accept, diff)
		}
	}
	if got := rowsOf(s.results(s.support, requestPath(batch.Items[0].ID), typeCSV).is(200)); len(got) != batch.Items[0].Counts.SIMs {
		t.Errorf("%d rows of %d", len(got), batch.Items[0].Counts.SIMs)
	}
	s.results(s.destination, path, "").problem(404, problem.NotFound)
}
