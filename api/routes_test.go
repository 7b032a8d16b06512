package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

	permission storage.Permission // of a key of an account
	closed     bool               // its account is closed
}

func (s *testService) testCallers() []testCaller {
	revoked, token, err := s.db.CreateKey(s.t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "revoked"})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.db.RevokeKey(s.t.Context(), revoked.ID, storage.Revocation{By: storage.System()}); err != nil {
		s.t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	expired := s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "expired", ExpiresAt: &soon})
	s.exec(`UPDATE api_keys SET expires_at = clock_timestamp() WHERE name = 'expired'`)
	callers := []testCaller{
		{name: "nobody"},
		{name: "a wrong key", key: "st_admin_" + strings.Repeat("a", tokenSecretLength)},
		{name: "no key at all", key: "Basic"},
		{name: "a revoked key", key: token},
		{name: "an expired key", key: expired},
		{name: "the account", key: s.source, role: storage.RoleAccount, own: true, permission: storage.PermissionOwner},
		{name: "the destination", key: s.destination, role: storage.RoleAccount, permission: storage.PermissionOwner},
		{name: "another account", key: s.bystander, role: storage.RoleAccount, permission: storage.PermissionOwner},
		{name: "support", key: s.support, role: storage.RoleSupport, own: true},
		{name: "finance", key: s.key(storage.NewKey{Role: storage.RoleFinance, Name: "finance"}), role: storage.RoleFinance, own: true},
		{name: "an administrator", key: s.admin, role: storage.RoleAdmin, own: true},
	}
	for _, p := range storage.Permissions() {
		callers = append(callers, testCaller{
			name: "the account as " + string(p), key: s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: p, Name: "source as " + string(p)}),
			role: storage.RoleAccount, own: true, permission: p,
		})
	}
	return append(callers, testCaller{
		name: "a closed account", key: s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: closedID, Name: "closed"}),
		role: storage.RoleAccount, permission: storage.PermissionOwner, closed: true,
	})
}

const tokenSecretLength = 52

func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	close(stopping) // streams end with what is there
	s := newTestService(t, func(c *Config) { c.QueueUI, c.Stopping, c.TrustProxy = nil, stopping, true })
	s.sims(2, transfer.Ready)
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	batch := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(2)), header: csvHeader()}).is(202))
	s.work()
	endpoint := read[WebhookEndpoint](s.post(s.source, "/v1/webhook-endpoints", map[string]any{"url": "https://example.com/a"}).is(201))
	spare := read[WebhookEndpoint](s.post(s.source, "/v1/webhook-endpoints", map[string]any{"url": "https://example.com/b"}).is(201))
	delivery := read[WebhookDelivery](s.post(s.source, "/v1/webhook-endpoints/"+endpoint.ID.String()+"/test", nil).is(202))
	paths := map[string]string{
		"{delivery}":    itoa(delivery.ID),
		"{operator_id}": sourceID,
		"{name}":        "global-01",
		"{sim}":         iccid(1),
		"{identifier}":  imsi(1),
		"{code}":        "not_found",
	}
	testCallers := s.testCallers()
	person := itoa(s.me(s.newPerson("pat", sourceID, storage.PermissionViewer)).Person.ID)
	for i, route := range Routes() {
		address := fmt.Sprintf("192.0.2.%d", i) // failed attempts from one address are limited
		path := route.Path
		for placeholder, value := range paths {
			path = strings.ReplaceAll(path, placeholder, value)
		}
		switch {
		case strings.HasPrefix(path, "/v1/batches"):
			path = strings.ReplaceAll(path, "{id}", batch.ID.String())
		case strings.Contains(path, "/identifiers/"):
			path = strings.ReplaceAll(path, imsi(1), "12025550101")
		case route.OperationID == "delete-webhook-endpoint":
			path = strings.ReplaceAll(path, "{id}", spare.ID.String())
		case strings.HasPrefix(path, "/v1/webhook-endpoints"):
			path = strings.ReplaceAll(path, "{id}", endpoint.ID.String())
		case strings.HasPrefix(path, "/v1/people"):
			path = strings.NewReplacer("{id}", person, "{account}", sourceID).Replace(path)
		case strings.HasPrefix(path, "/v1/keys"), strings.HasPrefix(path, "/v1/invitations"), strings.HasPrefix(path, "/v1/sign-ins"):
			path = strings.ReplaceAll(path, "{id}", "999999")
		default:
			path = strings.ReplaceAll(path, "{id}", request.ID.String())
		}
		for _, who := range testCallers {
			a := s.do(apiCall{method: route.Method, path: path, key: who.key, body: bodyFor(route, who.role), header: map[string]string{"X-Forwarded-For": address}})
			if problem := admission(route, who, a); problem != "" {
				t.Errorf("%s %s as %s: %s: answered %d %s", route.Method, path, who.name, problem, a.status, a.text)
			}
			if !namesItsResource(route, path, a) {
				t.Errorf("%s %s as %s: the problem does not name the value of the path: %s", route.Method, path, who.name, a.text)
			}
		}
	}
}

