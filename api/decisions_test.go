package api

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// testRequest creates a request for n SIMs of a status and validates it.
func (s *testService) testRequest(n int, status transfer.Status) (path string, sims []string) {
	s.t.Helper()
	sims = s.sims(n, status)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202))
	s.work()
	return requestPath(r.ID), sims
}

func simsBody(sims ...string) map[string]any { return map[string]any{"sims": sims} }

func TestDecisionsOfTheWrongParty(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	for _, test := range []struct{ key, decision string }{
		{s.source, "accept"}, {s.source, "decline"}, {s.destination, "cancel"}, {s.support, "accept"}, {s.admin, "decline"},
	} {
		s.post(test.key, path+"/"+test.decision, nil).problem(403, problem.WrongParty)
	}
	for _, decision := range []string{"accept", "decline", "cancel"} {
		s.post(s.bystander, path+"/"+decision, nil).problem(404, problem.NotFound)
	}
	s.post(s.source, path[:len(path)-12]+"000000000000/cancel", nil).problem(404, problem.NotFound)
	s.post(s.source, "/v1/transfer-requests/nonsense/cancel", nil).problem(422, problem.Invalid)
}

func TestDecisionInAnotherStateNamesTheState(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(1, transfer.Ready)
	approve := map[string]any{"ticket": "T-1"}
	if p := s.post(s.support, path+"/approve", approve).problem(409, problem.RequestState); p.State != "awaiting_acceptance" || !strings.Contains(p.Detail, "awaiting_acceptance") {
		t.Errorf("%+v", p)
	}
	s.post(s.support, path+"/deny", map[string]any{"reason": "no"}).problem(409, problem.RequestState)
	s.post(s.destination, path+"/accept", nil).is(202)
	for key, decision := range map[string]string{s.source: "cancel", s.destination: "accept", s.support: "cancel"} {
		if p := s.post(key, path+"/"+decision, nil).problem(409, problem.RequestState); p.State != "transferring" {
			t.Errorf("%+v", p)
		}
	}
	s.work()
	if p := s.post(s.destination, path+"/decline", nil).problem(409, problem.RequestState); p.State != "completed" {
		t.Errorf("%+v", p)
	}
}

// What a decision answers is what a read would.
func TestDecisionsAnswerTheWholeRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	made := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(99))).is(202)
	path := made.header.Get("Location")
	quotedFrom := []QuotedFee{{ID: 1, Fee: transfer.Money{Minor: 250, Currency: "EUR"}, ValidFrom: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}}
	for _, step := range []struct {
		key, decision string
		body          any
		fees          *Fees
	}{
		{s.support, "approve", map[string]any{"ticket": "T-1"}, &Fees{Quoted: transfer.Money{Minor: 500, Currency: "EUR"}, Charged: transfer.Money{Currency: "EUR"}, Entries: quotedFrom}},
		{s.source, "cancel", simsBody(iccid(1)), &Fees{Quoted: transfer.Money{Minor: 250, Currency: "EUR"}, Charged: transfer.Money{Currency: "EUR"}, Entries: quotedFrom}},
		{s.destination, "accept", nil, nil},
	} {
		s.work()
		decided := s.post(step.key, path+"/"+step.decision, step.body).is(202)
		r, again := read[Request](decided), read[Request](s.get(step.key, path).is(200))
		if diff := cmp.Diff(again, r); diff != "" {
			t.Errorf("%s: -read +answered:\n%s", step.decision, diff)
		}
		if !reflect.DeepEqual(r.Fees, step.fees) || (r.Reasons == nil) != (step.key == s.destination) {
			t.Errorf("%s: %s", step.decision, decided.text)
		}
	}
	if r := read[Request](made); r.Fees == nil {
		t.Errorf("created: %s", made.text)
	}
}

