package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestConditionalCalls(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(8, transfer.Ready)
	s.exec(`INSERT INTO radius.nas (nasname, secret) VALUES ('10.0.0.1', 'a secret')`)
	type m = map[string]any
	id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)).ID
	s.work()
	request := "/v1/transfer-requests/" + id.String()
	code := read[TransferCode](s.post(s.source, "/v1/transfer-codes", obj{"sims": []string{iccid(2), iccid(3)}}).is(201)).ID.String()
	pulls := make([]string, 4)
	for i := range pulls {
		pulls[i] = "/v1/pull-requests/" + read[PullRequest](s.post(s.destination, "/v1/pull-requests", obj{"iccids": []string{iccid(4 + i)}}).is(201)).ID.String()
	}
	s.newPerson("jane", sourceID, storage.PermissionOwner)
	person := fmt.Sprintf("/v1/people/%d", s.queryInt(`SELECT id FROM people WHERE email = 'jane@example.com'`))
	spare := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: storage.PermissionOperator, Name: "spare"})
	for _, c := range []struct {
		path, key, method string
		change            any
	}{
		{"/v1/sims/" + iccid(1), s.source, "PATCH", m{"group": "g"}},
		{"/v1/sims/" + imsi(1), s.support, "PATCH", m{"status": "suspended"}},
		{"/v1/accounts/" + bystanderID, s.admin, "PATCH", m{"coverage": "x"}},
		{"/v1/plans/global-01", s.admin, "PUT", m{"coverage_bound": true}},
		{"/v1/accounts/" + bystanderID + "/plan-mappings", s.admin, "PUT", m{"default": "global-01"}},
		{"/v1/accounts/" + bystanderID + "/plan-mappings", s.admin, "DELETE", nil},
		{"/v1/gateways/10.0.0.1", s.admin, "PUT", m{"description": "x"}},
		{"/v1/gateways/10.0.0.1", s.admin, "PATCH", m{"server": "10.0.0.9"}},
		{"/v1/sims/" + iccid(1), s.admin, "correct-status", m{"status": "ready", "reason": "a typing error"}},
		{fmt.Sprintf("/v1/keys/%d", s.keyID(s.bystander)), s.admin, "rotate", nil},
		{fmt.Sprintf("/v1/keys/%d", s.keyID(spare)), s.source, "DELETE", nil},
		{request, s.destination, "accept", nil},
		{person, s.admin, "PATCH", m{"name": "Jane Doe"}},
		{"/v1/transfer-codes/" + code, s.source, "DELETE", nil},
		{pulls[0], s.source, "approve", nil},
		{pulls[1], s.source, "refuse", nil},
		{pulls[2], s.destination, "cancel", nil},
		{pulls[3], s.support, "cancel", nil},
	} {
		change := c.path
		if c.method != strings.ToUpper(c.method) {
			change += "/" + c.method
			c.method = "POST"
		}
		tag := s.get(c.key, c.path).is(200).header.Get("ETag")
		if !strings.HasPrefix(c.path, "/v1/keys") { // which change when they are used
			again := s.do(apiCall{method: "GET", path: c.path, key: c.key, header: map[string]string{"If-None-Match": `"x", W/` + tag}}).is(304)
			if again.text != "" || again.header.Get("ETag") != tag {
				t.Errorf("%s: 304 with %q and the ETag %q, not %q", c.path, again.text, again.header.Get("ETag"), tag)
			}
			s.do(apiCall{method: "GET", path: c.path, key: c.key, header: map[string]string{"If-None-Match": `"x"`}}).is(200)
		}
		try := func(condition string) testResponse {
			return s.do(apiCall{method: c.method, path: change, key: c.key, body: c.change, header: map[string]string{"If-Match": condition}})
		}
		for _, stale := range []string{`"x"`, "W/" + tag, `"x", "y"`} {
			if a := try(stale); a.problem(412, problem.PreconditionFailed).Detail == "" || a.header.Get("ETag") != tag {
				t.Errorf("%s with %s: the ETag %q, not %q: %s", c.path, stale, a.header.Get("ETag"), tag, a.text)
			}
		}
		try("nonsense").problem(422, problem.Invalid)
		changed := try(`"x", ` + tag)
		if c.method == "DELETE" {
			changed.is(204)
			continue
		}
		if changed.status >= 300 || changed.header.Get("ETag") == tag || changed.header.Get("ETag") == "" {
			t.Errorf("%s: answered %d with the ETag %q: %s", c.path, changed.status, changed.header.Get("ETag"), changed.text)
			continue
		}
		try(tag).problem(412, problem.PreconditionFailed)
		if c.method == "POST" {
			continue
		}
		if is := s.get(c.key, c.path).is(200).header.Get("ETag"); is != changed.header.Get("ETag") {
			t.Errorf("%s: the response to the change has the ETag %q, reading it %q", c.path, changed.header.Get("ETag"), is)
		}
		try("*").is(200)
	}
	s.do(apiCall{method: "PUT", path: "/v1/plans/new-01", key: s.admin, body: m{"coverage_bound": true}, header: map[string]string{"If-Match": "*"}}).
		problem(412, problem.PreconditionFailed)
}

