package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// What the account that asks reads is the same byte for byte, except for ids and
// times, whether its SIMs are unknown, belong to someone, are locked, in another
// transfer, refused, or approved but not yet offered.
func TestPullRequestsDiscloseNothing(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, func(c *Config) { c.PullTime = time.Nanosecond })
	s.sims(5, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(5))
	s.exec(`UPDATE sims SET transfer_lock = true WHERE iccid = $1`, iccid(3))
	s.post(s.source, "/v1/transfer-requests", m{"destination": m{"email": emailOf(bystanderID), "operator_id": bystanderID}, "sims": []string{iccid(4)}}).is(202)
	s.work()
	asks := map[string]string{
		"unknown": "99999000000000000011", "of someone": iccid(1), "refused": iccid(2), "locked": iccid(3), "in another transfer": iccid(4),
		"approved, in review": iccid(5),
	}
	ids, answers := map[string]string{}, map[string]testResponse{}
	for name, sim := range asks {
		answers[name] = s.post(s.destination, "/v1/pull-requests", m{"iccids": []string{sim}, "reference": "PO-1", "message": "as agreed"}).is(201)
		ids[name] = read[PullRequest](answers[name]).ID.String()
	}
	s.post(s.source, "/v1/pull-requests/"+ids["refused"]+"/refuse", nil).is(200)
	s.post(s.source, "/v1/pull-requests/"+ids["approved, in review"]+"/approve", nil).is(202)
	s.work()
	shape := func(a testResponse, name string) string {
		var v m
		if err := json.Unmarshal([]byte(a.text), &v); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"id", "created_at", "expires_at"} {
			if v[field] == nil {
				t.Errorf("no %s: %s", field, a.text)
			}
			delete(v, field)
		}
		text, _ := json.Marshal(v)
		header := a.header.Clone()
		for _, name := range []string{"Date", "X-Request-Id", "Location", "Content-Length", "Etag"} {
			header.Del(name)
		}
		return strings.ReplaceAll(fmt.Sprint(a.status, header, string(text)), asks[name], "SIM")
	}
	compare := func(when string, get func(name string) testResponse) {
		t.Helper()
		want := shape(get("unknown"), "unknown")
		for name := range asks {
			if got := shape(get(name), name); got != want {
				t.Errorf("%s, a SIM that is %s differs from one that is unknown:\n%s\n%s", when, name, got, want)
			}
		}
	}
	path := func(name string) string { return "/v1/pull-requests/" + ids[name] }
	compare("created", func(name string) testResponse { return answers[name] })
	compare("open", func(name string) testResponse { return s.get(s.destination, path(name)).is(200) })
	for name := range asks { // neither decision is the asker's
		s.post(s.destination, path(name)+"/approve", nil).problem(404, problem.NotFound)
		s.post(s.destination, path(name)+"/refuse", nil).problem(404, problem.NotFound)
	}
	if got := read[List[PullRequest]](s.get(s.destination, "/v1/pull-requests?state=open").is(200)); len(got.Items) != len(asks) {
		t.Errorf("%d are open", len(got.Items))
	}
	for _, state := range []string{"approved", "refused", "expired", "canceled"} {
		if got := read[List[PullRequest]](s.get(s.destination, "/v1/pull-requests?state="+state).is(200)); len(got.Items) != 0 {
			t.Errorf("%d are %s", len(got.Items), state)
		}
	}
	if got := s.get(s.destination, "/v1/audit").is(200); strings.Contains(got.text, sourceID) || strings.Contains(got.text, "refuse") || strings.Contains(got.text, "approve") {
		t.Errorf("the audit trail tells: %s", got.text)
	}
	if got := s.get(s.destination, "/v1/transfer-requests").is(200); strings.Contains(got.text, sourceID) {
		t.Errorf("the requests tell: %s", got.text)
	}
	s.exec(`UPDATE pulls SET expires_at = clock_timestamp()`)
	compare("expired", func(name string) testResponse { return s.get(s.destination, path(name)).is(200) })
}

