package api

import (
	"slices"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// The source gives the destination more time; the limit and the end are kept.
func TestExtendRequest(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.post(s.source, path+"/extend", m{"seconds": 60}).problem(409, problem.RequestState)
	s.work()
	before := read[Request](s.get(s.source, path).is(200))
	after := read[Request](s.post(s.source, path+"/extend", m{"seconds": 3600}).is(202))
	if !after.ExpiresAt.Equal(before.ExpiresAt.Add(time.Hour)) || after.State != before.State {
		t.Errorf("extended from %v to %v, %s", before.ExpiresAt, after.ExpiresAt, after.State)
	}
	until := after.ExpiresAt.Add(48 * time.Hour)
	if r := read[Request](s.post(s.support, path+"/extend", m{"until": until}).is(202)); !r.ExpiresAt.Equal(until) {
		t.Errorf("support extended it to %v, want %s", r.ExpiresAt, until)
	}
	s.post(s.source, path+"/extend", m{"until": before.ExpiresAt}).problem(422, problem.ExtensionNotPossible)
	s.post(s.source, path+"/extend", m{"seconds": 30 * 24 * 3600}).problem(422, problem.ExtensionNotPossible)
	s.post(s.source, path+"/extend", m{}).problem(422, problem.Invalid)
	s.post(s.source, path+"/extend", m{"seconds": 5, "until": until}).problem(422, problem.Invalid)
	s.post(s.destination, path+"/extend", m{"seconds": 60}).problem(403, problem.WrongParty)
	s.post(s.bystander, path+"/extend", m{"seconds": 60}).problem(404, problem.NotFound)
	var kinds []transfer.EventKind
	for _, e := range read[List[Event]](s.get(s.destination, path+"/events").is(200)).Items {
		kinds = append(kinds, e.Kind)
		if e.Kind == transfer.EventExtend && e.Detail["expires_at"] == nil {
			t.Errorf("the destination sees %v", e.Detail)
		}
	}
	if !slices.Contains(kinds, transfer.EventExtend) {
		t.Errorf("events %q", kinds)
	}
	s.exec(`UPDATE requests SET expires_at = clock_timestamp()`)
	s.post(s.source, path+"/extend", m{"seconds": 60}).problem(409, problem.RequestExpired)
}

// The destination accepts for a window; both sides see it and can withdraw.
func TestScheduledAcceptance(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(3))).is(202).header.Get("Location")
	s.work()
	begin := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	end := begin.Add(time.Hour)
	for field, body := range map[string]m{
		"body.not_before": {"not_before": begin.Add(31 * 24 * time.Hour)},
		"body.not_after":  {"not_before": begin, "not_after": begin},
		"body.not_after ": {"not_after": time.Now().Add(91 * 24 * time.Hour)},
	} {
		p := s.post(s.destination, path+"/accept", body).problem(422, problem.WindowNotPossible)
		if len(p.Errors) != 1 || p.Errors[0].Location != strings.TrimSpace(field) {
			t.Errorf("%v: %+v", body, p)
		}
	}
	s.post(s.destination, path+"/accept", m{"not_before": time.Now().AddDate(-1, 0, 0)}).problem(422, problem.WindowNotPossible)
	r := read[Request](s.post(s.destination, path+"/accept", m{"not_before": begin, "not_after": end}).is(202))
	if r.State != transfer.Scheduled || !r.NotBefore.Equal(begin) || !r.NotAfter.Equal(end) || r.NextAction != nil {
		t.Errorf("accepted for later: %+v", r)
	}
	s.post(s.destination, path+"/accept", nil).problem(409, problem.RequestState)
	s.post(s.source, path+"/cancel", m{"sims": []string{iccid(1)}}).is(202)
	s.post(s.destination, path+"/decline", m{"sims": []string{iccid(2)}, "reason": "not ordered"}).is(202)
	r = read[Request](s.get(s.source, path).is(200))
	if r.State != transfer.Scheduled || r.Counts.Eligible != 1 || r.Counts.Canceled != 1 || r.Counts.Declined != 1 {
		t.Errorf("withdrawn: %+v", r)
	}
	if list := read[List[Request]](s.get(s.source, "/v1/transfer-requests?state=scheduled").is(200)); len(list.Items) != 1 {
		t.Errorf("scheduled: %+v", list.Items)
	}
	s.exec(`UPDATE requests SET not_before = clock_timestamp()`)
	if n, err := s.db.StartDue(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("started %d: %v", n, err)
	}
	s.work()
	if r = read[Request](s.get(s.source, path).is(200)); r.State != transfer.RequestCompleted || r.Counts.Completed != 1 || r.NotBefore == nil || !r.NotAfter.Equal(end) {
		t.Errorf("executed: %+v", r)
	}
}

// The party that ended a request takes that back; each way in which it fails has its
// problem.
func TestTakeBackRequest(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	ask := func(sims ...string) string {
		path := s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202).header.Get("Location")
		s.work()
		return path
	}
	path := ask(iccid(1))
	s.post(s.source, path+"/take-back", nil).problem(409, problem.RequestState)
	offered := read[Request](s.get(s.source, path).is(200))
	declined := read[Request](s.post(s.destination, path+"/decline", nil).is(202))
	if declined.TakeBack == nil || declined.TakeBack.By != transfer.PartyDestination {
		t.Errorf("declined: %+v", declined)
	}
	if a := s.post(s.destination, path+"/take-back", nil); a.problem(409, problem.StillReleasing).State != "declined" || a.header.Get("Retry-After") != "1" {
		t.Errorf("still releasing: %s, Retry-After %q", a.text, a.header.Get("Retry-After"))
	}
	s.work()
	s.post(s.source, path+"/take-back", nil).problem(403, problem.WrongParty)
	s.post(s.support, path+"/take-back", nil).problem(403, problem.WrongParty)
	s.post(s.bystander, path+"/take-back", nil).problem(404, problem.NotFound)
	operator := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: destinationID, Permission: storage.PermissionOperator, Name: "operator"})
	s.post(operator, path+"/take-back", nil).problem(403, problem.Forbidden)
	r := read[Request](s.post(s.destination, path+"/take-back", nil).is(202))
	if r.State != transfer.AwaitingAcceptance || r.TakeBack != nil || r.FinishedAt != nil || !r.ExpiresAt.Equal(*offered.ExpiresAt) || r.Counts != offered.Counts {
		t.Errorf("taken back: %+v, want %+v", r, offered)
	}
	s.post(s.source, path+"/cancel", nil).is(202)
	s.work()
	ask(iccid(1))
	p := s.post(s.source, path+"/take-back", nil).problem(409, problem.SIMsNotFree)
	if len(p.Errors) != 1 || p.Errors[0].Value != iccid(1) {
		t.Errorf("not free: %+v", p)
	}
	late := ask(iccid(2))
	s.post(s.source, late+"/cancel", nil).is(202)
	s.work()
	s.exec(`UPDATE requests SET ended_at = ended_at - interval '10 minutes'`)
	s.post(s.source, late+"/take-back", nil).problem(409, problem.TakeBackLate)
	named := ask(iccid(3))
	s.post(s.source, named+"/cancel", m{"sims": []string{iccid(3)}}).is(202)
	s.post(s.source, named+"/take-back", nil).problem(409, problem.NoTakeBack)
}
