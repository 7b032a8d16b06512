package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Every call that creates requests is refused at the limits of the account, which
// an administrator can change.
func TestAccountLimits(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	post := func(sims ...string) testResponse {
		return s.post(s.source, "/v1/transfer-requests", requestBody(sims...))
	}
	patch := func(body any) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + sourceID, key: s.admin, body: body})
	}
	upload := func(sims ...string) testResponse { return s.upload(s.source, "", "text/csv", batchCSV(sims...)) }
	post(iccid(1)).is(202)
	if a := read[Account](patch(m{"max_open_requests": 1, "max_open_sims": 2}).is(200)); *a.OpenRequests != 1 || *a.OpenSIMs != 2 || a.UnknownSIMs != nil {
		t.Errorf("%+v", a)
	}
	limited := func(call string, a testResponse, name storage.LimitName, used string) {
		t.Helper()
		p := a.problem(409, problem.AccountLimit)
		if len(p.Errors) != 1 || p.Errors[0].Code != string(name) || p.Errors[0].Value != used || !strings.Contains(p.Detail, "administrator") {
			t.Errorf("%s: %+v", call, p)
		}
	}
	keyed := func(sim string) testResponse {
		return s.do(apiCall{
			method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(sim),
			header: map[string]string{"Idempotency-Key": "limited"},
		})
	}
	limited("request", post(iccid(2)), storage.LimitOpenRequests, "1")
	limited("request with an Idempotency-Key", keyed(iccid(2)), storage.LimitOpenRequests, "1")
	limited("batch", upload(iccid(2)), storage.LimitOpenRequests, "1")
	patch(m{"max_open_requests": 0}).is(200)
	limited("request", post(iccid(2), iccid(3)), storage.LimitOpenSIMs, "1")
	limited("batch", upload(iccid(2), iccid(3)), storage.LimitOpenSIMs, "1")
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}

	keyed(iccid(2)).is(202) // a refusal was not stored under the key
	patch(m{"max_open_requests": nil, "max_open_sims": nil}).is(200)
	if a := read[Account](s.get(s.admin, "/v1/accounts/"+sourceID).is(200)); a.AccountLimits != (AccountLimits{}) {
		t.Errorf("%+v", a)
	}
	unknown := post(fmt.Sprintf("99999%014d", 1)).is(202).header.Get("Location")
	s.work()
	if r := read[Request](s.get(s.source, unknown).is(200)); r.State != transfer.RequestRejected {
		t.Errorf("%s", r.State)
	}
	patch(m{"max_unknown_sims": 1}).is(200)
	limited("request", post(iccid(3)), storage.LimitUnknownSIMs, "1")
	limited("retry", s.post(s.source, unknown+"/retry", nil), storage.LimitUnknownSIMs, "1")
	patch(m{"max_unknown_sims": nil, "max_open_sims": 2}).is(200)
	limited("retry", s.post(s.source, unknown+"/retry", nil), storage.LimitOpenSIMs, "2")
	patch(m{"max_open_sims": -1}).problem(422, problem.Invalid)
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'account.update'`); n != 5 {
		t.Errorf("%d changes of limits are on record, want 5", n)
	}
}

// The request and its results say how many rows are no longer stored.
func TestPurgedRows(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), fmt.Sprintf("99999%014d", 1), fmt.Sprintf("99999%014d", 2))).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/decline", nil).is(202)
	s.work()
	if got := s.get(s.source, path+"/results").is(200).header.Values(purgedHeader); len(got) > 0 {
		t.Errorf("before the purge: %q", got)
	}
	s.exec(`UPDATE requests SET finished_at = finished_at - interval '31 days'`)
	if n, err := s.db.PurgeUnknown(t.Context(), 30*24*time.Hour, 100); n != 2 || err != nil {
		t.Fatalf("purged %d, %v", n, err)
	}
	if c := read[Request](s.get(s.source, path).is(200)).Counts; c.SIMs != 3 || c.Ineligible != 2 || c.Declined != 1 || c.Purged != 2 {
		t.Errorf("for the source: %+v", c)
	}
	if c := read[Request](s.get(s.destination, path).is(200)).Counts; c.SIMs != 1 || c.Ineligible != 0 || c.Purged != 0 {
		t.Errorf("for the destination: %+v", c)
	}
	a := s.get(s.source, path+"/results").is(200)
	if a.header.Get(rowsHeader) != "1" || a.header.Get(purgedHeader) != "2" {
		t.Errorf("results: %q", a.header)
	}
	if a := s.get(s.destination, path+"/results").is(200); len(a.header.Values(purgedHeader)) > 0 {
		t.Errorf("results for the destination: %q", a.header)
	}
	if p := s.post(s.source, path+"/retry", map[string]any{"reasons": []string{"sim_not_found"}}).problem(422, problem.NothingToRetry); !strings.Contains(p.Detail, "purged") {
		t.Errorf("%+v", p)
	}
}
