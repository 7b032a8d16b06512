package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// newSelectionTestService returns a service whose source has SIMs 1 to 9 in two
// boxes, and whose bystander has SIM 10.
func newSelectionTestService(t *testing.T) *testService {
	t.Helper()
	s := newTestService(t)
	s.sims(10, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active', tags = '{"site": "south"}' WHERE iccid IN ($1, $2)`, iccid(3), iccid(4))
	s.exec(`INSERT INTO sim_details (sim, lot, eid) SELECT id, CASE WHEN iccid < $1 THEN 'box-7' ELSE 'box-8' END, CASE WHEN iccid >= $2 THEN $3 END FROM sims`, iccid(5), iccid(8), eid)
	s.exec(`UPDATE sims SET account = (SELECT id FROM accounts WHERE operator_id = $1) WHERE iccid = $2`, bystanderID, iccid(10))
	s.exec(`UPDATE registrations SET account = (SELECT account FROM sims WHERE iccid = $1) WHERE sim = (SELECT id FROM sims WHERE iccid = $1)`, iccid(10))
	return s
}

// selecting is the body of a request for a selection.
func selecting(selection obj) obj {
	body := obj{"destination": obj{"email": emailOf(destinationID), "operator_id": destinationID}}
	for name, value := range selection {
		body[name] = value
	}
	return body
}

// selected lists the identifiers that a request was made with, in order.
func (s *testService) selected(r Request) []string {
	s.t.Helper()
	var list []string
	for _, v := range read[List[Transfer]](s.get(s.source, requestPath(r.ID)+"/transfers?limit=1000").is(200)).Items {
		list = append(list, v.Identifier)
	}
	return list
}

func iccids(numbers ...int) []string {
	var list []string
	for _, n := range numbers {
		list = append(list, iccid(n))
	}
	return list
}

func TestSelections(t *testing.T) {
	t.Parallel()
	span := func(first, last int) string { return iccid(first) + "-" + iccid(last) }
	for name, c := range map[string]struct {
		selection obj
		want      []string
	}{
		"a range":                       {obj{"sims": []string{span(2, 4)}}, iccids(2, 3, 4)},
		"a range of SIMs of others too": {obj{"sims": []string{span(8, 12)}}, iccids(8, 9)},
		"a range with check digits":     {obj{"sims": []string{checked(2) + "–" + checked(6)}}, iccids(2, 3, 4, 5, 6)},
		"ranges and others":             {obj{"sims": []string{iccid(9), span(2, 3), imsi(1), "12025550199"}}, append(iccids(9, 2, 3), imsi(1), "12025550199")},
		"an EID":                        {obj{"sims": []string{eid}}, iccids(8, 9)},
		"an unknown EID":                {obj{"sims": []string{strings.Repeat("1", 32), iccid(1)}}, []string{strings.Repeat("1", 32), iccid(1)}},
		"a lot":                         {obj{"filter": obj{"lot": []string{"box-7"}}}, iccids(1, 2, 3, 4)},
		"lots and statuses":             {obj{"filter": obj{"lot": []string{"box-7", "box-8"}, "status": []string{"active", "suspended"}}}, iccids(3, 4)},
		"a tag and a range":             {obj{"filter": obj{"tag": []string{"site=north"}, "iccid_range": []string{span(1, 4)}}}, iccids(1, 2)},
		"two values of a tag":           {obj{"filter": obj{"tag": []string{"site=north", "site=south"}}}, iccids(1, 2, 3, 4, 5, 6, 7, 8, 9)},
		"the last digits":               {obj{"filter": obj{"identifier_suffix": []string{iccid(5)[12:]}}}, iccids(5)},
		"a prefix":                      {obj{"filter": obj{"identifier_prefix": []string{iccid(5)}}}, iccids(5)},
		"a plan":                        {obj{"filter": obj{"plan": []string{"global-01"}, "eid": []string{eid}}}, iccids(8, 9)},
		"all":                           {obj{"all_sims": true, "expect_count": 9}, iccids(1, 2, 3, 4, 5, 6, 7, 8, 9)},
		"a list as expected":            {obj{"sims": iccids(1, 77), "expect_count": 2}, iccids(1, 77)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSelectionTestService(t)
			p := read[Preview](s.post(s.source, "/v1/transfer-requests/preview", selecting(c.selection)).is(200))
			var previewed []string
			for _, item := range p.Items {
				previewed = append(previewed, item.Identifier)
			}
			equal(t, previewed, c.want)
			if p.Selected != len(c.want) {
				t.Errorf("the preview says that %d SIMs are selected", p.Selected)
			}
			for _, header := range []map[string]string{nil, withKey(name)} {
				r := read[Request](s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: selecting(c.selection), header: header}).is(202))
				equal(t, s.selected(r), c.want)
				if r.Counts.SIMs != len(c.want) {
					t.Errorf("the request says that %d SIMs are selected", r.Counts.SIMs)
				}
			}
			s.work()
			s.check()
		})
	}
}

