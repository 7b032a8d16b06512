package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func csvHeader() map[string]string { return map[string]string{"Content-Type": "text/csv"} }

// batchCSV is an upload of SIMs to the other account.
func batchCSV(sims ...string) string {
	var b strings.Builder
	b.WriteString("sim,destination_email,destination_operator_id\n")
	for _, sim := range sims {
		fmt.Fprintf(&b, "%s,%s,%s\n", sim, emailOf(destinationID), destinationID)
	}
	return b.String()
}

func (s *testService) upload(key, query, contentType, text string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "POST", path: "/v1/batches" + query, key: key, body: text, header: map[string]string{"Content-Type": contentType}})
}

func TestBatchMakesARequestPerDestination(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	csv := "\ufeffdestination_operator_id,sim,destination_email\r\n" +
		destinationID + "," + iccid(1) + "," + emailOf(destinationID) + "\r\n" +
		bystanderID + ",\"" + imsi(2) + "\"," + strings.ToUpper(emailOf(bystanderID)) + "\r\n" +
		destinationID + "," + iccid(3) + "," + emailOf(destinationID) + "\r\n"
	ndjson := `{"sim":"` + iccid(4) + `","destination_email":"` + emailOf(destinationID) + `","destination_operator_id":"` + destinationID + `"}`
	for _, test := range []struct {
		contentType, text string
		sizes             []int
	}{
		{"text/csv; charset=utf-8", csv, []int{2, 1}},
		{"application/x-ndjson", ndjson, []int{1}},
		{"application/json", "[" + ndjson + "," + strings.Replace(ndjson, iccid(4), iccid(5), 1) + "]", []int{2}},
	} {
		made := s.upload(s.source, "?acceptance_seconds=60", test.contentType, test.text).is(202)
		b := read[Batch](made)
		var sizes []int
		for _, r := range b.Items {
			sizes = append(sizes, r.Counts.SIMs)
			if r.AcceptanceSeconds != 60 || *r.Batch != b.ID || r.State != transfer.Validating {
				t.Errorf("%s: request %+v", test.contentType, r)
			}
		}
		if !slices.Equal(sizes, test.sizes) || b.Requests != len(sizes) || b.Counts.Pending != b.Counts.SIMs {
			t.Errorf("%s: %+v", test.contentType, b)
		}
		path := requestPath(b.Items[0].ID) + "/transfers"
		list := read[List[Transfer]](s.get(s.source, path).is(200))
		for i, first := 1, list.Items[0].Line; i < len(list.Items); i++ {
			if list.Items[i].Line <= first {
				t.Errorf("%s: row %d is line %d", test.contentType, i, list.Items[i].Line)
			}
		}
		if made.header.Get("Location") != "/v1/batches/"+b.ID.String() {
			t.Errorf("Location %q", made.header.Get("Location"))
		}
	}
}

func TestBatchCounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	b := read[Batch](s.upload(s.source, "", "text/csv", batchCSV(iccid(1), iccid(2), iccid(77))).is(202))
	path := "/v1/batches/" + b.ID.String()
	s.work()
	s.post(s.destination, "/v1/transfer-requests/"+b.Items[0].ID.String()+"/accept", nil).is(202)
	s.work()
	b = read[Batch](s.get(s.source, path).is(200))
	if !b.Finished || b.Counts.Completed != 2 || b.Counts.Ineligible != 1 || b.Counts.SIMs != 3 || b.Items[0].State != transfer.RequestCompleted {
		t.Errorf("%+v", b)
	}
	list := read[List[Transfer]](s.get(s.source, "/v1/transfer-requests/"+b.Items[0].ID.String()+"/transfers?state=ineligible").is(200))
	if len(list.Items) != 1 || list.Items[0].Line != 4 || *list.Items[0].Reason != transfer.SIMNotFound || list.Items[0].Remedy == "" {
		t.Errorf("%+v", list)
	}
}

// A destination that has heard of a batch's id must not find out which of its
// incoming requests belong to it.
func TestBatchIsVisibleOnlyToItsSource(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	b := read[Batch](s.upload(s.source, "", "text/csv", batchCSV(iccid(1), iccid(2))).is(202))
	s.work()
	for key, n := range map[string]int{s.source: 1, s.support: 1, s.destination: 0, s.bystander: 0} {
		for _, direction := range []string{"both", "incoming", "outgoing"} {
			want := n
			if key == s.source && direction == "incoming" {
				want = 0
			}
			path := "/v1/transfer-requests?direction=" + direction + "&batch=" + b.ID.String()
			if got := read[List[Request]](s.get(key, path).is(200)); len(got.Items) != want {
				t.Errorf("%s: %d requests, not %d", direction, len(got.Items), want)
			}
		}
	}
	if r := read[Request](s.get(s.destination, requestPath(b.Items[0].ID)).is(200)); r.Batch != nil {
		t.Errorf("%+v", r)
	}
}

