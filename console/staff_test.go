package console_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// script is what a careless page would run.
const script = `<script>alert("x")</script>`

// as returns a client of the API with a key.
func (s *testService) as(key string) *client.Client {
	return &client.Client{URL: s.url, Key: key, HTTP: s.admin.HTTP}
}

// inReview creates requests of one active SIM each, which wait for support.
func (s *testService) inReview(source *client.Client, n int, reference string) []uuid.UUID {
	s.t.Helper()
	s.makeSIMs(n, transfer.Active)
	if _, err := s.admin.CreateFee(s.t.Context(), client.NewFee{Method: transfer.SupportAssisted, Fee: &client.MoneyInput{Amount: "2.50", Currency: "EUR"}}); err != nil {
		s.t.Fatal(err)
	}
	var ids []uuid.UUID
	for i := 1; i <= n; i++ {
		r, err := source.CreateRequest(s.t.Context(), client.NewRequest{
			Destination: client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID},
			SIMs:        []string{iccid(i)}, Reference: reference, Message: script,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	s.doWork()
	return ids
}

// Support chooses requests, sees what a decision would do, and decides; what has changed
// in the meantime is left as it is, and the page says so.
func TestQueueOfSupport(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	ids := s.inReview(source, 5, "PO-1")
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))

	if p := support.get("/"); p.path != "/queue" {
		t.Errorf("the day of support begins at %s", p.path)
	}
	p := support.get("/queue").has(200, "Company 1", "2.50 EUR", "PO-1", "Approve the ticked requests")
	if n := strings.Count(p.text, `name="request"`); n != 5 {
		t.Errorf("%d requests", n)
	}
	support.get("/queue?account="+destinationID).has(200, "No request in review matches")
	support.get("/queue?older=1").has(200, "No request in review matches")
	support.get("/queue/decide?decision=approve").has(200, "No request is chosen", "alert warn")
	support.get("/queue/decide?decision=sell").has(400, "whether to approve or to deny")
	if p := support.get("/queue/decide?decision=approve&request=" + ids[0].String()); p.path != "/requests/"+ids[0].String() {
		t.Errorf("one request is decided at %s", p.path)
	}

	// Two of them: without a ticket, then with one, then confirmed twice.
	chosen := "/queue/decide?decision=approve&request=" + ids[0].String() + "&request=" + ids[1].String()
	fields := support.get(chosen).has(200, "Approve 2 requests").form("/queue/decide")
	fields["request"] = []string{ids[0].String(), ids[1].String()}
	fields.Set("fee_reason", script)
	support.post("/queue/decide", fields).has(422, "ticket", "&lt;script&gt;")
	fields.Del("fee_reason")
	fields.Set("ticket", "T-1")
	check := support.post("/queue/decide", fields).has(200, "2 requests would be approved", "T-1")
	if r, err := source.GetRequest(t.Context(), ids[0]); err != nil || r.State != transfer.InReview {
		t.Fatalf("the check left %s, %v", r.State, err)
	}
	confirm := check.form("/queue/decide")
	confirm["request"] = fields["request"]
	confirm.Set("ticket", "T-1")
	for range 2 {
		if p := support.post("/queue/decide", confirm).has(200, "Approved 2 requests"); p.path != "/queue" {
			t.Errorf("after the decision: %s", p.path)
		}
	}

	// All of the filter, after one was canceled in another tab.
	deny := support.get("/queue").text
	if !strings.Contains(deny, "/queue/decide?all=1&amp;decision=deny") {
		t.Fatalf("no link to deny all:\n%s", deny)
	}
	fields = support.get("/queue/decide?all=1&decision=deny&reference=PO-1").has(200, "Deny all requests", "With the reference PO-1").form("/queue/decide")
	fields.Set("reason", "not paid")
	fields.Set("code", "price")
	check = support.post("/queue/decide", fields).has(200, "3 requests would be denied", "Deny 3 requests", "not paid")
	if _, err := source.CancelRequest(t.Context(), ids[4], client.Cancellation{}); err != nil {
		t.Fatal(err)
	}
	confirm = check.form("/queue/decide")
	support.post("/queue/decide", confirm).has(409, "2 requests are chosen, not 3")
	confirm.Set("expected", "2")
	confirm.Set("_key", uuid.NewString())
	support.post("/queue/decide", confirm).has(200, "Denied 2 requests", "Nothing to review")

	// A list with a request that is over by now.
	fields.Del("all")
	fields.Set("confirmed", "yes")
	fields.Set("decision", "approve")
	fields.Set("ticket", "T-2")
	fields["request"] = []string{ids[0].String(), ids[4].String()}
	fields.Set("_key", uuid.NewString())
	support.post("/queue/decide", fields).has(200, "Approved 0 of 2 requests", "Stays as it is", "canceled")

	owner := s.signIn(source.Key)
	owner.get("/queue").has(403, "not for your role")
	owner.post("/queue/decide", fields).has(403, "not for your role")
}

