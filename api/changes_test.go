package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// changes reads the changes feed from a query to its end, as JSON and as NDJSON,
// which must be equal.
func (s *testService) changes(query string) (list []Change, next string) {
	s.t.Helper()
	page := read[ChangesPage](s.get(s.support, "/v1/changes?limit=1000&"+query).is(200))
	rows := s.do(apiCall{method: "GET", path: "/v1/changes?limit=100000&" + query, key: s.support, header: map[string]string{"Accept": typeNDJSON}}).is(200)
	list = []Change{}
	for line := range strings.Lines(rows.text) {
		var row Change
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		list = append(list, row)
	}
	if diff := cmp.Diff(page.Items, list); diff != "" {
		s.t.Errorf("JSON and NDJSON: %s", diff)
	}
	if h := rows.header; h.Get(rowsHeader) != fmt.Sprint(len(list)) || h.Get(nextCursorHeader) != page.NextCursor || h.Get(moreHeader) != "false" || page.More {
		s.t.Errorf("headers %v, page %+v", h, page)
	}
	return list, page.NextCursor
}

// kinds returns the kinds and the ICCIDs of entries.
func kinds(list []Change) []string {
	texts := []string{}
	for _, c := range list {
		texts = append(texts, fmt.Sprintf("%s %s", c.Kind, c.ICCID))
	}
	return texts
}

func TestChangesFeed(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	start := read[ChangesPage](s.get(s.support, "/v1/changes?from=now").is(200)).NextCursor
	csv := "iccid,imsis,plan,account,external_id\n" + iccid(1) + ",001010000000001,global-01," + sourceID + ",meter-1\n" + iccid(2) + ",001010000000002,global-01," + sourceID + ",\n"
	s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: csv, header: csvHeader()}).is(201)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/accept", map[string]any{"landing": map[string]any{"group": "arrived"}}).is(202)
	s.work()
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(2), key: s.support, body: map[string]any{"status": "suspended"}}).is(200)

	list, end := s.changes("cursor=" + start)
	if diff := cmp.Diff([]string{"created " + iccid(1), "created " + iccid(2), "transferred " + iccid(1), "status_changed " + iccid(2)}, kinds(list)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if moved := list[2]; *moved.From != (ChangeOwner{Account: sourceID}) || moved.To != (ChangeOwner{Account: destinationID}) || requestPath(*moved.Request) != path || *moved.Line != 1 ||
		*moved.ExternalID != "meter-1" || !slices.Equal(moved.IMSIs, []string{"001010000000001"}) || *moved.Settings.Group != "arrived" {
		t.Errorf("transferred: %+v", moved)
	}
	if changed := list[3]; changed.From != nil || changed.To != (ChangeOwner{Account: sourceID}) || *changed.Status != (ChangedText{"ready", "suspended"}) || changed.Request != nil {
		t.Errorf("status_changed: %+v", changed)
	}
	for query, want := range map[string][]Change{
		"kind=transferred,status_changed":                   list[2:],
		"kind=swapped":                                      {},
		"account=" + destinationID:                          list[2:3],
		"account=" + bystanderID:                            {},
		"account=" + sourceID + "&kind=created":             list[:2],
		"cursor=" + list[1].Cursor:                          list[2:],
		"cursor=" + list[3].Cursor:                          {},
		"cursor=" + end + "&account=" + sourceID:            {},
		"from=now":                                          {},
		"since=2020-01-01":                                  list,
		"since=2020-01-01&kind=created&account=" + sourceID: list[:2],
	} {
		if strings.HasPrefix(query, "account") || strings.HasPrefix(query, "kind") {
			query += "&cursor=" + start
		}
		if got, _ := s.changes(query); !cmp.Equal(got, want) {
			t.Errorf("%s: %s", query, cmp.Diff(want, got))
		}
	}
	// In pages of one, a client that follows next_cursor gets every entry once.
	var paged []Change
	for cursor, more := start, true; more; {
		page := read[ChangesPage](s.get(s.support, "/v1/changes?limit=1&cursor="+cursor).is(200))
		paged, cursor, more = append(paged, page.Items...), page.NextCursor, page.More
	}
	if diff := cmp.Diff(list, paged); diff != "" {
		t.Errorf("in pages of one: %s", diff)
	}
	// Finance sees who owns a SIM, but not the settings of its owner.
	finance := s.key(storage.NewKey{Role: storage.RoleFinance, Name: "billing"})
	for _, c := range read[ChangesPage](s.get(finance, "/v1/changes").is(200)).Items {
		if c.Settings != nil {
			t.Errorf("finance sees %+v", c)
		}
	}
	s.get(s.source, "/v1/changes").problem(403, problem.Forbidden)
	s.get(s.source, "/v1/changes/stream").problem(403, problem.Forbidden)
}

func TestChangesFeedRefusesWrongCalls(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.support, body: map[string]any{"status": "active"}}).is(200)
	_, next := s.changes("")
	var seq int64
	if _, err := fmt.Sscanf(next, "%d-0", &seq); err != nil {
		t.Fatal(next)
	}
	for _, query := range []string{
		"cursor=x", "cursor=1", "cursor=0-0", "cursor=-1-0", fmt.Sprintf("cursor=%d-1", seq), fmt.Sprintf("cursor=%d-0", seq+1),
		"from=then", "since=2999-01-01", "since=yesterday", "from=now&since=2020-01-01", "cursor=1-0&from=now",
		"kind=renamed", "account=OP9999999999", "limit=0", "limit=1001", "limit=100001", "after=1-0",
	} {
		s.get(s.support, "/v1/changes?"+query).problem(422, problem.Invalid)
	}
	for _, id := range []string{"x", "0-0", "1"} {
		s.do(apiCall{method: "GET", path: "/v1/changes/stream", key: s.support, header: map[string]string{"Last-Event-ID": id}}).problem(422, problem.Invalid)
	}
	s.do(apiCall{method: "GET", path: "/v1/changes", key: s.support, header: map[string]string{"Accept": typeCSV}}).problem(406, problem.NotAcceptable)
}

// A stream has what happened before it began, and what happens later. Another one
// resumes it after the last event.
func TestChangesStream(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	set := func(i int) {
		s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(i), key: s.support, body: map[string]any{"status": "active"}}).is(200)
	}
	read := func(path, last string, n int, then func()) (list []Change) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.support)
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		in := bufio.NewReader(response.Body)
		id := ""
		for len(list) < n {
			line, err := in.ReadString('\n')
			if err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id = strings.TrimSpace(text)
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				var c Change
				if err := json.Unmarshal([]byte(text), &c); err != nil || c.Cursor != id {
					t.Fatalf("event %s: %s, %v", id, text, err)
				}
				if list = append(list, c); len(list) == 1 && then != nil {
					then()
				}
			}
		}
		return list
	}
	set(1)
	all := read("/v1/changes/stream?kind=status_changed", "", 2, func() { set(2) })
	if diff := cmp.Diff([]string{"status_changed " + iccid(1), "status_changed " + iccid(2)}, kinds(all)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	set(3)
	rest := read("/v1/changes/stream?kind=status_changed&from=now", all[0].Cursor, 2, nil)
	if diff := cmp.Diff([]string{"status_changed " + iccid(2), "status_changed " + iccid(3)}, kinds(rest)); diff != "" {
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
}