func TestWrongSelections(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	for name, c := range map[string]struct {
		selection obj
		code      problem.Code
		says      string
	}{
		"nothing":              {obj{}, problem.Invalid, "give one of sims, filter and all_sims"},
		"two ways":             {obj{"sims": iccids(1), "all_sims": true}, problem.Invalid, "give one of"},
		"an empty filter":      {obj{"filter": obj{}}, problem.Invalid, "the filter is empty"},
		"no match":             {obj{"filter": obj{"lot": []string{"box-7"}, "identifier_prefix": []string{"999999"}}}, problem.NothingSelected, "no SIM that matches the filter"},
		"an unknown group":     {obj{"filter": obj{"group": []string{"none"}}}, problem.NothingSelected, `no SIM in the group "none"`},
		"an unknown plan":      {obj{"filter": obj{"lot": []string{"box-7"}, "plan": []string{"nowhere"}}}, problem.NothingSelected, `no SIM on the plan "nowhere"`},
		"an unknown tag":       {obj{"filter": obj{"tag": []string{"site", "site=none"}, "status": []string{"ready"}, "plan": []string{"nowhere"}}}, problem.NothingSelected, `no SIM with the tag "site=none"`},
		"a tag in any case":    {obj{"filter": obj{"tag": []string{"SITE"}}}, problem.NothingSelected, `no SIM with the tag "SITE"`},
		"no SIM in a range":    {obj{"sims": []string{iccid(1), iccid(20) + "-" + iccid(30)}}, problem.NothingSelected, "body.sims[1]"},
		"others' SIMs":         {obj{"sims": []string{iccid(10) + "-" + iccid(10)}}, problem.NothingSelected, "body.sims[0]"},
		"an unknown lot":       {obj{"filter": obj{"lot": []string{"box-7", "box-9"}}}, problem.UnknownLot, "box-9"},
		"unequal ends":         {obj{"sims": []string{iccid(1) + "-" + iccid(4) + "0"}}, problem.InvalidRange, "have 19 and 20 digits"},
		"reverse ends":         {obj{"sims": []string{iccid(4) + "-" + iccid(1)}}, problem.InvalidRange, "ends before it begins"},
		"reverse in a filter":  {obj{"filter": obj{"iccid_range": []string{iccid(4) + "-" + iccid(1)}}}, problem.InvalidRange, "body.filter.iccid_range[0]"},
		"a range and others":   {obj{"sims": []string{iccid(4) + "-" + iccid(1), "x"}}, problem.Invalid, "ends before it begins"},
		"overlapping ranges":   {obj{"sims": []string{iccid(1) + "-" + iccid(3), iccid(3) + "-" + iccid(4)}}, problem.Invalid, iccid(3) + " is also selected by body.sims[0]"},
		"a range of one again": {obj{"sims": []string{iccid(1) + "-" + iccid(1), iccid(1)}}, problem.Invalid, "also selected by body.sims[0]"},
		"in a range, by IMSI":  {obj{"sims": []string{imsi(2), iccid(1) + "-" + iccid(3)}}, problem.Invalid, "another identifier of the SIM in body.sims[0]"},
		"the same range":       {obj{"sims": []string{iccid(1) + "-" + iccid(3), iccid(1) + "–" + iccid(3)}}, problem.Invalid, "is already in body.sims[0]"},
		"another count":        {obj{"filter": obj{"lot": []string{"box-7"}}, "expect_count": 5}, problem.SIMCount, "4 SIMs are selected, not 5"},
		"another count of all": {obj{"all_sims": true, "expect_count": 10}, problem.SIMCount, "9 SIMs are selected, not 10"},
		"the count of one":     {obj{"sims": iccids(1), "expect_count": 3}, problem.SIMCount, "1 SIM is selected, not 3"},
		"a list's count":       {obj{"sims": iccids(1, 2), "expect_count": 3}, problem.SIMCount, "2 SIMs are selected, not 3"},
		"an account":           {obj{"filter": obj{"account": bystanderID}}, problem.Invalid, "account"},
	} {
		status := problem.KindOf(c.code).Status
		for _, path := range []string{"/v1/transfer-requests", "/v1/transfer-requests/preview", "/v1/batches/from-selection"} {
			p := s.post(s.source, path, selecting(c.selection)).problem(status, c.code)
			if text := fmt.Sprintf("%s %+v", p.Detail, p.Errors); !strings.Contains(text, c.says) {
				t.Errorf("%s, %s: %s", name, path, text)
			}
		}
	}
	if n := s.queryInt(`SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM batches)`); n != 0 {
		t.Errorf("%d requests and batches were created", n)
	}
}