// One box finds everything that someone may read out on the phone.
func TestLookUp(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	ids := s.inReview(source, 2, "PO-7")
	if _, err := s.admin.ApproveRequest(t.Context(), ids[0], client.Approval{Ticket: "CASE-9"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.UpdateSIM(t.Context(), iccid(2), client.SIMChange{EID: new("89049032000001000000000000000001"), ExternalID: new("meter-2")}); err != nil {
		t.Fatal(err)
	}
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))
	sim := "/support/sims/" + iccid(2)
	for text, path := range map[string]string{
		iccid(2): sim, "0010 1000 0000 002": sim, "89049032000001000000000000000001": sim, "meter-2": sim,
		ids[1].String(): "/requests/" + ids[1].String(), "CASE-9": "/requests/" + ids[0].String(),
		"op0000000002": "/accounts/OP0000000002", strings.ToLower(sourceID) + "@example.com": "/accounts/OP0000000001", "Company 2": "/accounts/OP0000000002",
	} {
		if p := support.get("/look-up?q=" + url.QueryEscape(text)); p.status != 200 || p.path != path {
			t.Errorf("%s leads to %s: %d", text, p.path, p.status)
		}
	}
	support.get("/look-up?q=PO-7").has(200, "2 results", "Company 1 ", ids[0].String(), ids[1].String())
	support.get("/look-up?q="+url.QueryEscape(script)).has(404, "Nothing found", "&lt;script&gt;")
	if p := support.get("/look-up?q="+iccid(1)[:4]+"+"+iccid(1)[4:12]).has(200, "results for", "/support/sims/"+iccid(1), "/support/sims/"+iccid(2)); strings.Contains(p.text, "All SIMs whose") {
		t.Error("the page says that there may be more SIMs")
	}
	// The last digits of a SIM that no identifier begins with lead to it; of many, the page says how many there are.
	for _, digits := range []string{iccid(2)[7:], imsi(2)[4:], "00 0000 000002"} {
		if p := support.get("/look-up?q=" + url.QueryEscape(digits)); p.path != sim {
			t.Errorf("the last digits %s lead to %s", digits, p.path)
		}
	}
	s.importSIMs(101, 130)
	s.importSIMs(10, 10)
	support.get("/look-up?q=000000010").has(200, "results", "IMSI "+imsi(10), "ICCID without its check digit, of "+sourceID, "/support/sims/"+iccid(102))
	p := support.get("/look-up?q=00101000").has(200, "The first 20 results", "20 of 33 SIMs are shown of which an identifier begins with 00101000", `href="/sims?prefix=00101000"`)
	if p.has(200, "IMSI "+imsi(101)); strings.Contains(p.text, "ends with") {
		t.Error("the page says that identifiers end with the digits")
	}
	s.findsEmails(support)
	support.get("/look-up?q=0011").has(404, "Nothing found", "by its first or last 6 digits or more")
	support.get("/look-up?q=stranger%40example.com").has(404, "Nothing found", `href="/mails?email=stranger%40example.com"`)
	support.get("/look-up?q="+uuid.NewString()).has(404, "Nothing found", "the id of a request, a batch, a pull request")
	if p := support.get("/look-up?q=st_support_secret").has(200, "looks like an API key"); strings.Contains(p.text, "st_support_secret") {
		t.Error("the page repeats the key")
	}

	// The whole life of a SIM.
	if _, err := s.admin.UpdateSIM(t.Context(), iccid(1), client.SIMChange{Status: new(transfer.Suspended)}); err != nil {
		t.Fatal(err)
	}
	destination := s.as(s.accountKey(destinationID, storage.PermissionApprover))
	if _, err := s.admin.CorrectSIMStatus(t.Context(), iccid(1), client.StatusCorrection{Status: transfer.Active, Reason: script}); err != nil {
		t.Fatal(err)
	}
	if _, err := destination.AcceptRequest(t.Context(), ids[0], client.Acceptance{}); err != nil {
		t.Fatal(err)
	}
	s.doWork()
	support.get("/support/sims/"+iccid(1)).has(200, "Transferred to Company 2 (OP0000000002)", "Entered the inventory, for Company 1 (OP0000000001)", "active → suspended",
		"suspended → active, a correction", "&lt;script&gt;alert", "by admin", "2.50 EUR", "/requests/"+ids[0].String())
	life := support.get("/support/sims/" + iccid(2))
	status := life.form("/support/sims/" + iccid(2) + "/status")
	status.Set("status", "ready")
	support.post("/support/sims/"+iccid(2)+"/status", status).has(409, "Status change not allowed")
	status.Set("status", "suspended")
	set := support.post("/support/sims/"+iccid(2)+"/status", status).has(200, "The status is set", "active → suspended", "by desk")
	if strings.Count(set.text, "active → suspended") != 1 {
		t.Error("the page says twice that the status was set")
	}
	swap := life.form("/support/sims/" + iccid(2) + "/swap")
	swap.Set("iccid", iccid(50))
	swap.Set("imsis", "001010000000050")
	swap.Set("reason", "lost "+script)
	support.post("/support/sims/"+iccid(2)+"/swap", swap).has(409, "SIM in an open transfer", "lost &lt;script&gt;")
	if strings.Contains(life.text, "Correct the owner") {
		t.Error("support is offered a correction of the owner")
	}
	admin := s.signIn(s.admin.Key)
	owner := admin.get("/support/sims/" + iccid(1)).form("/support/sims/" + iccid(1) + "/owner")
	owner.Set("account", sourceID)
	owner.Set("reason", "a mistake")
	owner.Set("ticket", "CASE-10")
	admin.post("/support/sims/"+iccid(1)+"/owner", owner).has(200, "The owner is corrected", "Owner corrected to Company 1 (OP0000000001)", "CASE-10")
	support.post("/support/sims/"+iccid(1)+"/owner", owner).has(403, "not for your role")
	support.get("/support/sims/8988211999999999999").has(404, "Not found")
	s.signIn(source.Key).get("/support/sims/"+iccid(2)).has(403, "not for your role")
}