// Memberships are changed by the ETag of the person, which does not depend on when
// the person made its last call, and fees by that of their list.
func TestConditionsOnWhatContainsTheResource(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.newPerson("jane", sourceID, storage.PermissionOwner)
	person := fmt.Sprintf("/v1/people/%d", s.queryInt(`SELECT id FROM people WHERE email = 'jane@example.com'`))
	future := "2030-01-01T00:00:00Z"
	for _, c := range []struct {
		key, read    string
		method, path string
		body         any
		status       int
	}{
		{s.source, person, "PUT", person + "/memberships/" + sourceID, obj{"permission": "viewer"}, 200},
		{s.admin, person, "PUT", person + "/memberships/" + sourceID, obj{"permission": "approver"}, 200},
		{s.source, person, "DELETE", person + "/memberships/" + sourceID, nil, 204},
		{s.admin, "/v1/fees", "POST", "/v1/fees", obj{"method": "support_assisted", "fee": obj{"amount": "7.50", "currency": "CHF"}, "valid_from": future}, 201},
		{s.admin, "/v1/fees?account=" + sourceID, "POST", "/v1/fees", obj{"method": "support_assisted", "fee": obj{"amount": "1.50", "currency": "EUR"}, "valid_from": future, "account": sourceID}, 201},
		{s.admin, "/v1/fees?account=" + sourceID, "DELETE", "/v1/fees/support_assisted/EUR/" + future + "?account=" + sourceID, nil, 204},
		{s.admin, "/v1/fees", "DELETE", "/v1/fees/support_assisted/CHF/" + future, nil, 204},
	} {
		tag := s.get(c.key, c.read).is(200).header.Get("ETag")
		s.exec(`UPDATE api_keys SET last_used_at = clock_timestamp() WHERE person IS NOT NULL`)
		again := s.do(apiCall{method: "GET", path: c.read, key: c.key, header: map[string]string{"If-None-Match": tag}})
		if tag == "" || again.status != 304 {
			t.Errorf("%s: the ETag %q, then %d", c.read, tag, again.status)
		}
		try := func(condition string) testResponse {
			return s.do(apiCall{method: c.method, path: c.path, key: c.key, body: c.body, header: map[string]string{"If-Match": condition}})
		}
		if a := try(`"x"`); a.problem(412, problem.PreconditionFailed).Detail == "" || a.header.Get("ETag") != tag {
			t.Errorf("%s %s with another ETag: %q, not %q", c.method, c.path, a.header.Get("ETag"), tag)
		}
		try(tag).is(c.status)
		if c.method != "DELETE" {
			try(tag).problem(412, problem.PreconditionFailed)
		}
	}
}

// Of two clients that read the same version, one changes it.
func TestOneOfTwoConditionalChangesWins(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	tag := s.get(s.source, "/v1/sims/"+iccid(1)).is(200).header.Get("ETag")
	var won atomic.Int32
	var both sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		both.Go(func() {
			a := s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: map[string]any{"tags": map[string]any{name: "x"}}, header: map[string]string{"If-Match": tag}})
			if a.status == 200 {
				won.Add(1)
			} else if a.status != 412 {
				t.Errorf("answered %d %s", a.status, a.text)
			}
		})
	}
	both.Wait()
	if sim := read[SIM](s.get(s.source, "/v1/sims/"+iccid(1)).is(200)); won.Load() != 1 || len(sim.Tags) != 2 {
		t.Errorf("%d changes, tags %v", won.Load(), sim.Tags)
	}
}

// A call that cannot have a condition refuses it.
func TestConditionsAreNotIgnored(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	document := newServer(Config{}).register(http.NewServeMux())
	with := 0
	for _, route := range Routes() {
		o := operationOf(document.Paths[route.Path], route.Method)
		honours := false
		for _, p := range o.Parameters {
			honours = honours || p.Name == "If-Match"
		}
		if honours {
			with++
			if o.Responses["412"] == nil {
				t.Errorf("%s has If-Match, but no response with 412", route.OperationID)
			}
			continue
		}
		z := &fuzzTest{testService: s, request: "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", batch: "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21"}
		key := s.admin
		if !route.audience.admits(storage.RoleAdmin) {
			key = s.source
		}
		p := s.do(apiCall{method: route.Method, path: z.path(route), key: key, header: map[string]string{"If-Match": `"x"`}}).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != "header.If-Match" {
			t.Errorf("%s: %+v", route.OperationID, p)
		}
	}
	if with < 8 {
		t.Errorf("only %d calls have If-Match", with)
	}
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: "{}", header: map[string]string{"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}}).problem(422, problem.Invalid)
}
