package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/transfer"
)

// externalIDs gives accounts external ids, among them ones that need the prefix
// and escaping.
func (s *testService) externalIDs() {
	s.t.Helper()
	for account, id := range map[string]string{sourceID: "C-1", destinationID: "OP0000000077", bystanderID: "a/b ext:ü?"} {
		s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + account, key: s.admin, body: map[string]any{"external_id": id}}).is(200)
	}
}

// Every parameter of a path or query that names an account takes its external id.
func TestParametersTakeExternalIDs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.externalIDs()
	for ref, want := range map[string]string{"C-1": sourceID, "ext:C-1": sourceID, "ext:OP0000000077": destinationID, "a/b ext:ü?": bystanderID, sourceID: sourceID, strings.ToLower(sourceID): sourceID} {
		if a := read[Account](s.get(s.support, "/v1/accounts/"+url.PathEscape(ref)).is(200)); string(a.OperatorID) != want {
			t.Errorf("%s is the account %s, not %s", ref, a.OperatorID, want)
		}
	}
	for _, ref := range []string{"OP0000000077", "OP77", "c-1", "C-2", "ext:"} {
		if p := s.get(s.support, "/v1/accounts/"+ref).problem(404, problem.NotFound); !strings.HasSuffix(p.Detail, strconv.Quote(ref)) {
			t.Errorf("account %s: %s", ref, p.Detail)
		}
	}
	document, err := OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(document), "external id"); n < 20 {
		t.Errorf("the document names external ids %d times", n)
	}
	tried := 0
	api := newServer(Config{}).register(http.NewServeMux())
	for _, r := range Routes() {
		for _, p := range operationOf(api.Paths[r.Path], r.Method).Parameters {
			if p.In != "query" || p.Name != "account" || r.Method != "GET" || p.Schema.Type != huma.TypeString {
				continue
			}
			tried++
			path := r.Path + "?account="
			if r.bounds.stream != nil && strings.HasSuffix(r.Path, "/stream") {
				continue // the same input as the page
			}
			s.get(s.admin, path+"C-1").is(200)
			s.get(s.admin, path+"ext:OP0000000077").is(200)
			for _, wrong := range []string{"OP0000000077", "nobody", "OP7"} {
				p := s.get(s.admin, path+wrong).problem(422, problem.Invalid)
				if len(p.Errors) != 1 || p.Errors[0].Location != "query.account" || p.Errors[0].Value != wrong {
					t.Errorf("%s%s: %+v", path, wrong, p)
				}
			}
		}
	}
	if tried < 7 {
		t.Errorf("%d routes with the parameter account", tried)
	}
	s.get(s.source, "/v1/sims?account=C-1").is(200)
	s.get(s.source, "/v1/sims?account=ext:OP0000000077").problem(403, problem.Forbidden)
	s.get(s.source, "/v1/sims?account=unknown-account").problem(403, problem.Forbidden)
}

// Every field of a body, and every column of a file, that names an account takes
// its external id.
func TestBodiesAndFilesTakeExternalIDs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.externalIDs()
	s.sims(3, transfer.Ready)
	type m = map[string]any
	ask := func(key, to, behalf string, sims ...string) testResponse {
		body := m{"destination": m{"email": emailOf(destinationID), "operator_id": to}, "sims": sims}
		if behalf != "" {
			body["on_behalf_of"] = behalf
		}
		return s.post(key, "/v1/transfer-requests", body)
	}
	made := read[Request](ask(s.support, "ext:OP0000000077", "C-1", iccid(1)).is(202))
	made = read[Request](s.get(s.support, "/v1/transfer-requests/"+made.ID.String()).is(200))
	if made.Source != sourceID || made.Destination != destinationID || *made.SourceExternalID != "C-1" || *made.DestinationExternalID != "OP0000000077" {
		t.Errorf("%+v", made)
	}
	if r := read[Request](ask(s.source, "ext:OP0000000077", "", iccid(2)).is(202)); r.SourceExternalID != nil || r.DestinationExternalID != nil {
		t.Errorf("an account sees external ids: %+v", r)
	}
	ask(s.source, "ext:C-2", "", iccid(3)).problem(422, problem.UnknownDestination)
	ask(s.source, "C-1", "", iccid(3)).problem(422, problem.UnknownDestination)
	ask(s.support, destinationID, "ext:unknown-account", iccid(3)).problem(422, problem.Invalid)
	batch := s.do(apiCall{
		method: "POST", path: "/v1/batches?on_behalf_of=C-1", key: s.support, header: csvHeader(),
		body: "sim,destination_email,destination_operator_id\n" + iccid(3) + "," + emailOf(destinationID) + ",ext:OP0000000077\n",
	}).is(202)
	if b := read[Batch](batch); b.Source != sourceID || b.Items[0].Destination != destinationID {
		t.Errorf("%+v", b)
	}
	k := read[Key](s.post(s.admin, "/v1/keys", m{"role": "account", "account": "C-1", "name": "by external id"}).is(201))
	if *k.Account != sourceID {
		t.Errorf("%+v", k)
	}
	read[Key](s.post(s.source, "/v1/keys", m{"role": "account", "account": "ext:C-1", "name": "own"}).is(201))
	s.post(s.source, "/v1/keys", m{"role": "account", "account": "ext:OP0000000077", "name": "another's"}).problem(403, problem.Forbidden)
	s.post(s.admin, "/v1/keys", m{"role": "account", "account": "nobody", "name": "x"}).problem(422, problem.Invalid)
	s.importSIMs("text/csv", "iccid,imsis,account,plan\n"+iccid(50)+","+imsi(50)+",C-1,global-01\n").is(201)
	if sim := read[SIM](s.get(s.source, "/v1/sims/"+iccid(50)).is(200)); sim.Account != sourceID {
		t.Errorf("%+v", sim)
	}
	p := s.importSIMs("text/csv", "iccid,imsis,account,plan\n"+iccid(51)+","+imsi(51)+",C-2,global-01\n").problem(422, problem.InvalidLines)
	if len(p.Errors) != 1 || p.Errors[0].Column != "account" || p.Errors[0].Code != "unknown_account" {
		t.Errorf("%+v", p)
	}
	f := read[Fee](s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "account": "C-1", "fee": m{"amount": "1.25"}}).is(201))
	if *f.Account != sourceID || *f.AccountExternalID != "C-1" || f.Currency != "EUR" || f.Fee.Minor != 125 {
		t.Errorf("%+v", f)
	}
}