// From its expiry on a request counts as expired for every decision, before the
// scheduler has noticed it: its parties are not told to decide.
func TestDecisionsAfterTheExpiryAreTooLate(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(4, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid IN ($1, $2)`, iccid(3), iccid(4))
	path := s.post(s.source, "/v1/transfer-requests", requestBody(sims[0], sims[1])).is(202).header.Get("Location")
	review := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3))).is(202).header.Get("Location")
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(4)), header: csvHeader()}).is(202))
	s.work()
	s.exec(`UPDATE requests SET expires_at = clock_timestamp()`)
	for _, key := range []string{s.source, s.destination, s.support} {
		r := read[Request](s.get(key, path).is(200))
		if r.NextAction != nil || r.CanAccept || r.CanDecline || r.CanCancel || r.CanExtend {
			t.Errorf("overdue: %+v", r)
		}
	}
	for _, c := range []struct {
		key, path string
		body      any
	}{
		{s.destination, path + "/accept", nil},
		{s.destination, path + "/accept", simsBody(sims[0])},
		{s.destination, path + "/decline", nil},
		{s.destination, path + "/decline", simsBody(sims[0])},
		{s.source, path + "/cancel", nil},
		{s.source, path + "/cancel", simsBody(sims[0])},
		{s.support, path + "/cancel", map[string]any{"reason": "asked by phone"}},
		{s.source, path + "/extend", map[string]any{"seconds": 3600}},
		{s.support, review + "/approve", map[string]any{"ticket": "T-1"}},
		{s.support, review + "/deny", map[string]any{"reason": "no contract"}},
		{s.source, review + "/cancel", nil},
	} {
		if p := s.post(c.key, c.path, c.body).problem(409, problem.RequestExpired); !strings.Contains(p.Detail, "has expired") {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
	canceled := read[BatchCancel](s.post(s.source, "/v1/batches/"+batch.ID.String()+"/cancel", nil).is(202))
	if got := canceled.Requests; canceled.Canceled != 0 || len(got) != 1 || got[0].Code != problem.RequestExpired || got[0].State != transfer.InReview {
		t.Errorf("the batch: %+v", canceled)
	}
	s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + destinationID, key: s.admin, body: map[string]any{"standing": "closed", "open_requests": "end"}}).is(200)
	if n, err := s.db.ExpireDue(t.Context(), 10); n != 3 || err != nil {
		t.Fatalf("%d requests expired, %v", n, err)
	}
	s.work()
	for _, p := range []string{path, review} {
		if r := read[Request](s.get(s.source, p).is(200)); r.State != transfer.RequestExpired || r.Counts.Expired == 0 || r.Counts.Canceled+r.Counts.Declined != 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestSomeSIMsAreAcceptedDeclinedOrCanceled(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, sims := s.testRequest(6, transfer.Ready)
	r := read[Request](s.post(s.source, path+"/cancel", simsBody(sims[0], imsi(2))).is(202))
	if r.State != transfer.AwaitingAcceptance || r.Counts.Canceled != 2 || r.Counts.Eligible != 4 {
		t.Errorf("canceled %+v", r)
	}
	r = read[Request](s.post(s.destination, path+"/decline", map[string]any{"sims": sims[2:3], "reason": "too old"}).is(202))
	if r.Counts.Declined != 1 || r.Counts.Eligible != 3 {
		t.Errorf("declined %+v", r)
	}
	p := s.post(s.destination, path+"/accept", simsBody(sims[3], sims[0], "12025550123")).problem(422, problem.UnknownSIMs)
	if values := []string{p.Errors[0].Value, p.Errors[1].Value}; !slices.Equal(values, []string{sims[0], "12025550123"}) {
		t.Errorf("unknown %q", values)
	}
	s.post(s.destination, path+"/accept", simsBody()).problem(422, problem.Invalid)
	s.post(s.destination, path+"/accept", simsBody("x")).problem(422, problem.Invalid)
	s.post(s.destination, path+"/accept", map[string]any{"sim": sims}).problem(422, problem.Invalid)
	r = read[Request](s.post(s.destination, path+"/accept", simsBody(sims[3], sims[4])).is(202))
	if r.State != transfer.Transferring {
		t.Errorf("accepted %+v", r)
	}
	s.work()
	r = read[Request](s.get(s.source, path).is(200))
	if r.State != transfer.RequestCompleted || r.Counts.Completed != 2 || r.Counts.Declined != 2 || r.Counts.Canceled != 2 {
		t.Errorf("completed %+v", r)
	}
	var kinds []transfer.EventKind
	for _, e := range read[List[Event]](s.get(s.source, path+"/events").is(200)).Items {
		kinds = append(kinds, e.Kind)
		if e.Kind == "decline" && e.Detail["reason"] != "too old" {
			t.Errorf("%+v", e)
		}
	}
	if !slices.Contains(kinds, "cancel") || !slices.Contains(kinds, "decline") || !slices.Contains(kinds, "accept") {
		t.Errorf("events %q", kinds)
	}
}

func TestCancelWhileValidationRuns(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(2, transfer.Ready)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202))
	path := requestPath(r.ID)
	if r = read[Request](s.post(s.source, path+"/cancel", simsBody(sims[0])).is(202)); r.State != transfer.Validating {
		t.Errorf("%+v", r)
	}
	s.work()
	if r = read[Request](s.get(s.source, path).is(200)); r.State != transfer.AwaitingAcceptance || r.Counts.Canceled != 1 || r.Counts.Eligible != 1 {
		t.Errorf("%+v", r)
	}
	if r = read[Request](s.post(s.support, path+"/cancel", nil).is(202)); r.State != transfer.RequestCanceled {
		t.Errorf("%+v", r)
	}
	s.work()
	if r = read[Request](s.get(s.source, path).is(200)); r.Counts.Canceled != 2 || r.FinishedAt == nil {
		t.Errorf("%+v", r)
	}
}

func TestSupportApproves(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, _ := s.testRequest(2, transfer.Active)
	r := read[Request](s.get(s.source, path).is(200))
	if r.State != transfer.InReview || r.NextAction.Party != transfer.PartySupport || r.Fees.Quoted.Minor != 500 || r.Counts.Support != 2 {
		t.Errorf("%+v", r)
	}
	type m = map[string]any
	for _, body := range []m{
		{},
		{"ticket": ""},
		{"ticket": "T", "fee": map[string]any{"minor": 0}},
		{"ticket": "T", "fee_reason": "x"},
		{"ticket": "T", "fee": map[string]any{"minor": -1}, "fee_reason": "x"},
		{"ticket": "T", "fee": map[string]any{"minor": 1.5}, "fee_reason": "x"},
		{"ticket": strings.Repeat("T", 101)},
	} {
		s.post(s.support, path+"/approve", body).problem(422, problem.Invalid)
	}
	s.post(s.support, path+"/approve", nil).problem(400, problem.Malformed)
	s.post(s.source, path+"/approve", m{"ticket": "T"}).problem(403, problem.Forbidden)
	r = read[Request](s.post(s.support, path+"/approve", m{"ticket": "T-1", "fee": map[string]any{"minor": 0}, "fee_reason": "waived"}).is(202))
	if r.State != transfer.AwaitingAcceptance || *r.Ticket != "T-1" || *r.FeeOverride != (transfer.Money{Currency: "EUR"}) {
		t.Errorf("%+v", r)
	}
	if list := read[List[Transfer]](s.get(s.source, path+"/transfers").is(200)); list.Items[0].Fee.Minor != 0 {
		t.Errorf("%+v", list.Items[0])
	}
}

func TestApprovalNeedsAFeeWhereTheScheduleHasNone(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.exec(`DELETE FROM fees WHERE method = 'support_assisted'`)
	path, _ := s.testRequest(1, transfer.Suspended)
	if r := read[Request](s.get(s.source, path).is(200)); r.Fees.Unquoted != 1 {
		t.Errorf("%+v", r.Fees)
	}
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T"}).problem(422, problem.NoFee)
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T", "fee": map[string]any{"minor": 9}, "fee_reason": "by hand"}).is(202)
}

func TestSupportDenies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	path, sims := s.testRequest(1, transfer.Active)
	s.post(s.support, path+"/deny", map[string]any{}).problem(422, problem.Invalid)
	s.post(s.destination, path+"/deny", map[string]any{"reason": "x"}).problem(403, problem.Forbidden)
	if r := read[Request](s.post(s.support, path+"/deny", map[string]any{"reason": "fraud"}).is(202)); r.State != transfer.RequestDenied {
		t.Errorf("%+v", r)
	}
	s.work()
	sim := read[SIM](s.get(s.source, "/v1/sims/"+sims[0]).is(200))
	if sim.Transfer != nil {
		t.Errorf("still held: %+v", sim)
	}
}
