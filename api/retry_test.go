package api

import (
	"slices"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func TestRetryOfFailedSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(1))
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(3))
	body := requestBody(iccid(1), iccid(2), iccid(3), iccid(99), iccid(4))
	body["self_service_only"] = true
	body["acceptance_seconds"] = 77
	path := s.post(s.source, "/v1/transfer-requests", body).is(202).header.Get("Location")
	if p := s.post(s.source, path+"/retry", nil).problem(409, problem.RequestState); p.State != "validating" {
		t.Errorf("%+v", p)
	}
	s.work()
	s.post(s.destination, path+"/accept", map[string]any{"sims": []string{iccid(2)}}).is(202)
	s.work()
	old := read[Request](s.get(s.source, path).is(200))
	if old.State != transfer.RequestCompleted {
		t.Fatalf("%+v", old)
	}
	s.post(s.destination, path+"/retry", nil).problem(403, problem.WrongParty)
	s.post(s.bystander, path+"/retry", nil).problem(404, problem.NotFound)
	s.post(s.source, path+"/retry", map[string]any{"reasons": []string{"session_not_dropped"}}).problem(422, problem.NothingToRetry)
	s.post(s.source, path+"/retry", map[string]any{"reasons": []string{"nonsense"}}).problem(422, problem.Invalid)

	// first the one that needs support, then the others
	call := apiCall{method: "POST", path: path + "/retry", key: s.source, body: map[string]any{"reasons": []string{"needs_support"}}, header: withKey("again")}
	first := s.do(call).is(202)
	if again := s.do(call).is(202); again.text != first.text {
		t.Errorf("again %s", again.text)
	}
	one, two := read[Request](first), read[Request](s.post(s.support, path+"/retry", nil).is(202))
	s.post(s.source, path+"/retry", nil).problem(422, problem.NothingToRetry)
	for _, r := range []Request{one, two} {
		if r.RetryOf == nil || *r.RetryOf != old.ID || r.Destination != destinationID || r.AcceptanceSeconds != 77 || r.SelfServiceOnly {
			t.Errorf("%+v", r)
		}
	}
	old = read[Request](s.get(s.source, path).is(200))
	if want := []string{one.ID.String(), two.ID.String()}; !slices.Equal(old.RetriedBy, want) {
		t.Errorf("retried by %q, not %q", old.RetriedBy, want)
	}
	s.exec(`UPDATE sims SET transfer_lock = false`)
	s.work()
	for id, want := range map[string][]int{requestPath(one.ID): {3}, requestPath(two.ID): {1, 4}} {
		var lines []int
		for _, row := range read[List[Transfer]](s.get(s.source, id+"/transfers").is(200)).Items {
			lines = append(lines, row.Line)
		}
		if !slices.Equal(lines, want) {
			t.Errorf("lines %d, not %d", lines, want)
		}
	}
	if r := read[Request](s.get(s.source, requestPath(one.ID)).is(200)); r.State != transfer.InReview {
		t.Errorf("with the method that it now needs: %+v", r)
	}
	if r := read[Request](s.get(s.source, requestPath(two.ID)).is(200)); r.Counts.Eligible != 1 || r.Counts.Ineligible != 1 {
		t.Errorf("%+v", r)
	}
	events := read[List[Event]](s.get(s.source, path+"/events").is(200)).Items
	if last := events[len(events)-1]; last.Kind != "retry" || last.Detail["request"] != two.ID.String() || last.Party != transfer.PartySupport {
		t.Errorf("%+v", last)
	}
}

func TestRetryAfterDenialAndExpiry(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
	denied := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2))).is(202).header.Get("Location")
	expired := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3), iccid(4))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, denied+"/deny", map[string]any{"reason": "no"}).is(202)
	s.exec(`UPDATE requests SET expires_at = clock_timestamp() WHERE state = 'awaiting_acceptance'`)
	if _, err := s.db.ExpireDue(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	s.work()
	for path, want := range map[string]int{denied: 1, expired: 2} {
		r := read[Request](s.post(s.source, path+"/retry", nil).is(202))
		s.work()
		if r = read[Request](s.get(s.source, requestPath(r.ID)).is(200)); r.State != transfer.AwaitingAcceptance || r.Counts.Eligible != want {
			t.Errorf("%+v", r)
		}
	}
}

// No route gives up before a statement does that it allows more time.
func TestRoutesAllowTheirLongestStatement(t *testing.T) {
	t.Parallel()
	waits := map[string]time.Duration{}
	for _, r := range Routes() {
		waits[r.OperationID] = r.timeout()
	}
	for _, id := range []string{"retry-request", "create-batch", "import-sims"} {
		if waits[id] <= batchStatementTimeout {
			t.Errorf("%s gives up after %s", id, waits[id])
		}
	}
}
