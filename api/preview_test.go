package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

func TestPreviewEqualsTheRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(8, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid IN ($1, $2)`, iccid(2), iccid(3))
	s.exec(`UPDATE sims SET status = 'terminated' WHERE iccid = $1`, iccid(4))
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(5))
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(6))).is(202)
	s.work()
	// the last SIM does not exist
	body := requestBody(iccid(1), imsi(2), iccid(3), iccid(4), iccid(5), iccid(6), iccid(99))
	for _, selfServiceOnly := range []bool{false, true} {
		body["self_service_only"] = selfServiceOnly
		before := s.queryInt(`SELECT count(*) FROM transfers`)
		preview := read[Preview](s.post(s.source, "/v1/transfer-requests/preview", body).is(200))
		if n := s.queryInt(`SELECT count(*) FROM transfers`); n != before {
			t.Errorf("the preview wrote %d transfers", n-before)
		}
		made := s.post(s.source, "/v1/transfer-requests", body).is(202)
		s.work()
		path := made.header.Get("Location")
		var got, want []Transfer
		for _, p := range preview.Items {
			state := transfer.Ineligible
			var plan *string // transfers show it while they are open
			if p.Eligible {
				state, plan = transfer.Eligible, &p.Plan.Name
			}
			got = append(got, Transfer{
				Line: p.Line, Identifier: p.Identifier, ICCID: p.ICCID, State: state,
				Method: p.Method, Reason: p.Reason, Remedy: p.Remedy, Fee: p.Fee, Plan: plan,
			})
		}
		for _, w := range read[List[Transfer]](s.get(s.source, path+"/transfers").is(200)).Items {
			w.FinishedAt = nil
			w.Status = nil // is not in a preview
			want = append(want, w)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("self-service only %v: the request says, and the preview said:\n%s", selfServiceOnly, diff)
		}
		r := read[Request](s.get(s.source, path).is(200))
		if preview.Eligible != r.Counts.Eligible || preview.Ineligible != r.Counts.Ineligible {
			t.Errorf("%d and %d of %+v", preview.Eligible, preview.Ineligible, r.Counts)
		}
		if diff := cmp.Diff(r.Reasons, preview.Reasons); diff != "" {
			t.Error(diff)
		}
		s.post(s.source, path+"/cancel", nil)
		s.work()
	}
}

func TestPreviewTotals(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(3, transfer.Active)
	s.exec(`UPDATE sims SET status = 'ready' WHERE iccid = $1`, iccid(1))
	body := requestBody(sims...)
	body["on_behalf_of"] = sourceID
	p := read[Preview](s.post(s.support, "/v1/transfer-requests/preview", body).is(200))
	want := []PreviewTotal{
		{Method: transfer.SelfService, SIMs: 1, Fees: transfer.Money{Currency: "EUR"}},
		{Method: transfer.SupportAssisted, SIMs: 2, Fees: transfer.Money{Minor: 500, Currency: "EUR"}},
	}
	if diff := cmp.Diff(want, p.Totals); diff != "" {
		t.Error(diff)
	}
	settings := []MethodSettings{
		{transfer.SelfService, []string{"containers"}, []string{"tags", "expiration", "termination_protection", "group", "event_handlers", "speed_class", "imei_lock"}},
		{transfer.SupportAssisted, []string{"tags", "expiration", "termination_protection", "containers", "imei_lock"}, []string{"group", "event_handlers", "speed_class"}},
	}
	if diff := cmp.Diff(settings, p.Settings); diff != "" {
		t.Error(diff)
	}
	s.exec(`DELETE FROM fees`)
	p = read[Preview](s.post(s.support, "/v1/transfer-requests/preview", body).is(200))
	if got := p.Totals[1]; got.Unquoted != 2 || got.Fees.Minor != 0 || p.Items[1].Fee != nil {
		t.Errorf("%+v", p)
	}
	s.post(s.support, "/v1/transfer-requests/preview", requestBody(sims...)).problem(422, problem.Invalid)
	s.post(s.source, "/v1/transfer-requests/preview", requestBody("x")).problem(422, problem.Invalid)
}
