package api

import (
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// TestDestinationSeesARequestWhenItMayDecide goes through every state of a
// request and reads it as the destination, by every route.
func TestDestinationSeesARequestWhenItMayDecide(t *testing.T) {
	t.Parallel()
	s := newTestService(t, pollFast)
	s.sims(4, transfer.Active)
	made := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(3), iccid(4))).is(202)
	path := made.header.Get("Location")
	id := strings.TrimPrefix(path, "/v1/transfer-requests/")
	hidden := func(when string) {
		t.Helper()
		for _, route := range []string{"", "/transfers", "/events", "/results", "/stream"} {
			s.get(s.destination, path+route).problem(404, problem.NotFound)
		}
		for _, route := range []string{"/accept", "/decline", "/cancel", "/retry"} {
			s.post(s.destination, path+route, nil).problem(404, problem.NotFound)
		}
		for _, query := range []string{"", "?direction=incoming", "?sim=" + iccid(1), "?method=support_assisted", "?state=in_review", "?state=denied", "?state=canceled"} {
			if list := read[List[Request]](s.get(s.destination, "/v1/transfer-requests"+query).is(200)); len(list.Items) != 0 {
				t.Errorf("%s: %s lists %+v", when, query, list.Items)
			}
		}
		if feed := read[Feed](s.get(s.destination, "/v1/events").is(200)); len(feed.Items) != 0 {
			t.Errorf("%s: the feed has %+v", when, feed.Items)
		}
	}
	hidden("validating")
	s.post(s.source, path+"/cancel", map[string]any{"sims": []string{iccid(1)}}).is(202)
	s.work()
	s.post(s.source, path+"/cancel", map[string]any{"sims": []string{iccid(2)}}).is(202)
	hidden("in review")
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)

	r := read[Request](s.get(s.destination, path).is(200))
	if r.Counts != (Counts{SIMs: 2, Eligible: 2, Support: 2}) {
		t.Errorf("the destination counts %+v", r.Counts)
	}
	sims := func(key string) (list []string) {
		t.Helper()
		for _, row := range read[List[Transfer]](s.get(key, path+"/transfers").is(200)).Items {
			list = append(list, row.Identifier)
		}
		return list
	}
	if got := sims(s.destination); !slices.Equal(got, []string{iccid(3), iccid(4)}) {
		t.Errorf("the destination sees the SIMs %q", got)
	}
	if rows := rowsOf(s.results(s.destination, path, "text/csv").is(200)); len(rows) != 2 {
		t.Errorf("the results of the destination are %+v", rows)
	}
	if list := read[List[Request]](s.get(s.destination, "/v1/transfer-requests?sim="+iccid(1)).is(200)); len(list.Items) != 0 {
		t.Errorf("the destination finds a request by a SIM that was canceled before: %+v", list)
	}
	kinds := func() (list []transfer.EventKind) {
		for _, e := range read[List[Event]](s.get(s.destination, path+"/events").is(200)).Items {
			list = append(list, e.Kind)
		}
		return list
	}
	if got := kinds(); !slices.Equal(got, []transfer.EventKind{transfer.EventApprove}) {
		t.Errorf("the destination sees the events %q", got)
	}
	// what is canceled from now on, it sees
	s.post(s.source, path+"/cancel", map[string]any{"sims": []string{iccid(3)}}).is(202)
	if got := sims(s.destination); !slices.Equal(got, []string{iccid(3), iccid(4)}) {
		t.Errorf("after a cancel, the destination sees the SIMs %q", got)
	}
	if r := read[Request](s.get(s.destination, path).is(200)); r.Counts != (Counts{SIMs: 2, Eligible: 1, Support: 1, Canceled: 1}) {
		t.Errorf("after a cancel, the destination counts %+v", r.Counts)
	}
	s.exec(`UPDATE requests SET expires_at = clock_timestamp() WHERE id = $1`, id)
	if _, err := s.db.ExpireDue(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	s.work()
	s.post(s.source, path+"/retry", nil).is(202)
	want := []transfer.EventKind{transfer.EventApprove, transfer.EventCancel, transfer.EventExpire, transfer.EventRelease, transfer.EventFinish}
	if got := kinds(); !slices.Equal(got, want) {
		t.Errorf("at the end the destination sees the events %q, want %q", got, want)
	}
	if feed, _ := s.follow(s.destination, "", 200, len(want)); len(feed) != len(want) {
		t.Errorf("the feed of the destination has %+v", feed)
	}
	ids, _ := s.stream(s.destination, path, "")
	n := 0
	for range ids {
		n++
	}
	if n != len(want) {
		t.Errorf("the stream of the destination had %d events, want %d, and then ended", n, len(want))
	}
}

// TestRequestThatWasNeverOffered ends requests before the destination may
// decide: it never learns of them.
func TestRequestThatWasNeverOffered(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	denied := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	canceled := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202).header.Get("Location")
	rejected := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(99))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, denied+"/deny", map[string]any{"reason": "fraud"}).is(202)
	s.post(s.source, canceled+"/cancel", nil).is(202)
	s.work()
	for _, path := range []string{denied, canceled, rejected} {
		if r := read[Request](s.get(s.source, path).is(200)); r.FinishedAt == nil {
			t.Errorf("%+v", r)
		}
		s.get(s.destination, path).problem(404, problem.NotFound)
	}
	if list := read[List[Request]](s.get(s.destination, "/v1/transfer-requests").is(200)); len(list.Items) != 0 {
		t.Errorf("%+v", list.Items)
	}
	if n := s.queryInt(`SELECT count(*) FROM events WHERE destination IS NOT NULL`); n != 0 {
		t.Errorf("%d events are in the destination's feed", n)
	}
}