// An owner makes, replaces and revokes keys of the account; a key is shown once.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	token := s.accountKey(sourceID, storage.PermissionOwner)
	owner := s.signIn(token)
	otherToken := s.accountKey(destinationID, storage.PermissionOwner)

	p := owner.get("/keys").has(200, "OP0000000001 owner")
	if strings.Contains(p.text, "OP0000000002") {
		t.Error("the page shows a key of another account")
	}
	fields := p.form("/keys")
	fields.Set("name", "warehouse "+script)
	fields.Set("permission", "operator")
	fields.Set("networks", "everywhere")
	fields.Set("expires_at", "tomorrow")
	owner.post("/keys", fields).has(422, "write a day", `value="everywhere"`)
	fields.Set("expires_at", time.Now().AddDate(0, 0, 9).Format(time.DateOnly))
	refused := owner.post("/keys", fields).has(422, "warehouse &lt;script&gt;", `aria-invalid="true"`)
	fields = refused.form("/keys")
	fields.Set("name", "warehouse")
	fields.Set("permission", "operator")
	fields.Set("networks", "127.0.0.0/8, ::1")
	fields.Set("expires_at", time.Now().AddDate(0, 0, 9).Format(time.DateOnly))
	made := owner.post("/keys", fields).has(200, "cannot be shown again", "st_account_", "127.0.0.0/8", "soon")
	again := owner.post("/keys", fields).has(200, "st_account_") // a double click
	if tokenOf(made) == "" || tokenOf(made) != tokenOf(again) {
		t.Errorf("a double click makes two keys: %q and %q", tokenOf(made), tokenOf(again))
	}
	if strings.Contains(owner.get("/keys").text, tokenOf(made)) {
		t.Error("the page shows the key again")
	}
	key, err := s.as(tokenOf(made)).GetCurrentKey(t.Context())
	if err != nil || key.Permission != "operator" || key.ExpiresAt == nil {
		t.Fatalf("%+v, %v", key, err)
	}
	path := "/keys/" + itoa(key.ID)
	fields = owner.get("/keys?key="+itoa(key.ID)).has(200, "Key “warehouse”").form(path + "/rotate")
	fields.Set("grace_seconds", "3600")
	rotated := owner.post(path+"/rotate", fields).has(200, "cannot be shown again", "The old key works until")
	if tokenOf(rotated) == tokenOf(made) {
		t.Error("the key has not changed")
	}
	owner.post(path+"/revoke", owner.get("/keys?key="+itoa(key.ID)).form(path+"/revoke")).has(200, "is revoked")
	owner.get("/keys?revoked=yes").has(200, "warehouse")
	if _, err := s.as(tokenOf(rotated)).GetCurrentKey(t.Context()); err == nil {
		t.Error("a revoked key works")
	}
	owner.get("/audit?action=key.revoke").has(200, "API key revoked", "OP0000000001 owner")
	owner.get("/audit?from=2020-01-01&to=2020-01-02").has(200, "No entry matches")
	owner.get("/audit?from=then").has(400, "write a day")
	if p := owner.get("/audit.csv?action=key.create").has(200, "key.create", "warehouse"); p.header.Get("Content-Disposition") != `attachment; filename="audit.csv"` {
		t.Errorf("%v", p.header)
	}

	approver := s.signIn(s.accountKey(sourceID, storage.PermissionApprover))
	approver.get("/keys").has(403, "not for your role")
	approver.get("/audit").has(403, "not for your role")
	other := s.signIn(otherToken)
	other.post(path+"/revoke", other.get("/keys").form("/keys")).has(404)
	other.get("/keys?key=" + itoa(key.ID)).has(404)
}

