package api

import (
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// The tests in this file are complaints of users of other systems. Those about the
// words of mails are in package notice, and the one about notes in package transfer.

// SIMs moved before the recipient had accepted.
func TestComplaintMovedBeforeAccepted(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, sims := s.testRequest(1, transfer.Ready)
	owner := func() (source, destination int) {
		return s.get(s.source, "/v1/sims/"+sims[0]).status, s.get(s.destination, "/v1/sims/"+sims[0]).status
	}
	for range 2 {
		s.work()
		if source, destination := owner(); source != 200 || destination != 404 {
			t.Errorf("before the request is accepted, the source gets %d and the destination %d", source, destination)
		}
	}
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	if source, destination := owner(); source != 404 || destination != 200 {
		t.Errorf("afterwards, the source gets %d and the destination %d", source, destination)
	}
}

// A dashboard and a list showed different states.
func TestComplaintDifferentStates(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	sameState := func(want transfer.RequestState) {
		t.Helper()
		for _, key := range []string{s.source, s.destination, s.support} {
			one := read[Request](s.get(key, path).is(200))
			list := read[List[Request]](s.get(key, "/v1/transfer-requests?state="+string(want)).is(200)).Items
			all := read[List[Request]](s.get(key, "/v1/transfer-requests").is(200)).Items
			events := read[List[Event]](s.get(key, path+"/events").is(200)).Items
			var last transfer.RequestState
			for _, e := range events {
				if e.To != nil {
					last = *e.To
				}
			}
			if one.State != want || len(list) != 1 || list[0].State != want || len(all) != 1 || all[0].State != want || last != want {
				t.Errorf("the request is %s, %d are listed as %s, the list has %+v, and the last event leads to %s", one.State, len(list), want, all, last)
			}
		}
	}
	sameState(transfer.AwaitingAcceptance)
	s.post(s.destination, path+"/accept", nil).is(202)
	sameState(transfer.Transferring)
	s.work()
	sameState(transfer.RequestCompleted)
}

// The recipient saw nothing after it had accepted.
func TestComplaintNothingSeenAfterAccepting(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, sims := s.testRequest(1, transfer.Ready)
	accepted := read[Request](s.post(s.destination, path+"/accept", nil).is(202))
	if accepted.State != transfer.Transferring || accepted.CanAccept {
		t.Errorf("the answer is %+v", accepted)
	}
	s.work()
	done := read[Request](s.get(s.destination, path).is(200))
	if done.State != transfer.RequestCompleted || done.Counts.Completed != 1 || done.FinishedAt == nil {
		t.Errorf("afterwards it is %+v", done)
	}
	results := read[List[Transfer]](s.get(s.destination, path+"/transfers").is(200)).Items
	if len(results) != 1 || results[0].State != transfer.Completed {
		t.Errorf("the results are %+v", results)
	}
	if list := read[List[SIM]](s.get(s.destination, "/v1/sims").is(200)).Items; len(list) != 1 || list[0].ICCID != sims[0] {
		t.Errorf("the SIMs of the destination are %+v", list)
	}
}

// An owner changed without an event.
func TestComplaintOwnerChangedWithoutEvent(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	for _, key := range []string{s.source, s.destination} {
		// The feed waits for transactions of other tests.
		storagetest.Await(t, "the end of the request in the event feed", func() bool {
			events := read[Feed](s.get(key, "/v1/events").is(200)).Items
			return slices.ContainsFunc(events, func(e FeedEvent) bool { return e.Kind == transfer.EventFinish })
		})
	}
	if _, err := s.db.NumberChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.changes(""); !slices.ContainsFunc(list, func(c Change) bool { return c.Kind == transfer.SIMTransferred }) {
		t.Errorf("the owner has changed, and the changes feed has %+v", list)
	}
}

// "Cancel transfer" was still offered after the expiry.
func TestComplaintCancelOfferedAfterExpiry(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	s.exec(`UPDATE requests SET expires_at = clock_timestamp()`)
	if n, err := s.db.ExpireDue(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("%d requests expired, %v", n, err)
	}
	s.work()
	for _, key := range []string{s.source, s.destination, s.support} {
		r := read[Request](s.get(key, path).is(200))
		if r.State != transfer.RequestExpired || r.CanCancel || r.CanAccept || r.CanDecline || r.NextAction != nil {
			t.Errorf("after: %+v", r)
		}
	}
	if p := s.post(s.source, path+"/cancel", nil).problem(409, problem.RequestState); p.State != string(transfer.RequestExpired) {
		t.Errorf("cancel is answered by %+v", p)
	}
}

// A request that expired between the load of a page and the click was reported as
// already resolved.
func TestComplaintExpiredBeforeTheClick(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	if loaded := read[Request](s.get(s.destination, path).is(200)); !loaded.CanAccept {
		t.Errorf("before: %+v", loaded)
	}
	s.exec(`UPDATE requests SET expires_at = clock_timestamp()`)
	click := func(want problem.Code) {
		t.Helper()
		p := s.post(s.destination, path+"/accept", nil).problem(409, want)
		if !strings.Contains(p.Detail, "expire") || strings.Contains(p.Detail, "resolved") {
			t.Errorf("the click is answered by %q", p.Detail)
		}
	}
	click(problem.RequestExpired) // the scheduler has not noticed yet
	if n, err := s.db.ExpireDue(t.Context(), 10); n != 1 || err != nil {
		t.Fatalf("%d requests expired, %v", n, err)
	}
	s.work()
	click(problem.RequestState)
}
