package api

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// inReview creates requests of one active SIM each, which wait for support, and
// returns their ids.
func (s *testService) inReview(first, last int) []string {
	s.t.Helper()
	var ids []string
	for n := first; n <= last; n++ {
		ids = append(ids, read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(n))).is(202)).ID.String())
	}
	s.work()
	return ids
}

// outcomes are what a call says about each request: "" for those that it decided.
func outcomes(r RequestDecisions) []string {
	list := []string{}
	for _, d := range r.Requests {
		if d.Decided != (d.Code == "") {
			list = append(list, "contradiction")
			continue
		}
		list = append(list, string(d.Code))
	}
	return list
}

func TestDecisionsOnManyRequests(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.sims(9, transfer.Active)
	s.exec(`UPDATE accounts SET currency = 'USD' WHERE operator_id = $1`, bystanderID)
	s.exec(`INSERT INTO fees (method, currency, amount, valid_from) VALUES ('support_assisted', 'USD', 300, '2020-01-01')`)
	ids := s.inReview(1, 9)
	const approve, deny = "/v1/transfer-requests/approve", "/v1/transfer-requests/deny"
	unknown := uuid.New().String()

	// Only support decides.
	for _, key := range []string{s.source, s.destination, s.bystander} {
		s.post(key, approve, m{"requests": ids[:1], "ticket": "T-1"}).problem(403, problem.Forbidden)
		s.post(key, deny, m{"requests": ids[:1], "reason": "no"}).problem(403, problem.Forbidden)
	}

	// A dry run decides nothing.
	got := read[RequestDecisions](s.post(s.support, approve, m{"requests": []string{ids[0], unknown}, "ticket": "T-1", "dry_run": true}).is(200))
	if diff := cmp.Diff([]string{"", "not_found"}, outcomes(got)); diff != "" || got.Decided != 1 || !got.DryRun || got.Requests[0].State != transfer.InReview {
		t.Errorf("dry run: %+v\n%s", got, diff)
	}
	if r := read[Request](s.get(s.support, requestPath(uuid.MustParse(ids[0]))).is(200)); r.State != transfer.InReview {
		t.Errorf("a dry run left the request %s", r.State)
	}

	// Each request is decided or has its problem, and repeating is safe.
	s.post(s.source, "/v1/transfer-requests/"+ids[1]+"/cancel", nil).is(202)
	body := m{"requests": []string{ids[0], ids[1], unknown, ids[0], ids[2]}, "ticket": "T-1", "fee": m{"amount": "1.50", "currency": "EUR"}, "fee_reason": "agreed"}
	want := [][]string{{"", "request_state", "not_found", ""}, {"request_state", "request_state", "not_found", "request_state"}}
	for _, outcome := range want {
		if diff := cmp.Diff(outcome, outcomes(read[RequestDecisions](s.post(s.support, approve, body).is(200)))); diff != "" {
			t.Error(diff)
		}
	}
	if r := read[Request](s.get(s.support, "/v1/transfer-requests/"+ids[2]).is(200)); r.State != transfer.AwaitingAcceptance || *r.Ticket != "T-1" || r.FeeOverride.Minor != 150 || *r.FeeReason != "agreed" {
		t.Errorf("approved: %+v", r)
	}
	// With an Idempotency-Key, the first response comes again.
	once := apiCall{method: "POST", path: deny, key: s.support, body: m{"requests": ids[3:4], "reason": "no", "code": "not_permitted"}, header: map[string]string{"Idempotency-Key": "k"}}
	for _, replayed := range []string{"", "true"} {
		a := s.do(once).is(200)
		if got := outcomes(read[RequestDecisions](a)); !slices.Equal(got, []string{""}) || a.header.Get("Idempotent-Replayed") != replayed {
			t.Errorf("%q, replayed %q", got, a.header.Get("Idempotent-Replayed"))
		}
	}

	// A fee in another currency is a problem of the request.
	body = m{"requests": ids[4:5], "ticket": "T-2", "fee": m{"minor": 100, "currency": "USD"}, "fee_reason": "agreed"}
	if got := outcomes(read[RequestDecisions](s.post(s.support, approve, body).is(200))); !slices.Equal(got, []string{"invalid"}) {
		t.Errorf("another currency: %q", got)
	}

	// Nothing is decided if the call itself is wrong.
	for name, wrong := range map[string]m{
		"neither":         {"ticket": "T"},
		"both":            {"ticket": "T", "requests": ids[4:5], "filter": m{}, "expect_count": 1},
		"no count":        {"ticket": "T", "filter": m{}},
		"no id":           {"ticket": "T", "requests": []string{"7"}},
		"no currency":     {"ticket": "T", "requests": ids[4:5], "fee": m{"amount": "1"}, "fee_reason": "agreed"},
		"no reason":       {"ticket": "T", "requests": ids[4:5], "fee": m{"amount": "0"}},
		"blank ticket":    {"ticket": " ", "requests": ids[4:5]},
		"unknown account": {"ticket": "T", "filter": m{"account": "OP9999999999"}, "dry_run": true},
		"too many":        {"ticket": "T", "requests": slices.Repeat(ids[4:5], transfer.MaxDecisions+1)},
	} {
		if a := s.post(s.support, approve, wrong); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	s.post(s.support, approve, m{"ticket": "T", "filter": m{}, "expect_count": 4}).problem(409, problem.RequestCount)
	if got := read[List[Request]](s.get(s.support, "/v1/transfer-requests?state=in_review").is(200)); len(got.Items) != 5 {
		t.Errorf("%d requests are in review, not 5", len(got.Items))
	}

	// A filter selects those in review, the earliest deadline first.
	s.exec(`UPDATE requests SET expires_at = expires_at - interval '1 hour' WHERE id = $1`, ids[6])
	for name, test := range map[string]struct {
		filter m
		chosen []string
	}{
		"all":           {m{}, []string{ids[6], ids[4], ids[5], ids[7], ids[8]}},
		"source":        {m{"account": sourceID}, []string{ids[6], ids[4], ids[5], ids[7], ids[8]}},
		"other account": {m{"account": destinationID}, []string{}},
		"young":         {m{"created_after": time.Now().Add(time.Hour)}, []string{}},
		"reference":     {m{"reference": "PO-1"}, []string{}},
		"batch":         {m{"batch": unknown}, []string{}},
	} {
		got := read[RequestDecisions](s.post(s.support, deny, m{"filter": test.filter, "dry_run": true, "reason": "no"}).is(200))
		chosen := []string{}
		for _, d := range got.Requests {
			chosen = append(chosen, d.Request.String())
		}
		if diff := cmp.Diff(test.chosen, chosen); diff != "" || got.Decided != len(test.chosen) {
			t.Errorf("%s: %s", name, diff)
		}
	}
	got = read[RequestDecisions](s.post(s.support, approve, m{"ticket": "T-3", "filter": m{"account": sourceID, "created_before": time.Now()}, "expect_count": 5, "fee": m{"amount": "0"}, "fee_reason": "waived"}).is(200))
	if got.Decided != 5 || got.Chosen != 5 {
		t.Errorf("approved by filter: %+v", got)
	}
}

// A filter that selects more than a call decides is refused.
func TestTooManyRequestsForOneDecision(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.exec(`INSERT INTO requests (id, source, destination, state, acceptance, review, size, n_left, n_eligible, n_support, expires_at, queue, last_event)
		SELECT gen_random_uuid(), a.id, b.id, 'in_review', '1 day', '1 day', 1, 0, 1, 1, clock_timestamp() + interval '1 day', 'interactive', 0
		FROM accounts a, accounts b, generate_series(0, $1) WHERE a.operator_id = $2 AND b.operator_id = $3`, transfer.MaxDecisions, sourceID, destinationID)
	a := s.post(s.support, "/v1/transfer-requests/deny", map[string]any{"reason": "no", "filter": map[string]any{}, "expect_count": transfer.MaxDecisions + 1})
	a.problem(http.StatusRequestEntityTooLarge, problem.TooLarge)
}
