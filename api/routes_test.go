package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// testCaller is a caller that tries every route.
type testCaller struct {
	name string
	key  string
	role storage.Role // empty without a valid key
	own  bool         // whether the things that the route names are its own, or it is staff
}

func (s *testService) testCallers() []testCaller {
	revoked, token, err := s.db.CreateKey(s.t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "revoked"})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.db.RevokeKey(s.t.Context(), storage.System(), revoked.ID); err != nil {
		s.t.Fatal(err)
	}
	return []testCaller{
		{"nobody", "", "", false},
		{"a wrong key", "st_admin_" + strings.Repeat("a", tokenSecretLength), "", false},
		{"no key at all", "Basic", "", false},
		{"a revoked key", token, "", false},
		{"the account", s.source, storage.RoleAccount, true},
		{"another account", s.bystander, storage.RoleAccount, false},
		{"support", s.support, storage.RoleSupport, true},
		{"an administrator", s.admin, storage.RoleAdmin, true},
	}
}

const tokenSecretLength = 52

func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	close(stopping) // streams end with what is there
	s := newTestService(t, func(c *Config) { c.QueueUI, c.Stopping = nil, stopping })
	s.sims(2, transfer.Ready)
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(2)), header: csvHeader()}).is(202))
	s.work()
	paths := map[string]string{
		"{operator_id}": sourceID,
		"{name}":        "global-02",
		"{sim}":         iccid(1),
		"{identifier}":  imsi(1),
		"{code}":        "not_found",
	}
	testCallers := s.testCallers()
	for _, route := range Routes() {
		path := route.Path
		for placeholder, value := range paths {
			path = strings.ReplaceAll(path, placeholder, value)
		}
		switch {
		case strings.HasPrefix(path, "/v1/batches"):
			path = strings.ReplaceAll(path, "{id}", batch.ID.String())
		case strings.HasPrefix(path, "/v1/keys"):
			path = strings.ReplaceAll(path, "{id}", "999999")
		default:
			path = strings.ReplaceAll(path, "{id}", request.ID.String())
		}
		for _, who := range testCallers {
			a := s.do(apiCall{method: route.Method, path: path, key: who.key, body: bodyFor(route, who.role)})
			if problem := admission(route, who, a); problem != "" {
				t.Errorf("%s %s as %s: %s: answered %d %s", route.Method, path, who.name, problem, a.status, a.text)
			}
		}
	}
}

// bodyFor returns a body that a route takes. Decisions have none: the first
// one that is allowed would change what the next role finds.
func bodyFor(route Route, role storage.Role) any {
	switch route.OperationID {
	case "update-sim":
		if role == storage.RoleAccount {
			return map[string]any{"transfer_lock": true}
		}
		return map[string]any{"status": "ready"}
	case "put-plan":
		return map[string]any{"coverage_bound": true}
	case "update-account":
		return map[string]any{"coverage": "local"}
	case "approve-request":
		return map[string]any{"ticket": "T-1"}
	case "deny-request":
		return map[string]any{"reason": "no"}
	case "import-sims", "create-batch":
		return "[]"
	}
	if route.Method == "POST" && !strings.Contains(route.Path, "{") {
		return map[string]any{}
	}
	return nil
}

// admission says in what way an answer is not what a role should get, or
// nothing.
func admission(route Route, who testCaller, a testResponse) string {
	var p problem.Problem
	_ = json.Unmarshal([]byte(a.text), &p) // an answer that is no problem has no code
	switch {
	case route.audience == everyone:
		if a.status != 200 {
			return "not public"
		}
	case who.role == "":
		if a.status != 401 || p.Code != problem.Unauthenticated || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			return "not asked for a key"
		}
	case !route.audience.admits(who.role):
		if a.status != 403 || p.Code != problem.Forbidden {
			return "not kept out"
		}
	case !who.own && strings.Contains(route.Path, "{"):
		if a.status != 404 || p.Code != problem.NotFound {
			return "sees what belongs to another account"
		}
	case a.status == 401, p.Code == problem.Forbidden, a.status >= 500:
		return "not let in"
	}
	return ""
}