// tokenOf returns the API key that a page shows.
func tokenOf(p page) string {
	_, after, _ := strings.Cut(p.text, `<code class="id break">`)
	token, _, _ := strings.Cut(after, "<")
	return token
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Administrators open, change and close accounts, and set plans and fees.
func TestAdministration(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	s.inReview(source, 1, "PO-3")
	admin := s.signIn(s.admin.Key)

	// Accounts.
	admin.get("/accounts?q=company").has(200, "OP0000000001", "OP0000000002")
	admin.get("/accounts?q=none").has(200, "No account matches")
	fields := admin.get("/accounts/new").has(200, "New account").form("/accounts")
	for name, value := range map[string]string{"operator_id": "OP1", "email": "new@example.com", "currency": "EUR", "coverage": "global", "name": script, "contacts.billing": "a@example.com\nb@example.com", "plans": "global-01"} {
		fields.Set(name, value)
	}
	refused := admin.post("/accounts", fields).has(422, "&lt;script&gt;", `aria-invalid="true"`, "b@example.com")
	fields.Set("_key", refused.form("/accounts").Get("_key"))
	fields.Set("operator_id", "OP0000000009")
	for range 2 { // a double click
		if p := admin.post("/accounts", fields).has(200, "Account OP0000000009 is open", "a@example.com"); p.path != "/accounts/OP0000000009" {
			t.Errorf("the new account is at %s", p.path)
		}
	}
	path := "/accounts/" + sourceID
	edit := admin.get(path).has(200, "1 request is open", "PO-3").form(path)
	for name, value := range map[string]string{"email": "moved@example.com", "coverage": "global", "name": "Renamed", "max_open_requests": "many"} {
		edit.Set(name, value)
	}
	admin.post(path, edit).has(422, "write a whole number", `value="Renamed"`)
	edit.Set("max_open_requests", "7")
	stale := url.Values{}
	for name, values := range edit {
		stale[name] = values
	}
	admin.post(path, edit).has(200, "Saved.", "Renamed", "moved@example.com", `value="7"`)
	stale.Set("name", "Overwritten")
	stale.Set("_key", uuid.NewString())
	admin.post(path, stale).has(412, "Changed since it was read", "Overwritten")
	closing := admin.get(path).form(path + "/standing")
	admin.post(path+"/standing", closing).has(409, "Account with open requests")
	closing.Set("open_requests", "end")
	admin.post(path+"/standing", closing).has(200, "The account is closed")
	admin.post(path+"/standing", admin.get(path).form(path+"/standing")).has(200, "The account is open again")

	// Plans.
	plan := admin.get("/plans").has(200, "global-01").form("/plans")
	plan.Set("name", "worldwide")
	plan.Set("monthly_prices", "2.00EUR")
	admin.post("/plans", plan).has(422, "such as 2.00 EUR")
	plan.Set("monthly_prices", "2.00 EUR\n2.20 USD")
	admin.post("/plans", plan).has(200, "Plan worldwide is saved", "2.20 USD")
	admin.get("/plans?edit=worldwide").has(200, "Change worldwide", "2.00 EUR\n2.20 USD")

	// Fees, with a planned change that is withdrawn.
	fee := admin.get("/fees").has(200, "2.50 EUR").form("/fees")
	fee.Set("method", "support_assisted")
	fee.Set("fee.amount", "3.33")
	fee.Set("fee.currency", "EUR")
	fee.Set("account", sourceID)
	fee.Set("valid_from", "2099-01-31")
	planned := admin.post("/fees", fee).has(200, "The fee is planned", "3.33 EUR", "planned")
	fee.Set("_key", uuid.NewString())
	fee.Set("fee.amount", "3,33,3")
	admin.post("/fees", fee).has(422, `value="3,33,3"`)
	if p := admin.post("/fees/withdraw", planned.form("/fees/withdraw")).has(200, "The planned fee is withdrawn"); strings.Contains(p.text, "3.33 EUR") {
		t.Error("the fee is still there")
	}
	admin.get(path).has(200, "The account pays the fee schedule")

	// Gateways.
	gateway := admin.get("/gateways").has(200, "No gateway yet").form("/gateways")
	gateway.Set("name", "nowhere")
	gateway.Set("secret", "a long random text")
	p := admin.post("/gateways", gateway)
	if p.status != 422 || strings.Contains(p.text, "a long random text") {
		t.Errorf("a refused gateway: %d, or its secret is shown again", p.status)
	}
	gateway.Set("name", "192.0.2.0/24")
	gateway.Set("description", script)
	admin.post("/gateways", gateway).has(200, "Gateway 192.0.2.0/24 is saved", "&lt;script&gt;")
	change := admin.get("/gateways?edit=192.0.2.0%2F24").has(200, "Change 192.0.2.0/24").form("/gateways")
	change.Set("description", "PGW 1")
	change.Set("require_message_authenticator", "yes")
	admin.post("/gateways", change).has(200, "PGW 1", "only with a Message-Authenticator")
	change = admin.get("/gateways?edit=192.0.2.0%2F24").form("/gateways")
	change.Set("preset", "cisco-ios")
	change.Set("max_in_flight", "64")
	admin.post("/gateways", change).has(200, "Cisco IOS", "Acct-Session-Id, User-Name, Framed-IP-Address, Event-Timestamp, Message-Authenticator", "64 in flight")
	change = admin.get("/gateways?edit=192.0.2.0%2F24").has(200, `value="1700"`, `value="Framed-IP-Address" checked`).form("/gateways")
	change["attributes"] = []string{"Acct-Session-Id", "Class"}
	change.Set("port", "x")
	admin.post("/gateways", change).has(422, "not a number", `value="Class" checked`)
	change.Set("port", "")
	change.Set("_key", uuid.NewString())
	admin.post("/gateways", change).has(200, "Acct-Session-Id, Class")
	change = admin.get("/gateways?edit=192.0.2.0%2F24").form("/gateways")
	change.Set("url", "https://gateway.example/disconnect")
	change.Set("url_secret", "whsec_no secret of a URL")
	change.Set("require_message_authenticator", "")
	if p := admin.post("/gateways", change).has(422, "openssl rand"); strings.Contains(p.text, "no secret of a URL") {
		t.Error("a refused secret is shown again")
	}
	change.Set("_key", uuid.NewString())
	change.Set("url_secret", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	admin.post("/gateways", change).has(200, "https://gateway.example/disconnect", "Any other gateway without RADIUS")
	if _, err := s.db.Pool().ExecContext(t.Context(), `INSERT INTO work (kind, items, n, gateway, queue, attempts, error) VALUES
		('drop_stray', '{1}', 1, '192.0.2.7', 'gateway', 2, 'gateway 192.0.2.7: no answer')`); err != nil {
		t.Fatal(err)
	}
	remove := admin.get("/gateways").has(200, "1 SIM waits until this gateway ends its session", "Gateway 192.0.2.7: no answer", "asked 2 times without success").form("/gateways/delete")
	admin.post("/gateways/delete", remove).has(200, "is removed", "No gateway yet")

	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))
	support.get(path).has(200, "Renamed", "moved@example.com")
	for _, page := range []string{"/accounts/new", "/fees", "/keys"} {
		support.get(page).has(403, "not for your role")
	}
	support.post("/plans", plan).has(403, "not for your role")
	support.post(path, edit).has(403, "not for your role")
	if p := support.get("/gateways").has(200); strings.Contains(p.text, "New gateway") {
		t.Error("support is offered a new gateway")
	}
}