// namesItsResource reports whether the detail of a problem about the resource of
// the path, or about its state, has the value in the path.
func namesItsResource(route Route, path string, a testResponse) bool {
	before, _, ok := strings.Cut(route.Path, "{")
	if !ok || a.status != 404 && a.status != 409 {
		return true
	}
	var p problem.Problem
	_ = json.Unmarshal([]byte(a.text), &p) // an answer that is no problem has no detail
	return strings.Contains(p.Detail, strings.Split(path, "/")[strings.Count(before, "/")])
}

// bodyFor returns a body that a route takes. Decisions have none: the first
// one that is allowed would change what the next role finds.
func bodyFor(route Route, role storage.Role) any {
	switch route.OperationID {
	case "update-sim":
		if role == storage.RoleAccount {
			return map[string]any{"transfer_lock": true}
		}
		return map[string]any{"status": "active"}
	case "put-sim-identifier":
		return map[string]any{"kind": "msisdn"}
	case "put-membership":
		return map[string]any{"permission": "viewer"}
	case "update-person":
		return map[string]any{"name": "Pat"}
	case "put-plan":
		return map[string]any{"coverage_bound": true}
	case "put-plan-mapping":
		return map[string]any{"default": "global-01"}
	case "update-account":
		if role == storage.RoleAccount {
			return map[string]any{"contacts": map[string]any{}}
		}
		return map[string]any{"coverage": "local"}
	case "approve-request":
		return map[string]any{"ticket": "T-1"}
	case "choose-account-mail":
		return map[string]any{"email": "desk@example.com", "kind": "reminder", "off": true}
	case "update-webhook-endpoint":
		return map[string]any{"description": "x"}
	case "create-webhook-endpoint":
		return map[string]any{"url": "https://example.com/c"}
	case "extend-request":
		return map[string]any{"seconds": 60}
	case "deny-request":
		return map[string]any{"reason": "no"}
	case "add-comment":
		return map[string]any{"text": "x"}
	case "import-sims", "sync-sims", "create-batch", "import-accounts":
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
	case route.OperationID == "ready": // the API of the test is stopping
		if a.status != 503 {
			return "not public"
		}
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
	case who.role == storage.RoleAccount && !who.permission.Includes(route.audience.permission()):
		if a.status != 403 || p.Code != problem.Forbidden {
			return "not kept out by its permission"
		}
	case who.closed && route.audience.permission() != storage.PermissionViewer:
		if a.status != 422 || p.Code != problem.AccountClosed {
			return "the account is closed"
		}
	case who.name == "the destination" && strings.Contains(route.Path, "/transfer-requests/{id}"):
		return admissionOfDestination(route, a, p)
	case !who.own && strings.Contains(route.Path, "{") && route.OperationID != "get-plan": // every account reads plans
		if a.status != 404 || p.Code != problem.NotFound {
			return "sees what belongs to another account"
		}
	case a.status == 401, p.Code == problem.Forbidden, a.status >= 500:
		return "not let in"
	}
	return ""
}

