package api

import (
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// TestStatusRules changes the status of a SIM against the rules, as every caller
// who can try.
func TestStatusRules(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	type m = map[string]any
	path := "/v1/sims/" + iccid(1)
	patch := func(key string, body any) testResponse {
		return s.do(apiCall{method: "PATCH", path: path, key: key, body: body})
	}
	refused := func(r testResponse, state transfer.Status) {
		t.Helper()
		if p := r.problem(409, problem.SIMStatus); p.State != string(state) || p.Detail == "" {
			t.Errorf("%+v", p)
		}
	}
	patch(s.support, m{"status": "active"}).is(200)
	for _, key := range []string{s.support, s.admin} {
		refused(patch(key, m{"status": "ready"}), transfer.Active)
	}
	// the protection is the owner's
	patch(s.support, m{"termination_protection": false}).problem(403, problem.Forbidden)
	patch(s.admin, m{"termination_protection": false, "status": "terminated"}).problem(403, problem.Forbidden)
	patch(s.source, m{"termination_protection": false, "status": "terminated"}).problem(403, problem.Forbidden)
	if sim := read[SIM](patch(s.source, m{"termination_protection": true}).is(200)); !sim.TerminationProtection {
		t.Errorf("%+v", sim)
	}
	for _, key := range []string{s.support, s.admin} {
		refused(patch(key, m{"status": "terminated"}), transfer.Active)
	}
	refused(s.post(s.admin, path+"/correct-status", m{"status": "terminated", "reason": "x"}), transfer.Active)
	patch(s.source, m{"termination_protection": false}).is(200)
	patch(s.support, m{"status": "terminated"}).is(200)
	for _, to := range transfer.Statuses()[:5] {
		refused(patch(s.support, m{"status": to}), transfer.Terminated)
		refused(patch(s.admin, m{"status": to}), transfer.Terminated)
	}
	patch(s.support, m{"status": "terminated"}).is(200) // nothing changes

	// a correction needs an administrator and a reason, and is on record
	entries := func() int { return s.queryInt(`SELECT count(*) FROM audit WHERE action = 'sim.correct'`) }
	correct := m{"status": "ready", "reason": "terminated by mistake"}
	s.post(s.support, path+"/correct-status", correct).problem(403, problem.Forbidden)
	s.post(s.source, path+"/correct-status", correct).problem(403, problem.Forbidden)
	for _, reason := range []any{"", " \t", nil} {
		s.post(s.admin, path+"/correct-status", m{"status": "ready", "reason": reason}).problem(422, problem.Invalid)
	}
	s.post(s.admin, "/v1/sims/"+iccid(9)+"/correct-status", correct).problem(404, problem.NotFound)
	if n := entries(); n != 0 {
		t.Errorf("%d corrections are on record before the first", n)
	}
	if sim := read[SIM](s.post(s.admin, path+"/correct-status", correct).is(200)); sim.Status != transfer.Ready {
		t.Errorf("%+v", sim)
	}
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'sim.correct' AND why = 'terminated by mistake' AND api_key IS NOT NULL AND address IS NOT NULL
		AND before ->> 'status' = 'terminated' AND after ->> 'status' = 'ready' AND sim IS NOT NULL AND account IS NOT NULL`); n != 1 || entries() != 1 {
		t.Errorf("%d entries of %d are right", n, entries())
	}
}

// TestStatusOfASIMInAnOpenTransfer changes the status of SIMs after a request
// was validated: the change goes through, and execution sees it.
func TestStatusOfASIMInAnOpenTransfer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2))).is(202).header.Get("Location")
	s.work()
	for sim, status := range map[string]string{iccid(1): "active", iccid(2): "terminated"} {
		s.do(apiCall{method: "PATCH", path: "/v1/sims/" + sim, key: s.support, body: map[string]any{"status": status}}).is(200)
	}
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	want := map[string]transfer.Reason{iccid(1): transfer.StatusChanged, iccid(2): transfer.SIMTerminated}
	for _, row := range read[List[Transfer]](s.get(s.source, path+"/transfers").is(200)).Items {
		if row.State != transfer.Failed || row.Reason == nil || *row.Reason != want[row.Identifier] {
			t.Errorf("%+v", row)
		}
	}
}

func TestFutureFeeCanBeWithdrawn(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	remove := func(key, path string) testResponse { return s.do(apiCall{method: "DELETE", path: path, key: key}) }
	from := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	typo := m{"method": "support_assisted", "fee": m{"currency": "EUR", "minor": 4000000}, "valid_from": from}
	path := "/v1/fees/support_assisted/EUR/" + from.Format(time.RFC3339Nano)
	s.post(s.admin, "/v1/fees", typo).is(201)
	remove(s.support, path).problem(403, problem.Forbidden)
	p := remove(s.admin, "/v1/fees/support_assisted/USD/"+from.Format(time.RFC3339Nano)).problem(404, problem.NotFound)
	if want := "there is no fee for support_assisted in USD from " + from.UTC().Format(time.RFC3339Nano); !strings.HasPrefix(p.Detail, want) {
		t.Errorf("%s, not %s", p.Detail, want)
	}
	remove(s.admin, "/v1/fees/support_assisted/ERU/"+from.Format(time.RFC3339Nano)).problem(404, problem.NotFound)
	remove(s.admin, "/v1/fees/self_service/EUR/"+from.Format(time.RFC3339Nano)).problem(404, problem.NotFound)
	remove(s.admin, "/v1/fees/gift/EUR/"+from.Format(time.RFC3339Nano)).problem(422, problem.Invalid)
	remove(s.admin, "/v1/fees/support_assisted/EUR/soon").problem(422, problem.Invalid)
	remove(s.admin, path).is(204)
	remove(s.admin, path).problem(404, problem.NotFound)
	typo["fee"] = m{"amount": "4.00", "currency": "EUR"}
	s.post(s.admin, "/v1/fees", typo).is(201) // the same instant
	// what applies, or did, stays
	remove(s.admin, "/v1/fees/support_assisted/EUR/2020-01-01T00:00:00Z").problem(409, problem.FeeValid)
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'fee.delete' AND before -> 'fee' = '{"amount": "40000.00", "minor": 4000000, "currency": "EUR"}' AND api_key IS NOT NULL`); n != 1 {
		t.Errorf("%d entries record the withdrawal", n)
	}
	if n := s.queryInt(`SELECT count(*) FROM fees WHERE currency = 'EUR'`); n != 3 {
		t.Errorf("%d fees are left", n)
	}
}
