package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Every text parameter of every route follows the rule for the texts of bodies.
func TestTextParametersFollowTheRuleOfBodies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	document := newServer(Config{}).register(http.NewServeMux())
	path := strings.NewReplacer("{id}", uuid.NewString(), "{operator_id}", sourceID, "{sim}", iccid(1), "{identifier}", iccid(1), "{name}", "global-01", "{code}", "invalid",
		"{method}", "support_assisted", "{currency}", "EUR", "{valid_from}", "2030-01-31T00:00:00Z")
	tried := map[string]bool{}
	for _, r := range Routes() {
		operation := operationOf(document.Paths[r.Path], r.Method)
		var body any
		if operation.RequestBody != nil && len(operation.RequestBody.Content) == 1 { // not an upload, which has several formats
			body = map[string]any{}
		}
		for _, p := range operation.Parameters {
			text := p.Schema.Type == huma.TypeString || p.Schema.Type == huma.TypeArray && p.Schema.Items.Type == huma.TypeString
			if p.In != "query" || !text {
				continue
			}
			tried[p.Name] = true
			refused := func(value string) {
				t.Helper()
				code := problem.Invalid
				if p.Name == "iccid_range" && !strings.Contains(value, "%") {
					code = problem.InvalidRange
				}
				query := "?" + p.Name + "=" + value
				if r.OperationID == "create-batch" && p.Name != "on_behalf_of" { // without it, no other parameter is looked at
					query += "&on_behalf_of=" + sourceID
				}
				a := s.do(apiCall{method: r.Method, path: path.Replace(r.Path) + query, key: s.admin, body: body}).problem(422, code)
				if !slices.ContainsFunc(a.Errors, func(f problem.FieldError) bool { return strings.HasPrefix(f.Location, "query."+p.Name) }) {
					t.Errorf("%s?%s=%s: %+v", r.OperationID, p.Name, value, a)
				}
			}
			refused("a%00b")
			refused("a%FFb")
			refused(strings.Repeat("a", 1500))
			if !isIdentifierParameter(p.Name) && p.Name != "message" { // which can have several lines
				refused("a%E2%80%8Bb") // an invisible character
				refused("a%0Ab")
			}
		}
	}
	for _, name := range []string{"account", "action", "batch", "cursor", "email", "group", "identifier_prefix", "identifier_suffix", "plan", "sim", "state", "tag", "ticket", "on_behalf_of"} {
		if !tried[name] {
			t.Errorf("the parameter %s was not tried", name)
		}
	}
}

// A filter finds what was stored, with whatever white space and invisible
// characters both were copied.
func TestFiltersAreTrimmed(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Active)
	type m = map[string]any
	s.do(apiCall{method: "PATCH", path: "/v1/sims/" + iccid(1), key: s.source, body: m{"group": " field\u200b", "tags": m{" site ": " south "}}}).is(200)
	request := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(2))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, request+"/approve", m{"ticket": " T-1 "}).is(202)
	around := func(value string) string { return url.QueryEscape(" \ufeff" + value + "\u200b\t") }
	for _, c := range []struct {
		key, path, name, value string
		want                   int
	}{
		{s.source, "/v1/sims", "group", "field", 1},
		{s.source, "/v1/sims", "plan", "global-01", 2},
		{s.source, "/v1/sims", "tag", "site=south", 1},
		{s.source, "/v1/sims", "tag", "site = south", 1},
		{s.source, "/v1/sims", "tag", "site =south", 1},
		{s.source, "/v1/sims", "identifier_prefix", iccid(1), 1},
		{s.source, "/v1/sims", "identifier_prefix", "8988 211\u200b0", 2},
		{s.source, "/v1/sims", "identifier_suffix", iccid(1)[10:14] + " \u200b" + iccid(1)[14:], 1},
		{s.source, "/v1/sims", "account", sourceID, 2},
		{s.source, "/v1/sims", "status", "active", 2},
		{s.source, "/v1/sims", "status", "ready , active", 2},
		{s.source, "/v1/sims", "group", "", 2},
		{s.source, "/v1/sims", "limit", "1", 1},
		{s.support, "/v1/transfer-requests", "ticket", "T-1", 1},
		{s.support, "/v1/transfer-requests", "sim", iccid(2), 1},
		{s.support, "/v1/transfer-requests", "direction", "outgoing", 1},
		{s.support, "/v1/accounts", "email", emailOf(sourceID), 1},
		{s.support, "/v1/accounts", "standing", "closed", 1},
		{s.support, "/v1/accounts", "cursor", bystanderID, 1},
		{s.admin, "/v1/keys", "role", string(storage.RoleSupport), 1},
		{s.admin, "/v1/keys", "revoked", "true", 0},
		{s.admin, "/v1/audit", "action", "sim.update", 1},
	} {
		if got := read[List[any]](s.get(c.key, c.path+"?"+c.name+"="+around(c.value)).is(200)); len(got.Items) != c.want {
			t.Errorf("%s?%s=%q: %d items, not %d", c.path, c.name, c.value, len(got.Items), c.want)
		}
	}
}
