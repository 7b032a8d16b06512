package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const mappingsPath = "/v1/accounts/" + destinationID + "/plan-mappings"

// makePlans creates plans, with what they cost a month in EUR.
func (s *testService) makePlans(names ...string) {
	s.t.Helper()
	for i, name := range names {
		price := []map[string]any{{"minor": 100 + i, "currency": "EUR"}}
		s.do(apiCall{method: "PUT", path: "/v1/plans/" + name, key: s.admin, body: map[string]any{"coverage_bound": false, "monthly_prices": price}}).is(200)
	}
}

func (s *testService) allowPlans(account string, plans ...string) {
	s.t.Helper()
	s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + account, key: s.admin, body: map[string]any{"plans": plans}}).is(200)
}

func (s *testService) put(key, path string, body any) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "PUT", path: path, key: key, body: body})
}

func (s *testService) remove(key, path string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "DELETE", path: path, key: key})
}

// A SIM that the destination may not hold on its plan is transferred with a mapping,
// and lands on the plan that the mapping gave when the destination accepted. The
// preview, the request, the changes feed and the snapshots show both plans.
func TestPlanMappings(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.makePlans("basic", "standard", "premium")
	s.allowPlans(destinationID, "basic", "standard")
	s.sims(3, transfer.Ready) // on global-01
	preview := func(key string) PreviewedSIM {
		return read[Preview](s.post(key, "/v1/transfer-requests/preview", requestBody(iccid(2)))).Items[0]
	}
	ask := func(sim string) string {
		path := s.post(s.source, "/v1/transfer-requests", requestBody(sim)).is(202).header.Get("Location")
		s.work()
		return path
	}

	if p := preview(s.source); p.Eligible || *p.Reason != transfer.PlanNotAvailable || p.LandsOn != nil || !strings.HasSuffix(p.Remedy, "Plans to choose from: basic or standard.") {
		t.Errorf("without a mapping: %+v", p)
	}
	refused := ask(iccid(3))
	if r := read[Request](s.get(s.source, refused).is(200)); r.State != transfer.RequestRejected || !strings.Contains(r.Reasons[0].Remedy, "basic or standard") {
		t.Errorf("without a mapping: %+v", r)
	}
	for _, path := range []string{refused + "/transfers", refused + "/results"} {
		if got := s.get(s.source, path).is(200); !strings.Contains(got.text, "basic or standard") {
			t.Errorf("%s: %s", path, got.text)
		}
	}

	made := read[PlanMapping](s.put(s.destination, mappingsPath, m{"plans": m{"global-01": "basic"}}).is(200))
	if made.Source != nil || !cmp.Equal(made.Plans, map[string]string{"global-01": "basic"}) || made.Default != nil {
		t.Errorf("%+v", made)
	}
	p := preview(s.source)
	if !p.Eligible || p.Plan.Name != "global-01" || p.LandsOn.Name != "basic" || p.LandsOn.MonthlyPrice == nil || p.LandsOn.MonthlyPrice.Minor != 100 {
		t.Errorf("with a mapping: %+v", p)
	}
	first := ask(iccid(1))
	s.put(s.admin, mappingsPath+"?source="+sourceID, m{"default": "standard"}).is(200)
	if p := preview(s.source); p.LandsOn.Name != "standard" {
		t.Errorf("with a mapping of the pair: %+v", p)
	}
	s.post(s.destination, first+"/accept", m{"landing": m{"group": "field"}}).is(202)
	s.remove(s.destination, mappingsPath+"?source="+sourceID).is(204)
	s.remove(s.destination, mappingsPath+"?source="+sourceID).problem(404, problem.NotFound)
	s.work()
	if sim := read[SIM](s.get(s.destination, "/v1/sims/"+iccid(1)).is(200)); sim.Plan != "standard" || *sim.Group != "field" {
		t.Errorf("landed %+v", sim)
	}
	for key, shown := range map[string]bool{s.source: false, s.destination: true, s.support: true} {
		r := read[Request](s.get(key, first).is(200))
		if (r.LandingPlans != nil) != shown || shown && *r.LandingPlans.Default != "standard" {
			t.Errorf("landing plans %+v", r.LandingPlans)
		}
	}
	if list := read[List[Transfer]](s.get(s.support, first+"/transfers").is(200)).Items; *list[0].Before.Plan != "global-01" || *list[0].After.Plan != "standard" {
		t.Errorf("snapshots %+v", list[0])
	}
	var entries []Change
	for _, e := range read[ChangesPage](s.get(s.support, "/v1/changes").is(200)).Items {
		if e.ICCID == iccid(1) && e.Kind != transfer.SIMCreated {
			entries = append(entries, e)
		}
	}
	if len(entries) != 1 || entries[0].Kind != transfer.SIMTransferred || !cmp.Equal(entries[0].Plan, &ChangedText{From: "global-01", To: "standard"}) {
		t.Errorf("changes %+v", entries)
	}

	second := ask(iccid(2))
	for plan, says := range map[string]string{"premium": "may not hold", "unknown": "there is no plan"} {
		p := s.post(s.destination, second+"/accept", m{"landing": m{"plan": plan}}).problem(422, problem.PlanNotAvailable)
		if !strings.Contains(p.Detail, says) || !strings.Contains(p.Detail, "basic or standard") || p.Errors[0].Location != "body.landing.plan" {
			t.Errorf("%s: %+v", plan, p)
		}
	}
	if r := read[Request](s.get(s.destination, second).is(200)); r.State != transfer.AwaitingAcceptance {
		t.Errorf("after refused acceptances: %+v", r)
	}
	accepted := read[Request](s.post(s.destination, second+"/accept", m{"landing": m{"plan": "standard"}}).is(202))
	if accepted.Landing.Plan != "standard" || accepted.LandingPlans != nil {
		t.Errorf("%+v", accepted)
	}
	s.work()
	if sim := read[SIM](s.get(s.destination, "/v1/sims/"+iccid(2)).is(200)); sim.Plan != "standard" {
		t.Errorf("landed %+v", sim)
	}
	if list := read[PlanMappings](s.get(s.destination, mappingsPath).is(200)).Items; len(list) != 1 || !cmp.Equal(list[0], made) {
		t.Errorf("%+v", list)
	}
}