func TestBatchIsRejectedAsAWhole(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	row := func(sim, email, id string) string { return sim + "," + email + "," + id + "\n" }
	head := "sim,destination_email,destination_operator_id\n"
	good := row(iccid(1), emailOf(destinationID), destinationID)
	for name, test := range map[string]struct {
		text  string
		lines []int
		codes []string
	}{
		"lines in the middle": {
			head + good + row("12x", emailOf(destinationID), destinationID) + row(iccid(2), emailOf(destinationID), destinationID) + "a,b\n",
			[]int{3, 5},
			[]string{"bad_value", "field_count"},
		},
		"twice":            {head + good + good, []int{3}, []string{"duplicate"}},
		"a missing column": {"sim,destination_email\n" + iccid(1) + "," + emailOf(destinationID) + "\n", []int{1}, []string{"missing_column"}},
		"an unknown one":   {"sim,destination_email,destination_operator_id,note\n" + iccid(1) + ",a@example.com," + destinationID + ",x\n", []int{1}, []string{"unknown_column"}},
		"no rows":          {head, []int{0}, []string{"empty"}},
		"nothing":          {"", []int{0}, []string{"empty"}},
		"a wrong pair":     {head + good + row(iccid(2), emailOf(bystanderID), destinationID), []int{3}, []string{"unknown_destination"}},
		"the own account":  {head + good + row(iccid(2), emailOf(sourceID), sourceID), []int{3}, []string{"own_account"}},
		"a closed account": {head + good + row(iccid(2), emailOf(closedID), closedID), []int{3}, []string{"account_closed"}},
		"several, by line": {
			head + row(iccid(1), emailOf(closedID), closedID) + row(iccid(2), "nobody@example.com", destinationID) + row(iccid(3), emailOf(closedID), closedID),
			[]int{2, 3},
			[]string{"account_closed", "unknown_destination"},
		},
	} {
		p := s.upload(s.source, "", "text/csv", test.text).problem(422, problem.InvalidLines)
		var lines []int
		var codes []string
		for _, f := range p.Errors {
			lines, codes = append(lines, f.Line), append(codes, f.Code)
		}
		if !slices.Equal(lines, test.lines) || !slices.Equal(codes, test.codes) {
			t.Errorf("%s: lines %v %v: %+v", name, lines, codes, p)
		}
	}
	var many strings.Builder
	many.WriteString(head)
	for i := range 150 {
		many.WriteString(row(iccid(i+1), "nobody@example.com", destinationID))
	}
	if p := s.upload(s.source, "", "text/csv", many.String()).problem(422, problem.InvalidLines); len(p.Errors) != 1 || p.More != 0 || p.Errors[0].Count != 150 || len(p.Errors[0].Lines) != 10 || p.Errors[0].Lines[9] != 11 ||
		!strings.Contains(p.Errors[0].Message, "nobody@example.com and "+destinationID) {
		t.Errorf("150 rows with one wrong destination: %+v", p)
	}
	s.upload(s.source, "", "application/xml", "<a/>").problem(415, problem.UnsupportedMediaType)
	s.upload(s.source, "", "", good).problem(415, problem.UnsupportedMediaType)
	s.upload(s.source, "?acceptance_seconds=0", "text/csv", head+good).problem(422, problem.Invalid)
	s.upload(s.source, "?acceptance_seconds=2592001", "text/csv", head+good).problem(422, problem.Invalid)
	s.upload(s.source, "?on_behalf_of="+destinationID, "text/csv", head+good).problem(403, problem.Forbidden)
	s.upload(s.support, "", "text/csv", head+good).problem(422, problem.Invalid)
	if n := s.queryInt(`SELECT (SELECT count(*) FROM batches) + (SELECT count(*) FROM requests) + (SELECT count(*) FROM transfers)`); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
}

func TestSupportUploadsOnBehalfOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	b := read[Batch](s.upload(s.support, "?on_behalf_of="+sourceID, "text/csv", batchCSV(iccid(1))).is(202))
	if b.Source != sourceID {
		t.Errorf("%+v", b)
	}
	s.get(s.source, "/v1/batches/"+b.ID.String()).is(200)
	events := read[List[Event]](s.get(s.source, "/v1/transfer-requests/"+b.Items[0].ID.String()+"/events").is(200))
	if events.Items[0].Party != transfer.PartySupport || events.Items[0].Key != nil {
		t.Errorf("%+v", events.Items)
	}
}

func TestBatchCancel(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	csv := batchCSV(iccid(1)) + iccid(2) + "," + emailOf(bystanderID) + "," + bystanderID + "\n"
	b := read[Batch](s.upload(s.source, "", "text/csv", csv).is(202))
	s.work()
	s.post(s.destination, "/v1/transfer-requests/"+b.Items[0].ID.String()+"/accept", nil).is(202)
	path := "/v1/batches/" + b.ID.String() + "/cancel"
	s.post(s.source, path, map[string]any{"sims": []string{iccid(1)}}).problem(422, problem.Invalid)
	call := apiCall{method: "POST", path: path, key: s.source, header: map[string]string{"Idempotency-Key": "c1"}}
	first := s.do(call).is(202)
	c := read[BatchCancel](first)
	if c.Canceled != 1 || len(c.Requests) != 2 {
		t.Fatalf("%+v", c)
	}
	if r := c.Requests[0]; r.Canceled || r.Code != problem.RequestState || r.State != transfer.Transferring {
		t.Errorf("the accepted one: %+v", r)
	}
	if r := c.Requests[1]; !r.Canceled || r.State != transfer.RequestCanceled || r.Code != "" {
		t.Errorf("the open one: %+v", r)
	}
	if again := s.do(call).is(202); again.text != first.text || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %s", again.text)
	}
	if c := read[BatchCancel](s.post(s.support, path, nil).is(202)); c.Canceled != 0 {
		t.Errorf("canceled twice: %+v", c)
	}
	s.work()
	if b := read[Batch](s.get(s.source, "/v1/batches/"+b.ID.String()).is(200)); b.Counts.Completed != 1 || b.Counts.Canceled != 1 || !b.Finished {
		t.Errorf("%+v", b)
	}
}