// Finance finds what was charged by period; an account sees what it has paid.
func TestChargesPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	ids := s.inReview(source, 2, "PO-4")
	for _, id := range ids {
		if _, err := s.admin.ApproveRequest(t.Context(), id, client.Approval{Ticket: "T"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.as(s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: destinationID, Permission: storage.PermissionApprover, Name: id.String()})).AcceptRequest(t.Context(), id, client.Acceptance{}); err != nil {
			t.Fatal(err)
		}
	}
	s.doWork()
	money := s.signIn(s.key(storage.NewKey{Role: storage.RoleFinance, Name: "books"}))
	if p := money.get("/"); p.path != "/charges" {
		t.Errorf("the day of finance begins at %s", p.path)
	}
	month := time.Now().UTC().Format("January 2006")
	money.get("/charges").has(200, month, "5.00 EUR", "Company 1", "2 SIMs")
	money.get("/charges?from=2020-01-01&to=2020-01-31").has(200, "January 2020", "Nothing was charged", "from=2019-12-01&amp;to=2019-12-31", "from=2020-02-01&amp;to=2020-02-29")
	money.get("/charges?account="+destinationID).has(200, "Nothing was charged to OP0000000002")
	if p := money.get("/charges.csv").has(200, iccid(1), iccid(2), "2.50"); !strings.HasPrefix(p.header.Get("Content-Disposition"), `attachment; filename="charges-`) {
		t.Errorf("%v", p.header)
	}
	s.signIn(s.accountKey(sourceID, storage.PermissionViewer)).get("/charges").has(200, "5.00 EUR")
	s.signIn(s.accountKey(destinationID, storage.PermissionViewer)).get("/charges?account="+sourceID).has(200, "Nothing was charged")
	for _, page := range []string{"/queue", "/look-up", "/gateways", "/keys", "/audit", "/accounts/" + sourceID} {
		money.get(page).has(403, "not for your role")
	}
	money.get("/fees").has(200, "2.50 EUR")
	money.get("/accounts").has(200, "OP0000000001")
}

