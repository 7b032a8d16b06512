package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// follow reads the feed from a cursor until it has n events, in pages. Events
// take a moment to show: transactions of other tests may still be running.
func (s *testService) follow(key, cursor string, limit, n int) (events []FeedEvent, next string) {
	s.t.Helper()
	for s.t.Context().Err() == nil {
		page := read[Feed](s.get(key, fmt.Sprintf("/v1/events?limit=%d&cursor=%s", limit, cursor)).is(200))
		events, cursor = append(events, page.Items...), page.NextCursor
		if !page.More && len(events) >= n {
			break
		}
	}
	return events, cursor
}

func TestSourceKeepsTheFeedOfTransferredSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	s.get(s.source, "/v1/sims/"+iccid(1)).problem(404, problem.NotFound)
	want := read[List[Event]](s.get(s.source, path+"/events").is(200)).Items
	all, end := s.follow(s.source, "", 1, len(want))
	var got []Event
	for _, e := range all {
		got = append(got, e.Event)
		if requestPath(e.Request) != path || e.Source != sourceID || e.Destination != destinationID {
			t.Errorf("%+v", e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the feed differs from the request's events: %s", diff)
	}
	offered := slices.IndexFunc(all, func(e FeedEvent) bool { return e.Kind == transfer.EventOffer })
	destination, _ := s.follow(s.destination, "", 200, len(all)-offered)
	if offered < 1 || len(destination) != len(all)-offered || destination[0].Kind != transfer.EventOffer || destination[0].Detail["support"] != nil {
		t.Errorf("the destination reads %+v", destination)
	}
	if list, _ := s.follow(s.bystander, "", 200, 0); len(list) != 0 {
		t.Errorf("a bystander reads %+v", list)
	}
	if list, _ := s.follow(s.support, "", 200, len(all)); len(list) != len(all) {
		t.Errorf("support reads %+v", list)
	}
	if list := read[Feed](s.get(s.support, "/v1/events?account="+bystanderID).is(200)); len(list.Items) != 0 || list.NextCursor == "" {
		t.Errorf("%+v", list)
	}
	s.get(s.source, "/v1/events?account="+destinationID).problem(403, problem.Forbidden)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202)
	if list, _ := s.follow(s.source, end, 200, 1); len(list) != 1 || list[0].Kind != "create" {
		t.Errorf("after the end: %+v", list)
	}
	for _, cursor := range []string{"x", "1", "1-", "-1", "1-x", "99999999999999999999-1", "1-2-3"} {
		s.get(s.source, "/v1/events?cursor="+cursor).problem(422, problem.Invalid)
	}
}

// Two transactions are held open that write in the wrong order: the one that
// got the lower id commits last.
func TestFeedDoesNotMissALateCommit(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202)
	_, start := s.follow(s.source, "", 200, 2)
	const note = `
		WITH r AS (
			UPDATE requests SET last_event = last_event + 1
			WHERE id = (SELECT request FROM transfers WHERE identifier = $1)
			RETURNING id, source, destination, last_event
		)
		INSERT INTO events (request, source, destination, seq, kind, party)
		SELECT id, source, destination, last_event, $2, 'system' FROM r`
	early := s.holdTx(note, iccid(1), "review")
	late := s.holdTx(note, iccid(2), "offer")
	late(true)
	first, cursor := s.follow(s.source, start, 200, 0)
	if len(first) != 0 {
		t.Errorf("read what something may yet come before: %+v", first)
	}
	early(true)
	rest, _ := s.follow(s.source, cursor, 200, 2)
	var kinds []transfer.EventKind
	for _, e := range append(first, rest...) {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []transfer.EventKind{"review", "offer"}) {
		t.Errorf("read %q", kinds)
	}
}

// awaitEvents waits until the event feed has every event, at most 200: it withholds
// events while an earlier transaction is running, also one of another test.
func (s *testService) awaitEvents() {
	s.t.Helper()
	total := s.queryInt(`SELECT count(*) FROM events`)
	storagetest.Await(s.t, "the feed to have every event", func() bool {
		return len(read[Feed](s.get(s.admin, "/v1/events?limit=200").is(200)).Items) == total
	})
}