// A taken external id and an unknown plan are refused, and nothing changes.
func TestAccountConflicts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.externalIDs()
	type m = map[string]any
	change := func(body m) testResponse {
		return s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + destinationID, key: s.admin, body: body})
	}
	if p := change(m{"external_id": "C-1", "name": "x"}).problem(409, problem.Exists); !strings.Contains(p.Detail, sourceID) {
		t.Errorf("%+v", p)
	}
	change(m{"plans": []string{"nowhere"}, "name": "x"}).problem(422, problem.Invalid)
	change(m{"contacts": m{"billing": []string{"x"}}, "name": "x"}).problem(422, problem.Invalid)
	if a := s.account(destinationID); a.Name != nil || a.Plans != nil || a.Contacts != nil {
		t.Errorf("%+v", a)
	}
	change(m{"external_id": "OP0000000077", "contacts": m{"security": []string{"A@example.com", "a@example.com"}}}).is(200) // its own
	change(m{"contacts": m{"billing": []string{"b@example.com"}}}).is(200)
	if a := s.account(destinationID); len(a.Contacts.Security) != 1 || len(a.Contacts.Billing) != 1 {
		t.Errorf("%+v", a.Contacts)
	}
	change(m{"external_id": nil, "contacts": m{"billing": []string{}, "security": []string{}}}).is(200)
	if a := s.account(destinationID); a.ExternalID != nil || a.Contacts != nil {
		t.Errorf("%+v", a)
	}
	new := m{"operator_id": "OP0000000060", "email": "x@example.com", "currency": "KWD", "coverage": "global", "external_id": "C-1"}
	s.post(s.admin, "/v1/accounts", new).problem(409, problem.Exists)
	s.get(s.admin, "/v1/accounts/OP0000000060").problem(404, problem.NotFound)
}

// A destination with a list of plans gets no SIM on another plan: in a preview, in
// validation, at execution and in an import.
func TestPlanNotAvailable(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	type m = map[string]any
	s.do(apiCall{method: "PUT", path: "/v1/plans/other", key: s.admin, body: m{"coverage_bound": false}}).is(200)
	plans := func(account string, list ...string) {
		s.do(apiCall{method: "PATCH", path: "/v1/accounts/" + account, key: s.admin, body: m{"plans": append([]string{}, list...)}}).is(200)
	}
	ask := func(sim string) string {
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sim)).is(202)).ID
		s.work()
		return fmt.Sprintf("/v1/transfer-requests/%s", id)
	}
	first := ask(iccid(1))
	plans(destinationID, "other")
	if p := read[Preview](s.post(s.source, "/v1/transfer-requests/preview", requestBody(iccid(2))).is(200)); *p.Items[0].Reason != transfer.PlanNotAvailable {
		t.Errorf("%+v", p)
	}
	second := ask(iccid(2))
	s.post(s.destination, first+"/accept", nil).is(202)
	s.work()
	for path, state := range map[string]transfer.State{first: transfer.Failed, second: transfer.Ineligible} {
		r := read[Request](s.get(s.source, path).is(200))
		if len(r.Reasons) != 1 || r.Reasons[0].Reason != transfer.PlanNotAvailable || r.Reasons[0].State != state {
			t.Errorf("%+v", r)
		}
	}
	p := s.importSIMs("text/csv", "iccid,imsis,account,plan\n"+iccid(51)+","+imsi(51)+","+destinationID+",global-01\n").problem(422, problem.InvalidLines)
	if len(p.Errors) != 1 || p.Errors[0].Column != "plan" || p.Errors[0].Code != "plan_not_available" {
		t.Errorf("%+v", p)
	}
	plans(destinationID, "other", "global-01")
	third := ask(iccid(2))
	s.post(s.destination, third+"/accept", nil).is(202)
	s.work()
	if r := read[Request](s.get(s.source, third).is(200)); r.Counts.Completed != 1 {
		t.Errorf("%+v", r)
	}
}