// An owner sets contacts and the plans of arriving SIMs.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for _, plan := range []string{"global-01", "worldwide"} {
		if _, err := s.admin.PutPlan(t.Context(), plan, client.PlanSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	owner := s.signIn(s.accountKey(destinationID, storage.PermissionOwner))
	p := owner.get("/settings").has(200, "Company 2", "SIMs keep their plan")
	contacts := p.form("/settings/contacts")
	contacts.Set("contacts.transfers", "desk@example.com, no address")
	owner.post("/settings/contacts", contacts).has(422, "desk@example.com, no address", `aria-invalid="true"`)
	contacts.Set("contacts.transfers", "desk@example.com\nnight@example.com")
	owner.post("/settings/contacts", contacts).has(200, "The contacts are saved", "desk@example.com\nnight@example.com")
	contacts.Set("contacts.transfers", "")
	owner.post("/settings/contacts", contacts).has(412, "Changed since it was read")

	choice := owner.get("/settings").has(200, "A request or a pull request waits for your decision.", "desk@example.com: on", "night@example.com: on").form("/settings/mail")
	if choice.Get("email") != "desk@example.com" || choice.Get("kind") != "asked" {
		t.Errorf("the first choice is %v", choice)
	}
	owner.post("/settings/mail", choice).has(200, "Mails of this kind are off for desk@example.com", "desk@example.com: off", "night@example.com: on")
	choice.Set("kind", "new_key")
	owner.post("/settings/mail", choice).has(422, "cannot be turned off")

	mapping := p.form("/settings/plans")
	mapping.Set("plans", "global-01 worldwide")
	owner.post("/settings/plans", mapping).has(422, "write each plan", "global-01 worldwide")
	mapping.Set("plans", "global-01 = nowhere")
	owner.post("/settings/plans", mapping).has(422, "nowhere")
	mapping.Set("plans", "global-01 = worldwide\n")
	mapping.Set("source", sourceID)
	owner.post("/settings/plans", mapping).has(200, "are saved", "From OP0000000001", "global-01 = worldwide")
	first := owner.get("/settings").form("/settings/plans")
	owner.post("/settings/plans/delete", first).has(200, "SIMs keep their plan")
	s.signIn(s.admin.Key).get("/settings").has(403, "not for your role")
	s.signIn(s.accountKey(sourceID, storage.PermissionApprover)).get("/settings").has(403, "not for your role")
}