// While a transaction withholds events, the feed says so, and names it to staff.
func TestFeedNamesWhatWithholdsEvents(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	end := s.holdTx(`UPDATE plans SET name = name`)
	s.exec(`CREATE TABLE later ()`) // by a later transaction
	var page Feed
	storagetest.Await(t, "the feed to name a transaction", func() bool {
		page = read[Feed](s.get(s.support, "/v1/events").is(200))
		return page.Withheld
	})
	if len(page.WithheldBy) != 1 || !strings.Contains(page.WithheldBy[0], "process ") {
		t.Errorf("staff reads %+v", page)
	}
	if page := read[Feed](s.get(s.source, "/v1/events").is(200)); !page.Withheld || page.WithheldBy != nil {
		t.Errorf("an account reads %+v", page)
	}
	end(true)
	storagetest.Await(t, "the feed to go on", func() bool { return !read[Feed](s.get(s.source, "/v1/events").is(200)).Withheld })
}

// The feed of one key has what this key did, and the id and the hint of the key.
// An account can only ask for its own keys.
func TestFeedOfAKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	second := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "second"})
	first := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID
	s.post(second, "/v1/transfer-requests", requestBody(iccid(2))).is(202)
	s.work()
	s.follow(s.support, "", 200, 6)
	id := s.keyID(s.source)
	for _, key := range []string{s.source, s.support} {
		got := read[Feed](s.get(key, "/v1/events?key="+itoa(id)).is(200)).Items
		if len(got) != 1 || got[0].Request != first || got[0].Kind != "create" || *got[0].KeyID != id || *got[0].Key != "source" || !strings.HasPrefix(*got[0].KeyHint, "st_account_") {
			t.Errorf("%+v", got)
		}
	}
	for _, other := range []string{s.support, s.destination} {
		s.get(s.source, "/v1/events?key="+itoa(s.keyID(other))).problem(422, problem.Invalid)
	}
	if got := read[Feed](s.get(s.support, "/v1/events?key="+itoa(s.keyID(s.support))).is(200)).Items; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A client that starts now, or at a time, gets every event from then on, and its
// cursor is good even if it has read none.
func TestFeedStartsNowOrAtATime(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	clock := func() string {
		var text string
		if err := s.db.Pool().GetContext(t.Context(), &text, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`); err != nil {
			t.Fatal(err)
		}
		return text
	}
	begin := clock()
	none := read[Feed](s.get(s.source, "/v1/events?from=now").is(200))
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	first, end := s.follow(s.source, none.NextCursor, 200, 1)
	if len(none.Items) != 0 || len(first) != 1 || first[0].Kind != transfer.EventCreate {
		t.Fatalf("from now: %+v, then %+v", none, first)
	}
	middle := clock()
	now := map[string]string{}
	for name, key := range map[string]string{"source": s.source, "support": s.support, "bystander": s.bystander} {
		page := read[Feed](s.get(key, "/v1/events?from=now").is(200))
		if now[name] = page.NextCursor; len(page.Items) != 0 {
			t.Errorf("%s from now: %+v", name, page)
		}
		s.get(key, "/v1/events?cursor="+now[name]).is(200)
	}
	if now["source"] != end {
		t.Errorf("from now leads to %s, want %s", now["source"], end)
	}
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202)
	second, _ := s.follow(s.source, now["source"], 200, 1)
	for since, want := range map[string][]FeedEvent{begin: append(first, second...), middle: second} {
		if diff := cmp.Diff(want, read[Feed](s.get(s.source, "/v1/events?since="+since).is(200)).Items); diff != "" {
			t.Errorf("since %s (-want +got):\n%s", since, diff)
		}
		if list := read[Feed](s.get(s.support, "/v1/events?since="+since).is(200)).Items; len(list) != len(want) {
			t.Errorf("support since %s: %+v", since, list)
		}
		s.get(s.bystander, "/v1/events?cursor="+read[Feed](s.get(s.bystander, "/v1/events?since="+since).is(200)).NextCursor).is(200)
	}
	if list := read[Feed](s.get(s.source, "/v1/events?since="+clock()).is(200)).Items; len(list) != 0 {
		t.Errorf("since now: %+v", list)
	}
	for _, query := range []string{"from=then", "since=2999-01-01", "from=now&since=2020-01-01", "from=now&cursor=1-1"} {
		s.get(s.source, "/v1/events?"+query).problem(422, problem.Invalid)
	}
}