// The price of an account overrides the schedule until it ends, in previews and
// quotes, and the quote names the entry.
func TestPricesOfAccounts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Active)
	type m = map[string]any
	quote := func(sim string) QuotedFee {
		t.Helper()
		preview := read[Preview](s.post(s.source, "/v1/transfer-requests/preview", requestBody(sim)).is(200))
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sim)).is(202)).ID
		s.work()
		r := read[Request](s.get(s.source, "/v1/transfer-requests/"+id.String()).is(200))
		if len(r.Fees.Entries) != 1 || r.Fees.Entries[0] != *preview.FeeEntry || r.Fees.Quoted != preview.FeeEntry.Fee || *preview.Items[0].Fee != preview.FeeEntry.Fee {
			t.Errorf("quoted %+v, previewed %+v", r.Fees, preview)
		}
		return *preview.FeeEntry
	}
	if q := quote(iccid(1)); q.AccountPrice || q.Fee.Minor != 250 {
		t.Errorf("scheduled: %+v", q)
	}
	s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "account": bystanderID, "fee": m{"minor": 1}}).is(201)
	price := read[Fee](s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "account": sourceID, "fee": m{"minor": 0}}).is(201))
	if q := quote(iccid(2)); !q.AccountPrice || q.Fee.Minor != 0 || q.ID != price.ID {
		t.Errorf("its own: %+v", q)
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "account": sourceID, "fee": m{"minor": 7}, "valid_from": tomorrow}).is(201)
	if q := quote(iccid(3)); q.ID != price.ID {
		t.Errorf("before tomorrow: %+v", q)
	}
	for what, body := range map[string]m{
		"another currency":    {"account": sourceID, "fee": m{"minor": 1, "currency": "USD"}},
		"no account":          {"follows_schedule": true},
		"a fee and none":      {"account": sourceID, "follows_schedule": true, "fee": m{"minor": 1}},
		"neither":             {"account": sourceID},
		"too many decimals":   {"fee": m{"amount": "1.0001", "currency": "KWD"}},
		"decimals of no unit": {"fee": m{"amount": "1.5", "currency": "JPY"}},
		"an unknown account":  {"account": "nobody", "fee": m{"minor": 1}},
	} {
		body["method"] = "support_assisted"
		if p := s.post(s.admin, "/v1/fees", body).problem(422, problem.Invalid); len(p.Errors) != 1 {
			t.Errorf("%s: %+v", what, p)
		}
	}
	if f := read[Fee](s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "fee": m{"amount": "1.250", "currency": "KWD"}}).is(201)); f.Fee.Minor != 1250 {
		t.Errorf("%+v", f)
	}
	s.post(s.admin, "/v1/fees", m{"method": "support_assisted", "account": sourceID, "follows_schedule": true}).is(201)
	if q := quote(iccid(4)); q.AccountPrice || q.Fee.Minor != 250 {
		t.Errorf("as scheduled again: %+v", q)
	}
	current := 0
	for _, f := range read[struct{ Items []Fee }](s.get(s.admin, "/v1/fees?account="+sourceID).is(200)).Items {
		if f.Currency != "EUR" || f.Account != nil && *f.Account != sourceID {
			t.Errorf("listed %+v", f)
		}
		if f.Current && f.Method == transfer.SupportAssisted {
			current++
		}
	}
	if current != 2 { // that it follows the schedule, and what the schedule says
		t.Errorf("%d current entries", current)
	}
	withdraw := func(query string) testResponse {
		return s.do(apiCall{method: "DELETE", path: "/v1/fees/support_assisted/EUR/" + tomorrow.Format(time.RFC3339) + query, key: s.admin})
	}
	withdraw("").problem(404, problem.NotFound) // of the schedule
	withdraw("?account="+bystanderID).problem(404, problem.NotFound)
	withdraw("?account=" + sourceID).is(204)
	withdraw("?account="+sourceID).problem(404, problem.NotFound)
	p := s.do(apiCall{method: "DELETE", path: "/v1/fees/support_assisted/EUR/" + price.ValidFrom.Format(time.RFC3339Nano) + "?account=" + sourceID, key: s.admin}).problem(409, problem.FeeValid)
	if p.Detail == "" {
		t.Errorf("%+v", p)
	}
	entries := read[List[AuditEntry]](s.get(s.support, "/v1/audit?account="+sourceID+"&action=fee.create,fee.delete").is(200)).Items
	if len(entries) != 4 {
		t.Errorf("%d entries in the audit trail: %+v", len(entries), entries)
	}
}