// Support selects among the SIMs of the account that it acts for.
func TestSupportSelects(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	body := selecting(obj{"filter": obj{"tag": []string{"site"}}, "on_behalf_of": bystanderID})
	r := read[Request](s.post(s.support, "/v1/transfer-requests", body).is(202))
	if r.Counts.SIMs != 1 || r.Source != bystanderID {
		t.Errorf("%+v", r)
	}
	if p := read[Preview](s.post(s.support, "/v1/transfer-requests/preview", selecting(obj{"all_sims": true, "on_behalf_of": sourceID})).is(200)); p.Selected != 9 {
		t.Errorf("%d SIMs are selected", p.Selected)
	}
}

// The ids of the operator's inventory are for support, as in lists.
func TestSelectionsByExternalID(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	s.exec(`UPDATE sim_details SET external_id = 'meter-2' WHERE sim = (SELECT id FROM sims WHERE iccid = $1)`, iccid(2))
	filter := obj{"external_id": []string{"meter-2"}}
	for _, path := range []string{"/v1/transfer-requests", "/v1/transfer-requests/preview", "/v1/batches/from-selection"} {
		s.post(s.source, path, selecting(obj{"filter": filter})).problem(403, problem.Forbidden)
	}
	s.post(s.source, "/v1/sims/changes", obj{"filter": filter, "change": obj{"transfer_lock": true}}).problem(403, problem.Forbidden)
	if p := read[Preview](s.post(s.support, "/v1/transfer-requests/preview", selecting(obj{"filter": filter, "on_behalf_of": sourceID})).is(200)); p.Selected != 1 {
		t.Errorf("%d SIMs are selected", p.Selected)
	}
}

// All requests of a batch from a selection have its reference and message.
func TestWordsOfBatchFromSelection(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	body := selecting(obj{"filter": obj{"lot": []string{"box-7"}}, "reference": "PO-7", "unique_reference": true, "message": "as ordered", "sim_references": obj{iccid(1): "line 1"}})
	b := read[Batch](s.post(s.source, "/v1/batches/from-selection", body).is(202))
	if b.Reference == nil || *b.Reference != "PO-7" || b.Message == nil || *b.Message != "as ordered" {
		t.Errorf("the batch: %+v", b)
	}
	if r := b.Items[0]; r.Reference == nil || *r.Reference != "PO-7" || r.Message == nil || *r.Message != "as ordered" {
		t.Errorf("its request: %+v", r)
	}
	if n := s.queryInt(`SELECT count(*) FROM transfers WHERE reference = 'line 1' AND identifier = '` + iccid(1) + `'`); n != 1 {
		t.Errorf("%d SIMs have the reference", n)
	}
	if p := s.post(s.source, "/v1/batches/from-selection", body).problem(409, problem.ReferenceTaken); !strings.Contains(p.Detail, b.ID.String()) && !strings.Contains(p.Detail, b.Items[0].ID.String()) {
		t.Error(p.Detail)
	}
}

// Some SIMs of a request are canceled and declined by range.
func TestDecisionsByRange(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", selecting(obj{"filter": obj{"status": []string{"ready"}}})).is(202))
	s.work()
	path := "/v1/transfer-requests/" + r.ID.String()
	s.post(s.source, path+"/cancel", obj{"sims": []string{iccid(1) + "-" + iccid(2)}}).is(202)
	p := s.post(s.destination, path+"/decline", obj{"sims": []string{iccid(2) + "-" + iccid(2)}}).problem(422, problem.UnknownSIMs)
	if !strings.Contains(fmt.Sprint(p), iccid(2)) {
		t.Errorf("%+v", p)
	}
	s.post(s.destination, path+"/accept", obj{"sims": []string{iccid(2) + "-" + iccid(1)}}).problem(422, problem.InvalidRange)
	got := read[Request](s.post(s.destination, path+"/decline", obj{"sims": []string{iccid(1) + "-" + iccid(5)}}).is(202))
	if got.Counts.Declined != 1 {
		t.Errorf("%+v", got.Counts)
	}
}