// admissionOfDestination is admission for the destination of the request, which
// sees it, but makes other decisions than its source.
func admissionOfDestination(route Route, a testResponse, p problem.Problem) string {
	switch route.OperationID {
	case "cancel-request", "retry-request", "extend-request":
		if a.status != 403 || p.Code != problem.WrongParty {
			return "makes a decision of the source"
		}
		return ""
	}
	if a.status == 401 || a.status == 403 || a.status == 404 || a.status >= 500 {
		return "not let in"
	}
	return ""
}

// Every operation that an account can make needs one permission; what is listed
// here is decided nowhere else than in the table of routes.
func TestPermissionPerRoute(t *testing.T) {
	t.Parallel()
	want := map[storage.Permission][]string{
		storage.PermissionOperator: {"add-comment", "cancel-batch", "cancel-pull-request", "cancel-request", "change-sims", "create-batch", "create-batch-from-selection", "create-pull-request", "create-request", "create-transfer-code", "drop-sim-sessions", "extend-request", "redeem-transfer-code", "retry-request", "revoke-transfer-code", "take-back-request", "update-sim"},
		storage.PermissionApprover: {"accept-request", "approve-pull-request", "decline-request", "refuse-pull-request"},
		storage.PermissionOwner: {
			"choose-account-mail", "create-invitation", "create-key", "create-webhook-endpoint", "delete-membership", "delete-plan-mapping", "delete-webhook-endpoint",
			"enable-webhook-endpoint", "get-account-mail", "get-invitation", "get-key", "get-person", "get-webhook-delivery", "get-webhook-endpoint", "list-audit",
			"list-invitations", "list-keys", "list-mails", "list-people", "list-webhook-deliveries", "list-webhook-endpoints", "put-membership", "put-plan-mapping",
			"replay-webhook-deliveries", "replay-webhook-delivery", "revoke-invitation", "revoke-key", "rotate-key", "rotate-webhook-secret",
			"test-webhook-endpoint", "update-account", "update-webhook-endpoint",
		},
	}
	got := map[storage.Permission][]string{}
	for _, r := range Routes() {
		p := r.audience.permission()
		switch {
		case p == storage.PermissionViewer && r.Method != "GET" && r.OperationID != "preview-request" && r.OperationID != "look-up-sims" && !strings.Contains(r.OperationID, "sign-in"):
			t.Errorf("%s changes something and needs only the permission to read", r.OperationID)
		case p != storage.PermissionViewer && p != "":
			got[p] = append(got[p], r.OperationID)
		}
	}
	for _, list := range got {
		slices.Sort(list)
	}
	equal(t, got, want)
}

// The transfer lock can be put on by more people than can take it off.
func TestTakingOffALockNeedsAnApprover(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	lock := func(key string, on bool) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: key, body: map[string]any{"transfer_lock": on}})
	}
	for _, p := range storage.Permissions() {
		key := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Permission: p, Name: string(p)})
		switch p {
		case storage.PermissionViewer:
			lock(key, true).problem(403, problem.Forbidden)
			lock(key, false).problem(403, problem.Forbidden)
		case storage.PermissionOperator:
			lock(key, true).is(200)
			lock(key, false).problem(403, problem.Forbidden)
		case storage.PermissionApprover, storage.PermissionOwner:
			lock(key, false).is(200)
			lock(key, true).is(200)
		}
	}
}

func TestKeysOfANetwork(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	make := func(name string, networks ...string) Key {
		return read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": sourceID, "name": name, "networks": networks}).is(201))
	}
	here, elsewhere := make("here", " 127.0.0.0/8", "2001:db8::1\u200b\n"), make("elsewhere", "192.0.2.7")
	equal(t, here.Networks, []string{"127.0.0.0/8", "2001:db8::1/128"})
	equal(t, elsewhere.Networks, []string{"192.0.2.7/32"})
	s.get(here.Token, "/v1/sims").is(200)
	if p := s.get(elsewhere.Token, "/v1/sims").problem(403, problem.Forbidden); !strings.Contains(p.Detail, "network") {
		t.Errorf("%+v", p)
	}
	for _, network := range []string{"", "x", "192.0.2.0/33", "fe80::1%eth0", "::ffff:192.0.2.0/120"} {
		s.post(s.admin, "/v1/keys", m{"role": "support", "name": "y", "networks": []string{network}}).problem(422, problem.Invalid)
	}
}