func TestListsShowOnlyOwnResources(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(2)), header: csvHeader()}).is(202)
	for path, want := range map[string]struct{ source, destination, bystander, support int }{
		"/v1/transfer-requests":                             {2, 2, 0, 2},
		"/v1/transfer-requests?direction=outgoing":          {2, 0, 0, 2},
		"/v1/transfer-requests?direction=incoming":          {0, 2, 0, 2},
		"/v1/transfer-requests?state=completed":             {0, 0, 0, 0},
		"/v1/transfer-requests?limit=1":                     {1, 1, 0, 1},
		"/v1/transfer-requests?direction=both&limit=2":      {2, 2, 0, 2},
		"/v1/transfer-requests?state=validating&limit=200":  {2, 2, 0, 2},
		"/v1/transfer-requests?direction=outgoing&limit=20": {2, 0, 0, 2},
		"/v1/batches":           {1, 0, 0, 1},
		"/v1/sims":              {2, 0, 0, 2},
		"/v1/sims?status=ready": {2, 0, 0, 2},
	} {
		for key, n := range map[string]int{s.source: want.source, s.destination: want.destination, s.bystander: want.bystander, s.support: want.support} {
			if got := read[List[any]](s.get(key, path).is(200)); len(got.Items) != n {
				t.Errorf("%s: %d items, not %d", path, len(got.Items), n)
			}
		}
	}
	for path, n := range map[string]int{
		"/v1/transfer-requests?account=" + destinationID:                    2,
		"/v1/transfer-requests?direction=outgoing&account=" + destinationID: 0,
		"/v1/transfer-requests?direction=incoming&account=" + destinationID: 2,
		"/v1/transfer-requests?account=" + bystanderID:                      0,
		"/v1/batches?account=" + sourceID:                                   1,
		"/v1/batches?account=" + destinationID:                              0,
		"/v1/sims?account=" + sourceID:                                      2,
		"/v1/sims?account=" + destinationID:                                 0,
		"/v1/transfer-requests?direction=outgoing&account=" + sourceID:      2,
	} {
		if got := read[List[any]](s.get(s.support, path).is(200)); len(got.Items) != n {
			t.Errorf("%s: %d items, not %d", path, len(got.Items), n)
		}
		if !strings.Contains(path, sourceID) {
			s.get(s.source, path).problem(403, problem.Forbidden)
		}
	}
	s.get(s.support, "/v1/sims?account=OP0000000099").problem(422, problem.Invalid)
	s.get(s.support, "/v1/sims?account=nonsense").problem(422, problem.Invalid)
}

func TestPagesAreCompleteWhileRowsAreAdded(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(7, transfer.Ready)
	for i := 1; i <= 5; i++ {
		s.post(s.source, "/v1/transfer-requests", requestBody(iccid(i))).is(202)
	}
	var seen []string
	for cursor := ""; ; {
		page := read[List[Request]](s.get(s.source, "/v1/transfer-requests?limit=2&cursor="+cursor).is(200))
		for _, r := range page.Items {
			seen = append(seen, r.ID.String())
		}
		if len(seen) == 2 {
			s.post(s.source, "/v1/transfer-requests", requestBody(iccid(6))).is(202)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != 5 {
		t.Errorf("pages show %d requests, not 5", len(seen))
	}
	if page := read[List[SIM]](s.get(s.source, "/v1/sims?limit=7").is(200)); page.NextCursor != "" || len(page.Items) != 7 {
		t.Errorf("a full last page has %d SIMs and the cursor %q", len(page.Items), page.NextCursor)
	}
	for _, path := range []string{"/v1/transfer-requests", "/v1/batches", "/v1/sims"} {
		p := s.get(s.source, path+"?cursor=nonsense").problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != "query.cursor" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	s.get(s.source, "/v1/sims?limit=0").problem(422, problem.Invalid)
	s.get(s.source, "/v1/sims?limit=201").problem(422, problem.Invalid)
	s.get(s.source, "/v1/sims?page=2").problem(422, problem.Invalid)
}