// findsEmails looks up the emails of a contact, a person and an invitation. The page says
// what they may do in which account.
func (s *testService) findsEmails(support *browser) {
	s.t.Helper()
	if _, err := s.admin.UpdateAccount(s.t.Context(), "OP0000000002", client.AccountChange{Contacts: &client.AccountContacts{Billing: []string{"ada@example.com"}}}); err != nil {
		s.t.Fatal(err)
	}
	support.get("/look-up?q=ada%40example.com").has(200, "1 result", "Company 2: contact for billing", `href="/accounts/OP0000000002"`, "/mails?email=ada%40example.com")
	for _, account := range []transfer.AccountRef{"OP0000000001", "OP0000000002"} {
		made, err := s.admin.CreateInvitation(s.t.Context(), client.NewInvitation{Email: "ada@example.com", Name: "Ada Byron", Account: account, Permission: "approver"})
		if err != nil {
			s.t.Fatal(err)
		}
		if account == "OP0000000001" {
			s.signIn("").post(strings.TrimPrefix(made.Link, s.url), url.Values{}).has(200)
		}
	}
	support.get("/look-up?q=Ada%40Example.com").has(200, "2 results",
		"Company 1: Ada Byron, approver", "Company 2: contact for billing; Ada Byron, invited as approver")
	s.signIn(s.admin.Key).get("/look-up?q=ada%40example.com").has(200, ">Person<", "approver of Company 1", "Company 2: contact for billing")
}

// An owner invites a person, who accepts, and changes and ends what the person may do.
func TestPeoplePage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	owner := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	invite := owner.get("/people").has(200, "No people yet").form("/people")
	invite.Set("name", "Ada "+script)
	invite.Set("email", "ada")
	invite.Set("permission", "operator")
	refused := owner.post("/people", invite).has(422, "Ada &lt;script&gt;", `aria-invalid="true"`)
	invite.Set("_key", refused.form("/people").Get("_key"))
	invite.Set("name", "Ada Byron")
	invite.Set("email", "ada@example.com")
	made := owner.post("/people", invite).has(200, "cannot be shown again", "ada@example.com", "Operator")
	again := owner.post("/people", invite) // a double click
	link := tokenOf(made)
	if link == "" || link != tokenOf(again) || !strings.HasPrefix(link, s.url) {
		t.Fatalf("the links are %q and %q", link, tokenOf(again))
	}
	if strings.Contains(owner.get("/people").text, link) {
		t.Error("the page shows the link again")
	}

	ada := s.signIn("")
	path := strings.TrimPrefix(link, s.url)
	ada.get(path).has(200, "Ada Byron")
	ada.post(path, url.Values{}).has(200)
	ada.get("/people").has(403, "not for your role")
	person, err := s.admin.ListPeople(t.Context(), client.PersonFilter{Text: "ada"}, client.Paging{})
	if err != nil || len(person.Items) != 1 {
		t.Fatalf("%+v, %v", person, err)
	}
	at := "/people/" + itoa(person.Items[0].ID)
	p := owner.get("/people?person="+itoa(person.Items[0].ID)).has(200, "Ada Byron", "Operator", "In OP0000000001")
	if strings.Contains(p.text, "Invited") {
		t.Error("the invitation is still open")
	}
	grant := p.form(at + "/membership")
	grant.Set("permission", "owner")
	owner.post(at+"/membership", grant).has(200, "Saved what Ada Byron may do")
	ada.get("/people").has(200, "you")

	stranger := s.signIn(s.accountKey(destinationID, storage.PermissionOwner))
	if p := stranger.get("/people"); strings.Contains(p.text, "Ada") {
		t.Error("another account sees the person")
	}
	for _, act := range []string{"/membership", "/remove"} {
		if p := stranger.post(at+act, grant); p.status < 400 {
			t.Errorf("%s by another account: %d", act, p.status)
		}
	}
	stranger.post(at+"/disabled", grant).has(403, "not for your role")

	admin := s.signIn(s.admin.Key)
	disable := admin.get("/people?account="+sourceID+"&person="+itoa(person.Items[0].ID)).has(200, "Ada Byron", "Owner of").form(at + "/disabled")
	admin.post(at+"/disabled", disable).has(200, "cannot sign in", "disabled")
	if p := ada.get("/people"); p.path != "/sign-in" {
		t.Errorf("a disabled person sees %s", p.path)
	}
	owner.post(at+"/remove", owner.get("/people?person="+itoa(person.Items[0].ID)).form(at+"/membership")).has(200, "Removed", "No people yet")

	if p := admin.get("/look-up?q=ADA%40example.com"); p.path != "/people" {
		t.Errorf("the email of a person leads to %s", p.path)
	}
	staff := admin.get("/people").form("/people")
	staff.Set("name", "Grace")
	staff.Set("email", "grace@example.com")
	staff.Set("role", "finance")
	admin.post("/people", staff).has(200, "Grace is invited", "Finance")
	open, err := s.admin.ListInvitations(t.Context(), client.InvitationFilter{State: "open"}, client.Paging{})
	if err != nil || len(open.Items) != 1 || open.Items[0].Role != "finance" {
		t.Fatalf("%+v, %v", open, err)
	}
	revoke := "/people/invitations/" + itoa(open.Items[0].ID) + "/revoke"
	admin.post(revoke, admin.get("/people").form(revoke)).has(200, "The invitation is revoked")
}