func TestPullRequest(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, func(c *Config) { c.PullTime = time.Nanosecond })
	s.sims(3, transfer.Ready)
	s.exec(`UPDATE accounts SET name = 'North Sensors Ltd' WHERE operator_id = $1`, destinationID)
	body := m{"iccids": []string{iccid(2), "99999000000000000011", iccid(1)}, "reference": "PO-1", "message": "as agreed", "answer_seconds": 3600}
	keyed := func() testResponse {
		return s.do(apiCall{method: "POST", path: "/v1/pull-requests", key: s.destination, body: body, header: map[string]string{"Idempotency-Key": "1"}})
	}
	made := read[PullRequest](keyed().is(201))
	if again := read[PullRequest](keyed().is(201)); again.ID != made.ID {
		t.Errorf("%v and %v", again.ID, made.ID)
	}
	if made.Direction != "outgoing" || made.State != transfer.PullOpen || made.Size != 3 || *made.Reference != "PO-1" ||
		made.ExpiresAt.Sub(made.CreatedAt).Round(time.Second) != time.Hour {
		t.Errorf("%+v", made)
	}
	path := "/v1/pull-requests/" + made.ID.String()

	inbox := read[List[PullRequest]](s.get(s.source, "/v1/pull-requests?direction=incoming").is(200)).Items
	if len(inbox) != 1 || inbox[0].ID != made.ID || inbox[0].Size != 2 || *inbox[0].AskerName != "North Sensors Ltd" || inbox[0].Direction != "incoming" {
		t.Fatalf("%+v", inbox)
	}
	if got := read[List[PullRequest]](s.get(s.source, "/v1/pull-requests?direction=outgoing").is(200)); len(got.Items) != 0 {
		t.Errorf("%+v", got)
	}
	equal(t, read[PullRequest](s.get(s.source, path).is(200)).ICCIDs, []string{iccid(2), iccid(1)})
	s.get(s.bystander, path).problem(404, problem.NotFound)
	s.post(s.bystander, path+"/approve", nil).problem(404, problem.NotFound)
	s.post(s.bystander, path+"/cancel", nil).problem(404, problem.NotFound)
	s.post(s.source, path+"/cancel", nil).problem(404, problem.NotFound)
	s.post(s.support, path+"/approve", nil).problem(403, problem.Forbidden)
	if p := s.post(s.source, path+"/approve", m{"sims": []string{iccid(3)}}).problem(422, problem.UnknownSIMs); !strings.Contains(p.Detail, "the pull request does not ask your account") {
		t.Errorf("detail %q", p.Detail)
	}

	approved := s.post(s.source, path+"/approve", m{"sims": []string{imsi(1)}, "message": "here it is"}).is(202)
	v := read[PullRequest](approved)
	if v.State != transfer.PullApproved || v.Size != 1 || len(v.Requests) != 1 || approved.header.Get("Location") != "/v1/transfer-requests/"+v.Requests[0] {
		t.Fatalf("%+v", v)
	}
	p := s.post(s.source, path+"/refuse", nil).problem(409, problem.PullState)
	if p.State != "approved" {
		t.Errorf("%+v", p)
	}
	if got := read[PullRequest](s.get(s.destination, path).is(200)); len(got.Requests) != 0 {
		t.Errorf("the request shows before it is offered: %+v", got)
	}
	s.work()
	if got := read[PullRequest](s.get(s.destination, path).is(200)); !slices.Equal(got.Requests, v.Requests) || got.State != transfer.PullOpen {
		t.Errorf("%+v", got)
	}
	request := read[Request](s.get(s.destination, approved.header.Get("Location")).is(200))
	if request.Source != sourceID || request.Destination != destinationID || request.State != transfer.AwaitingAcceptance {
		t.Errorf("%+v", request)
	}
	if e := read[List[Event]](s.get(s.source, approved.header.Get("Location")+"/events").is(200)).Items[0]; fmt.Sprint(e.Detail["selection"]) != fmt.Sprint(m{"pull_request": made.ID}) {
		t.Errorf("%+v", e)
	}
	s.post(s.destination, approved.header.Get("Location")+"/accept", nil).is(202)
	s.work()
	s.get(s.destination, "/v1/sims/"+iccid(1)).is(200)

	support := read[PullRequest](s.get(s.support, path).is(200))
	if support.Direction != "" || len(support.Owners) != 1 || support.Owners[0].Account != sourceID || *support.Owners[0].Decision != "approved" || len(support.ICCIDs) != 3 {
		t.Errorf("%+v", support)
	}
	if got := read[PullRequest](s.post(s.support, path+"/cancel", nil).is(200)); got.State != transfer.PullCanceled {
		t.Errorf("%+v", got)
	}
	s.post(s.destination, path+"/cancel", nil).problem(409, problem.PullState)
}

func TestBadPullRequests(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, func(c *Config) { c.PullTime, c.MaxOpenPulls, c.MaxPulledSIMs = time.Nanosecond, 2, 4 })
	s.sims(2, transfer.Ready)
	ask := func(body m) testResponse { return s.post(s.source, "/v1/pull-requests", body) }
	p := ask(m{"iccids": []string{"99999000000000000011", iccid(2)}}).problem(422, problem.Invalid)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.iccids[1]" {
		t.Errorf("%+v", p)
	}
	for _, body := range []m{
		{},
		{"iccids": []string{}},
		{"iccids": []string{imsi(1)}},
		{"iccids": []string{"12025550101"}},
		{"iccids": []string{"99999000000000000011", "9999 9000 0000 0000 0011"}},
		{"iccids": []string{"99999000000000000011"}, "answer_seconds": 59},
		{"iccids": []string{"99999000000000000011"}, "answer_seconds": 2592001},
		{"iccids": []string{"99999000000000000011"}, "reference": "two\nlines"},
		{"iccids": []string{"99999000000000000011"}, "reference": strings.Repeat("x", 65)},
		{"iccids": []string{"99999000000000000011"}, "message": strings.Repeat("x", 1001)},
	} {
		ask(body).problem(422, problem.Invalid)
	}
	some := func(n, from int) m {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("99999%014d", from+i))
		}
		return m{"iccids": list}
	}
	first := read[PullRequest](ask(some(3, 0)).is(201)).ID
	limited := func(a testResponse, name storage.LimitName) {
		t.Helper()
		if p := a.problem(409, problem.AccountLimit); len(p.Errors) != 1 || p.Errors[0].Code != string(name) {
			t.Errorf("%+v", p)
		}
	}
	limited(ask(some(2, 10)), storage.LimitPulledSIMs)
	ask(some(1, 10)).is(201)
	limited(ask(some(1, 20)), storage.LimitOpenPulls)
	s.post(s.source, "/v1/pull-requests/"+first.String()+"/cancel", nil).is(200)
	limited(ask(some(1, 20)), storage.LimitPulledSIMs)
	s.get(s.source, "/v1/pull-requests/"+uuid.NewString()).problem(404, problem.NotFound)
}

// A new pull request takes a multiple of a time.
func TestPullRequestsTakeRoundTimes(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.PullTime = 50 * time.Millisecond })
	begun := time.Now()
	s.post(s.source, "/v1/pull-requests", map[string]any{"iccids": []string{"99999000000000000011"}}).is(201)
	if took := time.Since(begun); took < 50*time.Millisecond {
		t.Errorf("took %s", took)
	}
}