func TestKeysWithPermissionAndExpiry(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	body := m{"role": "account", "account": sourceID, "name": "dashboard", "permission": "viewer", "expires_at": soon}
	made := read[Key](s.post(s.admin, "/v1/keys", body).is(201))
	if *made.Permission != storage.PermissionViewer || !made.ExpiresAt.Equal(soon) || *made.CreatedBy != s.keyID(s.admin) {
		t.Errorf("%+v", made)
	}
	if is := read[CurrentKey](s.get(made.Token, "/v1/key").is(200)); is.Rotated || !is.ExpiresAt.Equal(soon) || *is.Permission != storage.PermissionViewer {
		t.Errorf("%+v", is)
	}
	s.post(s.admin, "/v1/keys", body).problem(409, problem.Exists)
	for _, wrong := range []m{
		{"role": "support", "name": "x", "permission": "viewer"},
		{"role": "account", "account": sourceID, "name": "x", "permission": "king"},
		{"role": "support", "name": "x", "expires_at": "2020-01-01T00:00:00Z"},
		{"role": "support", "name": "x", "expires_at": "0001-01-01T00:00:00Z"},
		{"role": "support", "name": "x", "expires_at": "9999-12-31T23:59:59-05:00"},
	} {
		s.post(s.admin, "/v1/keys", wrong).problem(422, problem.Invalid)
	}
	path := fmt.Sprintf("/v1/keys/%d", made.ID)
	s.exec(`UPDATE api_keys SET expires_at = clock_timestamp() WHERE id = $1`, made.ID)
	s.get(made.Token, "/v1/key").problem(401, problem.Unauthenticated)
	s.post(s.admin, path+"/rotate", nil).problem(422, problem.Invalid)
	s.post(s.admin, path+"/rotate", m{"expires_at": "2020-01-01T00:00:00Z"}).problem(422, problem.Invalid)
	s.post(s.admin, path+"/rotate", m{"expires_at": "9999-12-31T23:59:59-05:00"}).problem(422, problem.Invalid)
	rotated := read[Key](s.post(s.admin, path+"/rotate", m{"expires_at": soon}).is(200))
	s.get(rotated.Token, "/v1/key").is(200)

	admin := fmt.Sprintf("/v1/keys/%d", s.keyID(s.admin))
	s.do(apiCall{method: "DELETE", path: admin, key: s.admin}).problem(409, problem.LastAdministrator)
	s.post(s.admin, admin+"/rotate", m{"expires_at": soon}).problem(409, problem.LastAdministrator)
	s.do(apiCall{method: "DELETE", path: path, key: s.admin}).is(204)
}

func TestListsShowOnlyOwnResources(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(2)), header: csvHeader()}).is(202)
	if got := read[List[any]](s.get(s.destination, "/v1/transfer-requests").is(200)); len(got.Items) != 0 {
		t.Errorf("the destination sees %d requests that are not validated", len(got.Items))
	}
	s.work()
	for path, want := range map[string]struct{ source, destination, bystander, support int }{
		"/v1/transfer-requests":                                     {2, 2, 0, 2},
		"/v1/transfer-requests?direction=outgoing":                  {2, 0, 0, 2},
		"/v1/transfer-requests?direction=incoming":                  {0, 2, 0, 2},
		"/v1/transfer-requests?state=completed":                     {0, 0, 0, 0},
		"/v1/transfer-requests?limit=1":                             {1, 1, 0, 1},
		"/v1/transfer-requests?direction=both&limit=2":              {2, 2, 0, 2},
		"/v1/transfer-requests?state=awaiting_acceptance&limit=200": {2, 2, 0, 2},
		"/v1/transfer-requests?direction=outgoing&limit=20":         {2, 0, 0, 2},
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