// The source sees only those plans that it may hold, too.
func TestPlanChoices(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makePlans("basic", "standard", "premium")
	s.allowPlans(destinationID, "basic", "standard")
	s.allowPlans(sourceID, "global-01", "standard", "premium")
	s.sims(1, transfer.Ready)
	body := requestBody(iccid(1))
	body["on_behalf_of"] = sourceID
	for key, want := range map[string]string{s.source: ": standard.", s.support: ": basic or standard."} {
		if key == s.source {
			delete(body, "on_behalf_of")
		} else {
			body["on_behalf_of"] = sourceID
		}
		p := read[Preview](s.post(key, "/v1/transfer-requests/preview", body).is(200))
		if !strings.HasSuffix(p.Items[0].Remedy, want) || p.Reasons[0].Remedy != p.Items[0].Remedy {
			t.Errorf("%+v", p)
		}
	}
}

func TestPlanMappingErrors(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t)
	s.makePlans("basic", "premium")
	s.allowPlans(destinationID, "basic")
	for _, c := range []struct {
		body     m
		code     problem.Code
		location string
	}{
		{m{}, problem.Invalid, "body"},
		{m{"plans": m{}}, problem.Invalid, "body"},
		{m{"plans": m{"global-01": ""}}, problem.Invalid, "body.plans.global-01"},
		{m{"plans": m{"global-01": "premium"}}, problem.PlanNotAvailable, "body.plans.global-01"},
		{m{"plans": m{"global-01": "unknown"}}, problem.PlanNotAvailable, "body.plans.global-01"},
		{m{"plans": m{"unknown": "basic"}}, problem.PlanNotAvailable, "body.plans.unknown"},
		{m{"default": "premium"}, problem.PlanNotAvailable, "body.default"},
		{m{"default": strings.Repeat("x", 65)}, problem.Invalid, "body.default"},
		{m{"plans": m{"global-01": strings.Repeat("x", 65)}}, problem.Invalid, "body.plans.global-01"},
	} {
		if p := s.put(s.destination, mappingsPath, c.body).problem(422, c.code); len(p.Errors) != 1 || p.Errors[0].Location != c.location {
			t.Errorf("%v: %+v", c.body, p)
		}
	}
	good := m{"default": "basic"}
	// An account does not learn which operator ids exist; staff get an error.
	s.put(s.destination, mappingsPath+"?source=OP0000009999", good).is(200)
	s.put(s.admin, mappingsPath+"?source=OP0000009999", good).problem(422, problem.Invalid)
	s.put(s.destination, mappingsPath+"?source=customer-1", good).problem(422, problem.Invalid)
	s.put(s.destination, mappingsPath+"?source="+destinationID, good).problem(422, problem.OwnAccount)
	// Only owners of the account and administrators.
	operator := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: destinationID, Permission: storage.PermissionApprover, Name: "approver"})
	s.put(operator, mappingsPath, good).problem(403, problem.Forbidden)
	s.put(s.support, mappingsPath, good).problem(403, problem.Forbidden)
	s.put(s.source, mappingsPath, good).problem(404, problem.NotFound)
	s.get(s.source, mappingsPath).problem(404, problem.NotFound)
	s.remove(s.source, mappingsPath).problem(404, problem.NotFound)
	s.get(operator, mappingsPath).is(200)

	s.put(s.destination, mappingsPath, good).is(200)
	s.put(s.destination, mappingsPath, good).is(200) // changes nothing, so it leaves no trace
	s.put(s.destination, mappingsPath, m{"plans": m{"premium": "basic"}}).is(200)
	s.remove(s.destination, mappingsPath).is(204)
	var acts []string
	for _, e := range read[List[AuditEntry]](s.get(s.destination, "/v1/audit?action=plan_mapping.put,plan_mapping.delete").is(200)).Items {
		acts = append(acts, string(e.Action)+" "+e.ObjectID)
	}
	slices.Reverse(acts)
	if diff := cmp.Diff([]string{
		"plan_mapping.put OP0000009999 to " + destinationID, "plan_mapping.put " + destinationID, "plan_mapping.put " + destinationID, "plan_mapping.delete " + destinationID,
	}, acts); diff != "" {
		t.Error(diff)
	}
}