// A person sees where they are signed in, and signs out elsewhere; an owner sees those of
// the account.
func TestSignInsPage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	ownerKey, viewerKey := s.accountKey(sourceID, storage.PermissionOwner), s.accountKey(sourceID, storage.PermissionViewer)
	here, elsewhere, viewer := s.signIn(ownerKey), s.signIn(ownerKey), s.signIn(viewerKey)
	stranger := s.signIn(s.accountKey(destinationID, storage.PermissionOwner))

	p := here.get("/sign-ins").has(200, "this one", "Sign out everywhere else")
	here.post("/sign-ins/others", p.form("/sign-ins/others")).has(200, "You are signed out everywhere else")
	if p := elsewhere.get("/sign-ins"); p.path != "/sign-in" {
		t.Errorf("the other browser sees %s", p.path)
	}
	p = here.get("/sign-ins?whose=all").has(200, "Key OP0000000001 viewer")
	if strings.Contains(p.text, destinationID) {
		t.Error("the page shows sign-ins of another account")
	}
	_, after, _ := strings.Cut(p.text, `action="/sign-ins/`)
	id, _, _ := strings.Cut(after, "/")
	path := "/sign-ins/" + id + "/end"
	stranger.post(path, stranger.get("/sign-ins").form("/sign-out")).has(404)
	viewer.get("/sign-ins?whose=all").has(200, "this one")
	here.post(path, p.form(path)).has(200, "The browser is signed out")
	if p := viewer.get("/sign-ins"); p.path != "/sign-in" {
		t.Errorf("the browser that was signed out sees %s", p.path)
	}
}

// What support is about to decide is counted without the SIMs that cannot be moved, in
// the heading and for each request.
func TestDecisionsCountOpenSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	source := s.as(s.accountKey(sourceID, storage.PermissionOwner))
	s.makeSIMs(6, transfer.Active)
	if _, err := source.ChangeSIMs(t.Context(), client.NewBulkChange{SIMs: []string{iccid(1), iccid(4)}, Change: client.BulkSettings{TransferLock: new(true)}}); err != nil {
		t.Fatal(err)
	}
	a := s.send(source, client.NewRequest{SIMs: []string{iccid(1), iccid(2), iccid(3)}})
	b := s.send(source, client.NewRequest{SIMs: []string{iccid(4), iccid(5), iccid(6)}})
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"}))
	p := support.get("/queue/decide?decision=deny&request="+a.ID.String()+"&request="+b.ID.String()).has(200, "2 requests, 4 SIMs")
	if n := strings.Count(p.text, "· 2 SIMs"); n != 2 {
		t.Errorf("%d requests have 2 SIMs to decide on", n)
	}
	p.lacks("3 SIMs")
}
