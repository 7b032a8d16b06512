package api

import (
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// TestClosingAnAccountWithOpenRequests closes the source and then the
// destination of open requests.
func TestClosingAnAccountWithOpenRequests(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, id := range []string{sourceID, destinationID} {
		s := newTestService(t)
		s.sims(4, transfer.Ready)
		s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
		create := func(sim string) string {
			return s.post(s.source, "/v1/transfer-requests", requestBody(sim)).is(202).header.Get("Location")
		}
		offered, review, accepted := create(iccid(1)), create(iccid(2)), create(iccid(3))
		s.work()
		validating := create(iccid(4))
		s.post(s.destination, accepted+"/accept", nil).is(202)
		patch := func(body any) testResponse {
			return s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + id, key: s.admin, body: body})
		}
		p := patch(m{"standing": "closed"}).problem(409, problem.AccountInUse)
		counts := map[string]string{}
		for _, e := range p.Errors {
			counts[e.Code] = e.Value
		}
		if n := counts["requests_sent"] + counts["requests_received"]; n != "40" && n != "04" || counts["requests_accepted"] != "1" {
			t.Errorf("%s: what is open: %v", id, counts)
		}
		if a := read[Account](s.get(s.admin, "/v1/accounts/"+id).is(200)); a.Standing != storage.StandingOpen {
			t.Errorf("%s is %s", id, a.Standing)
		}
		patch(m{"standing": "closed", "open_requests": "ask"}).problem(422, problem.Invalid)
		for _, body := range []m{{"open_requests": "end"}, {"open_requests": "end", "standing": "open"}, {"open_requests": "end", "coverage": "x"}} {
			if p := patch(body).problem(422, problem.Invalid); p.Errors[0].Location != "body.open_requests" {
				t.Errorf("%v: %+v", body, p.Errors)
			}
		}
		if a := read[Account](patch(m{"standing": "closed", "open_requests": "end"}).is(200)); a.Standing != storage.StandingClosed {
			t.Errorf("%+v", a)
		}
		s.work()
		for _, path := range []string{offered, review, validating} {
			if r := read[Request](s.get(s.support, path).is(200)); r.State != transfer.RequestCanceled || r.FinishedAt == nil {
				t.Errorf("%s: %s is %s", id, path, r.State)
			}
		}
		r := read[Request](s.get(s.support, accepted).is(200))
		if r.State != transfer.RequestCompleted || r.Counts.Failed != 1 || r.Reasons[0].Reason != transfer.AccountClosed {
			t.Errorf("%s: the accepted request %+v", id, r)
		}
		s.post(s.support, offered+"/retry", nil).problem(422, problem.AccountClosed)
		if n := s.queryInt(`SELECT count(*) FROM events WHERE kind = 'cancel' AND party = 'support' AND api_key IS NOT NULL AND address IS NOT NULL`); n != 3 {
			t.Errorf("%s: %d cancellations are on record", id, n)
		}
		if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'account.close'`); n != 1 {
			t.Errorf("%s: %d closings are on record", id, n)
		}
		patch(m{"standing": "open"}).is(200)
		again := create(iccid(1))
		s.work()
		s.post(s.destination, again+"/accept", nil).is(202)
	}
}

// TestDecisionsForAClosedAccount approves and accepts requests whose accounts
// were closed in a way that left the requests open.
func TestDecisionsForAClosedAccount(t *testing.T) {
	t.Parallel()
	for _, id := range []string{sourceID, destinationID} {
		s := newTestService(t)
		s.sims(2, transfer.Ready)
		s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
		offered := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
		review := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202).header.Get("Location")
		s.work()
		s.exec(`UPDATE accounts SET standing = 'closed' WHERE operator_id = $1`, id)
		s.post(s.destination, offered+"/accept", nil).problem(422, problem.AccountClosed)
		s.post(s.support, review+"/approve", map[string]any{"ticket": "T-1"}).problem(422, problem.AccountClosed)
		s.exec(`UPDATE accounts SET standing = 'open' WHERE operator_id = $1`, id)
		s.post(s.destination, offered+"/accept", nil).is(202)
		s.post(s.support, review+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	}
}

// TestClosingWaitsForAnAccept closes an account while an accept of one of its
// requests is not committed: the closing sees it and is refused.
func TestClosingWaitsForAnAccept(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	made := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	s.work()
	closed := make(chan testResponse, 1)
	s.tx(func(tx *storage.Tx) error {
		if _, err := tx.Decide(t.Context(), made.ID, storage.Decision{Event: transfer.Accept, By: storage.Actor{Party: transfer.PartyDestination}}); err != nil {
			return err
		}
		go func() {
			closed <- s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + destinationID, key: s.admin, body: map[string]any{"standing": "closed"}})
		}()
		for s.queryInt(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) == 0 {
			if err := t.Context().Err(); err != nil {
				return err
			}
		}
		return nil
	})
	p := (<-closed).problem(409, problem.AccountInUse)
	for _, e := range p.Errors {
		if e.Code == "requests_accepted" && e.Value != "1" {
			t.Errorf("the closing does not see the accept: %+v", e)
		}
	}
}