// A batch from a selection has a request for each 100,000 SIMs.
func TestBatchFromSelection(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	n := transfer.MaxRequestSIMs + 5
	s.exec(`SET session_replication_role = replica`)
	s.exec(`WITH made AS (
			INSERT INTO sims (account, since, status, iccid, plan)
			SELECT (SELECT id FROM accounts WHERE operator_id = $1), clock_timestamp(), 'ready', '89882110000' || lpad(n::text, 8, '0'), 'global-01' FROM generate_series(1, $2::int) n
			RETURNING id, account, since, iccid
		), registered AS (INSERT INTO registrations (sim, since, account) SELECT id, since, account FROM made)
		INSERT INTO identifiers (identifier, sim, kind) SELECT iccid, id, 'iccid' FROM made`, sourceID, n)
	all := selecting(obj{"all_sims": true, "expect_count": n})
	p := s.post(s.source, "/v1/transfer-requests", all).problem(422, problem.TooManySIMs)
	if !strings.Contains(p.Detail, fmt.Sprint(n)) || !strings.Contains(p.Detail, "batch") {
		t.Error(p.Detail)
	}
	s.post(s.source, "/v1/transfer-requests/preview", all).problem(422, problem.TooManySIMs)
	list := obj{"sims": []string{"8988211000000000000-8988211000099999999"}}
	s.post(s.source, "/v1/transfer-requests", selecting(list)).problem(422, problem.TooManySIMs)
	b := read[Batch](s.post(s.source, "/v1/batches/from-selection", all).is(202))
	if b.Requests != 2 || b.Counts.SIMs != n || b.Items[0].Counts.SIMs != transfer.MaxRequestSIMs || b.Items[1].Counts.SIMs != 5 {
		t.Errorf("%+v", b)
	}
	if distinct := s.queryInt(`SELECT count(DISTINCT identifier) FROM transfers`); distinct != n {
		t.Errorf("%d SIMs are in the batch", distinct)
	}
}

// A SIM that moves while requests are made is in each selection or not, and the
// counts are those of what was made.
func TestSelectionsWhileSIMsMove(t *testing.T) {
	t.Parallel()
	s := newSelectionTestService(t)
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		for i := range 20 {
			owner := []string{bystanderID, sourceID}[i%2]
			for n := 1; n <= 3; n++ { // refused while the SIM is in a transfer
				s.post(s.admin, "/v1/sims/"+iccid(n)+"/owner-corrections", obj{"account": owner, "reason": "a test"})
			}
		}
	}()
	for moving := true; moving; {
		select {
		case <-moved:
			moving = false
		default:
		}
		r := read[Request](s.post(s.source, "/v1/transfer-requests", selecting(obj{"filter": obj{"lot": []string{"box-7", "box-8"}}})).is(202))
		list := s.selected(r)
		if r.Counts.SIMs != len(list) || len(list) < 6 || len(list) > 9 || len(slices.Compact(slices.Sorted(slices.Values(list)))) != len(list) {
			t.Fatalf("%d SIMs: %q", r.Counts.SIMs, list)
		}
		s.work()
		s.post(s.source, requestPath(r.ID)+"/cancel", nil).is(202)
		s.work()
	}
	s.check()
}

// The first event of a request says how its SIMs were selected, but not by which ids
// of the operator's inventory. A list of identifiers is not repeated.
func TestEventSaysWhatWasSelected(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(6, transfer.Ready)
	s.exec(`INSERT INTO sim_details (sim, external_id, lot) SELECT id, 'A-' || right(iccid, 3), 'box-7' FROM sims`)
	first := func(path string) map[string]any {
		return read[List[Event]](s.get(s.source, path+"/events").is(200)).Items[0].Detail
	}
	for _, c := range []struct {
		key       string
		selection obj
		want      string
	}{
		{s.source, obj{"sims": []string{iccid(1)}}, `{"size":1}`},
		{s.source, obj{"sims": []string{iccid(1), iccid(2) + "-" + iccid(4)}}, `{"selection":{"entries":2,"ranges":["` + iccid(2) + "-" + iccid(4) + `"]},"size":4}`},
		{s.source, obj{"all_sims": true}, `{"selection":{"all_sims":true},"size":6}`},
		{
			s.support,
			obj{"filter": obj{"lot": []string{"box-7"}, "external_id": []string{"A-" + iccid(1)[len(iccid(1))-3:]}}, "on_behalf_of": sourceID},
			`{"selection":{"external_ids":1,"filter":{"lot":["box-7"]}},"size":1}`,
		},
	} {
		path := s.post(c.key, "/v1/transfer-requests", selecting(c.selection)).is(202).header.Get("Location")
		if got, err := json.Marshal(first(path)); err != nil || string(got) != c.want {
			t.Errorf("%v: %s, %v, want %s", c.selection, got, err, c.want)
		}
	}
	batch := read[Batch](s.post(s.source, "/v1/batches/from-selection", selecting(obj{"all_sims": true})).is(202))
	if d := first("/v1/transfer-requests/" + batch.Items[0].ID.String()); d["selection"] == nil {
		t.Errorf("the event of a batch's request says %v", d)
	}
}
