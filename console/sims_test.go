package console_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/console"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func imsi(n int) string { return fmt.Sprintf("00101%010d", n) }

// importSIMs gives the source SIMs with the numbers from first to last. The odd ones are
// of the lot box-7, and every tenth is active.
func (s *testService) importSIMs(first, last int) {
	s.t.Helper()
	if _, err := s.admin.PutPlan(s.t.Context(), "global", client.PlanSettings{MonthlyPrices: &[]client.MoneyInput{}}); err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("iccid,imsis,account,plan,status,lot,tags\n")
	for n := first; n <= last; n++ {
		status, lot := "ready", "box-8"
		if n%10 == 0 {
			status = "active"
		}
		if n%2 == 1 {
			lot = "box-7"
		}
		fmt.Fprintf(&b, "%s,%s,%s,global,%s,%s,site=north\n", iccid(n), imsi(n), sourceID, status, lot)
	}
	if _, err := s.admin.ImportSIMs(s.t.Context(), client.CSV, strings.NewReader(b.String())); err != nil {
		s.t.Fatal(err)
	}
}

// upload sends the first step of a new transfer with a file.
func (b *browser) upload(fields url.Values, name string, file []byte) page {
	b.s.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range fields {
		_ = w.WriteField(name, values[0])
	}
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		b.s.t.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = w.Close()
	r, err := http.NewRequestWithContext(b.s.t.Context(), http.MethodPost, b.s.url+"/transfers/new", &body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return b.do(r)
}

// with returns fields with others added.
func with(fields url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		fields.Set(pairs[i], pairs[i+1])
	}
	return fields
}

// The search box takes whatever is pasted into it.
func TestSearchForSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 120)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionViewer))
	search := func(text string) page {
		t.Helper()
		return b.post("/sims/search", url.Values{"q": {text}})
	}
	for text, want := range map[string]string{
		iccid(3):                     "SIM " + iccid(3),
		imsi(3):                      "SIM " + iccid(3),
		" 8988 2110 0000 0000 003 ":  "SIM " + iccid(3),
		iccid(3) + "\n" + imsi(4):    "2 SIMs of your list",
		iccid(3) + " " + iccid(5):    "2 SIMs of your list",
		iccid(3) + "-" + iccid(12):   "10 SIMs of your list",
		iccid(3) + " – " + iccid(12): "10 SIMs of your list",
		"box-7":                      "60 SIMs that match, 50 on this page",
		"site=north":                 "120 SIMs that match, 50 on this page",
		"site":                       "120 SIMs that match, 50 on this page",
		"89882110000000001":          "21 SIMs that match",
		"000000017":                  "1 SIM that match", // IMSI and ICCID end so
		"nonsense":                   "Nothing was found for “nonsense”",
		"<script>alert(1)</script>":  "Nothing was found for “&lt;script&gt;alert(1)&lt;/script&gt;”",
		"":                           "120 SIMs, 50 on this page",
		"iccid;note\n" + iccid(3) + ";x\n" + iccid(4) + ";y": "2 SIMs of your list",
	} {
		p := search(text)
		p.has(p.status, want)
		if p.status != 200 || strings.Contains(p.text, "<script>alert") || len(p.text) > 100_000 {
			t.Errorf("%q: status %d, %d bytes", text, p.status, len(p.text))
		}
	}
	search(iccid(17)[9:]).has(200, "Ends with "+iccid(17)[9:], iccid(17))
	// of digits that are the first and the last of some, the other meaning is offered
	if _, err := s.admin.ImportSIMs(t.Context(), client.CSV, strings.NewReader("iccid,imsis,account,plan\n8988211000898821100,001010000009999,"+sourceID+",global\n")); err != nil {
		t.Fatal(err)
	}
	search("898821100").has(200, "It could also mean", `href="/sims?suffix=898821100">Ends with 898821100<`)
	search("8999999999999999999").has(404, "You have no such SIM")
	p := search(iccid(1)+"\nbox 12345678\n"+iccid(999)+"\n"+imsi(1)).has(200, "1 SIM of your list", "2 lines of your list name no SIM of yours", "named a SIM again")
	p.has(200, `class="number" data-label="Line">2<`, `class="number" data-label="Line">3<`)
	// filters are in the address, and the links of a page keep them
	p = b.get("/sims?lot=box-7&status=ready").has(200, "60 SIMs that match, 50 on this page", "Lot box-7", "Status ready")
	next := strings.NewReplacer("&amp;", "&").Replace(between(p.text, `class="button small" href="`, `"`))
	b.get(next).has(200, iccid(119), "First page")
	b.get("/sims?prefix=12").has(422, "prefix")
	b.get("/sims?suffix=12345").has(422, "give the last 6 to 22 digits")
	b.get("/sims?list="+packedNonsense).has(400, "damaged")
}

const packedNonsense = "z:AAAA"

func between(text, start, end string) string {
	_, text, _ = strings.Cut(text, start)
	text, _, _ = strings.Cut(text, end)
	return text
}

// A change of many SIMs: all that match by filter with their number, or those that were
// ticked.
func TestChangeManySIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 60)
	token := s.accountKey(sourceID, storage.PermissionApprover)
	b, api := s.signIn(token), &client.Client{URL: s.url, Key: token}
	pick := b.get("/sims?lot=box-7").form("/sims/pick")
	p := b.post("/sims/pick", with(pick, "every", "1", "do", "lock")).has(200, "Lock 30 SIMs", "Lot box-7")
	console.NewCallChecker(t).Page("locking", s.url, p.text)
	lock := p.form("/sims/change")
	if lock.Get("filter") != "lot=box-7" || lock.Get("list") != "" {
		t.Errorf("all that match are passed on as %v", lock)
	}
	b.post("/sims/change", lock).has(200, "30 SIMs locked.")
	b.post("/sims/change", lock).has(200, "30 SIMs locked.") // a double click
	locked, err := api.CountSIMs(t.Context(), client.SIMFilter{SIMConditions: client.SIMConditions{TransferLock: "on"}}, 0)
	if err != nil || locked.Count != 30 {
		t.Fatalf("%d SIMs are locked, %v", locked.Count, err)
	}
	// another number than the page showed
	p = b.post("/sims/pick", with(b.get("/sims").form("/sims/pick"), "every", "1", "do", "unlock")).has(200, "Unlock 30 SIMs")
	s.importSIMs(61, 62)
	b.post("/sims/change", p.form("/sims/change")).has(409, "62 SIMs are selected, not 60")
	// ticked SIMs
	ticked := with(b.get("/sims").form("/sims/pick"), "do", "tags")
	ticked["sim"] = []string{iccid(1), iccid(2)}
	p = b.post("/sims/pick", ticked).has(200, "Tags of 2 SIMs")
	p.has(200, "simtransfer sims change "+iccid(1)+" "+iccid(2)+" --set=tag=NAME=VALUE")
	tags := p.form("/sims/change")
	again := b.post("/sims/change", with(p.form("/sims/change"), "tag_name", "x y", "tag_value", strings.Repeat("z", 5000))).has(422,
		"simtransfer sims change "+iccid(1)+" "+iccid(2)+" --set=&#39;tag=x y=zz")
	console.NewCallChecker(t).Page("tags", s.url, again.text)
	p = b.post("/sims/pick", with(ticked, "do", "lock")).has(200, "Lock 2 SIMs", "simtransfer sims change "+iccid(1)+" "+iccid(2)+" --set=lock=true --expect-count=2")
	console.NewCallChecker(t).Page("locking those that were ticked", s.url, p.text)
	b.post("/sims/change", tags).has(422, "say what to set or to remove")
	b.post("/sims/change", with(tags, "tag_name", "<b>", "tag_value", "\"'>", "remove", "site")).has(200, "2 SIMs have their new tags.")
	b.get("/sims/"+iccid(1)).has(200, "&lt;b&gt;", `value="&#34;&#39;&gt;"`)
	b.post("/sims/pick", url.Values{"do": {"lock"}}).has(200, "Nothing was picked")
	// who lacks a permission sees why
	viewer := s.signIn(s.accountKey(sourceID, storage.PermissionViewer))
	viewer.get("/sims").has(200, "it needs the permission operator, and you have viewer", `value="lock" disabled`)
	viewer.post("/sims/change", tags).has(403)
	operator := s.signIn(s.accountKey(sourceID, storage.PermissionOperator))
	operator.get("/sims").has(200, "Unlock is off: it needs the permission approver")
	if csv := b.post("/sims/pick", with(b.get("/sims?lot=box-8").form("/sims/pick"), "every", "1", "do", "export")).has(200, "iccid,", iccid(2)); strings.Count(csv.text, "\n") != 32 {
		t.Errorf("the export has %d lines", strings.Count(csv.text, "\n"))
	}
	other := s.signIn(s.accountKey(destinationID, storage.PermissionOwner))
	other.get("/sims").has(200, "No SIMs yet")
	other.get("/sims/"+iccid(1)).has(404, "You have no such SIM")
	other.post("/sims/"+iccid(1), url.Values{"do": {"lock"}}).has(404)
}

// A new transfer: the three steps, with everything in the form.
func TestNewTransfer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 150)
	token := s.accountKey(sourceID, storage.PermissionOperator)
	b, api := s.signIn(token), &client.Client{URL: s.url, Key: token}
	const at = "/transfers/new"
	what := b.get(at).has(200, "Which SIMs?").form(at)
	// wrong lines with their numbers
	p := b.post(at, with(what, "go", "check", "paste", iccid(1)+"\nfoo\n"+imsi(2)+"\n"+iccid(900)+"\n"+iccid(1))).
		has(422, "2 lines have to be corrected", "2 SIMs are fine and kept", "1 line named a SIM again", `data-label="Line">2<`, `data-label="Line">4<`)
	wrong := p.form(at)
	if csv := b.post(at, with(p.form(at), "go", "bad.csv")); !strings.Contains(csv.text, "foo") || !strings.HasPrefix(csv.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the wrong lines: %s", csv.text)
	}
	p = b.post(at, with(wrong, "go", "check", "paste", iccid(3))).has(200, "To whom?", "3 SIMs that you chose")
	whom := p.form(at)
	// what was typed stays
	p = b.post(at, with(whom, "go", "review", "to", "new", "destination.operator_id", destinationID, "destination.email", "wrong@example.com", "message", "<i>hello</i>")).
		has(422, "No account has both", "&lt;i&gt;hello&lt;/i&gt;", `value="wrong@example.com"`)
	b.post(at, with(p.form(at), "go", "review")).has(422, "choose a destination")
	review := b.post(at, with(p.form(at), "go", "review", "to", "new", "destination.operator_id", destinationID, "destination.email", "op0000000002@example.com", "message", "<i>hello</i>", "reference", "PO-1")).
		has(200, "Review the transfer", "Transfer 3 SIMs", "3 SIMs: no approval needed", "&lt;i&gt;hello&lt;/i&gt;", "simtransfer requests create")
	calls := console.NewCallChecker(t)
	calls.Page("the review of a transfer", s.url, review.text)
	if review.header.Get("Cache-Control") == "no-store" {
		t.Error("the back button would ask whether to send the form again")
	}
	create := with(review.form(at), "go", "create")
	made := b.post(at, create)
	if !strings.HasPrefix(made.path, "/requests/") || made.status != 200 {
		t.Fatalf("created: %d at %s: %s", made.status, made.path, made.text)
	}
	if again := b.post(at, create); again.path != made.path {
		t.Errorf("a double click: %s and %s", made.path, again.path)
	}
	b.post(at, with(create, "message", "another")).has(422, "This form was sent before")
	// the destination is among the recent ones
	p = b.get(at+"?list="+iccid(10)+","+iccid(11)).has(200, "2 SIMs that you chose", destinationID, "last sent")
	recent := between(p.text, `name="to" value="`, `"`)
	p = b.post(at, with(p.form(at), "go", "review", "to", recent)).has(200, "Transfer 2 SIMs", "1 SIM: no approval needed", "1 SIM: support has to approve")
	b.post(at, with(p.form(at), "go", "create")).has(200)
	// a number to type, and SIMs that cannot be transferred
	if _, err := api.ChangeSIMs(t.Context(), client.NewBulkChange{SIMs: []string{iccid(20) + "-" + iccid(24)}, Change: client.BulkSettings{TransferLock: new(true)}}); err != nil {
		t.Fatal(err)
	}
	p = b.post(at, with(b.get(at).form(at), "go", "check", "by", "filter", "every", "1")).has(200, "All 150 SIMs of the account")
	p = b.post(at, with(p.form(at), "go", "review", "to", recent)).has(200, "5 SIMs cannot be transferred", "Transfer 145 SIMs", "Type 145 to confirm")
	calls.Page("the review of all SIMs", s.url, p.text)
	csv := b.post(at, with(p.form(at), "go", "ineligible.csv"))
	if strings.Count(csv.text, "sim_locked") != 5 {
		t.Errorf("those that cannot: %s", csv.text)
	}
	all := with(p.form(at), "expect", "150", "moves", "145")
	b.post(at, with(all, "go", "create")).has(422, "type 145 to confirm")
	s.importSIMs(151, 151)
	b.post(at, with(all, "go", "create", "confirm", "150")).has(422, "type 145 to confirm")
	b.post(at, with(all, "go", "create", "confirm", "145")).has(409, "151 SIMs are selected, not 150", "Type 146 to confirm")
	page, err := api.ListRequests(t.Context(), client.RequestFilter{}, client.Paging{})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d requests, %v", len(page.Items), err)
	}
	if r := page.Items[1]; r.Reference != "PO-1" || r.Message != "<i>hello</i>" || r.Counts.SIMs != 3 {
		t.Errorf("the first request is %+v", r)
	}
	// a transfer code
	p = b.get(at + "?list=" + iccid(50))
	p = b.post(at, with(p.form(at), "go", "review", "to", "code", "valid_seconds", "3600", "reference", "box 7", "acceptance_seconds", "7200")).has(200, "anyone who redeems the code first", "Make a code for 1 SIM")
	calls.Page("the review of a code", s.url, p.text)
	if !strings.Contains(p.text, "--valid=3600s") || !strings.Contains(p.text, "--reference=&#39;box 7&#39;") {
		t.Errorf("the command for a code lacks what was typed:\n%s", p.text)
	}
	p = b.post(at, with(p.form(at), "go", "create")).has(200, "it cannot be shown again", "data:image/png;base64,")
	code := between(p.text, `action="/codes/`, `/revoke"`)
	b.get("/codes").has(200, "/codes/"+code)
	b.post("/codes/"+code+"/revoke", b.get("/codes/"+code).form("/codes/"+code+"/revoke")).has(200, "revoked")
	// who may not
	viewer := s.signIn(s.accountKey(sourceID, storage.PermissionViewer))
	viewer.get(at).has(403, "not for your role")
}

// Files and texts of the wrong kind, and large ones.
func TestBadLists(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 20)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionOperator))
	const at = "/transfers/new"
	what := func() url.Values { return with(b.get(at).form(at), "go", "check") }
	utf16 := func(text string) []byte {
		out := []byte{0xff, 0xfe}
		for _, r := range text {
			out = append(out, byte(r), byte(r>>8))
		}
		return out
	}
	b.upload(what(), "sims.xlsx", []byte("PK\x03\x04 and so on")).has(422, "Excel workbook")
	b.upload(what(), "photo.png", []byte("\x89PNG\r\n\x1a\n\x00\x00")).has(422, "not a text")
	b.upload(what(), "empty.csv", nil).has(422, "the file has no SIMs")
	b.upload(what(), "sims.csv", utf16("sep=;\r\nNote;ICCID\r\nx;"+iccid(1)+"\r\n\"a;b\";"+iccid(2)+"\r\n")).has(200, "2 SIMs that you chose")
	b.upload(what(), "sims.csv", utf16("Note\tICCID\r\nx\t"+iccid(1)+"\r\n\r\ny\tfoo\r\n")).has(422, "1 line has to be corrected", `data-label="Line">4<`)
	b.post(at, what()).has(422, "paste the SIMs, or choose a file")
	var lines strings.Builder
	for n := range 100_000 {
		lines.WriteString(iccid(n+1) + "\n")
	}
	p := b.post(at, with(what(), "paste", lines.String())).has(422, "20 SIMs are fine", "and 99,930 more")
	t.Logf("100,000 wrong lines: a page of %d bytes", len(p.text))
	p = b.post(at, with(p.form(at), "go", "whom")).has(200, "20 SIMs that you chose")
	if len(p.text) > 100_000 {
		t.Errorf("the page has %d bytes", len(p.text))
	}
	b.post(at, with(what(), "paste", lines.String()+iccid(1))).has(422, "the list has 100,001 entries, and 100,000 are possible")
	b.post("/sims/search", url.Values{"q": {lines.String()}}).has(200, "20 SIMs of your list")
	b.post(at, with(what(), "paste", strings.Repeat("9", 9<<20))).has(413, "Too large")
}

// Asking for SIMs of others.
func TestAskForSIMs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 3)
	b := s.signIn(s.accountKey(destinationID, storage.PermissionOperator))
	form := b.get("/pulls/new").has(200, "Ask for SIMs").form("/pulls/new")
	b.post("/pulls/new", with(form, "iccids", iccid(1)+"\n\nfoo", "message", "<script>")).has(422, "line 3:", "&lt;script&gt;")
	if p := b.post("/pulls/new", with(form, "iccids", iccid(1)+"\n"+iccid(2), "reference", "PO-9")); !strings.HasPrefix(p.path, "/pulls/") {
		t.Errorf("asked: %d at %s: %s", p.status, p.path, p.text)
	}
}

// Owners and support end the data sessions of a SIM on its page, and support sees the
// sessions that name no SIM.
func TestDataSessionsOfASIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 3)
	at := "/sims/" + iccid(1)
	if _, err := s.db.Pool().ExecContext(t.Context(), `INSERT INTO radius.radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime)
		VALUES ('a', 'a', $1, '10.0.0.7', clock_timestamp()), ('b', 'b', '<script>', '10.0.0.8', clock_timestamp())`, imsi(1)); err != nil {
		t.Fatal(err)
	}
	owner, viewer := s.signIn(s.accountKey(sourceID, storage.PermissionOperator)), s.signIn(s.accountKey(sourceID, storage.PermissionViewer))
	if p := viewer.get(at).has(200, "needs the permission operator"); strings.Contains(p.text, "End the open session") || strings.Contains(p.text, "10.0.0.7") {
		t.Error("a viewer is offered to end sessions, or sees the address of a gateway")
	}
	viewer.post(at+"/sessions/drop", url.Values{}).has(403)
	owner.get(at).has(200, "End the open session")
	owner.post(at+"/sessions/drop", url.Values{}).has(200, "asked to end the session", "is being ended")
	support := s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "support"}))
	support.get(at).has(200, "10.0.0.7", "is being ended", "End the open session")
	support.get("/support"+at).has(200, "Data sessions ended")
	support.get("/unknown-sessions").has(200, "1 open session", "10.0.0.8", "&lt;script&gt;")
	owner.get("/unknown-sessions").has(403)
}

// The page of a SIM: its settings, and a change that someone else has made first.
func TestPageOfASIM(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.importSIMs(1, 3)
	token := s.accountKey(sourceID, storage.PermissionApprover)
	b, api := s.signIn(token), &client.Client{URL: s.url, Key: token}
	at := "/sims/" + iccid(1)
	p := b.get(at).has(200, "SIM "+iccid(1), imsi(1), "box-7", `value="site"`, "It has had no data session")
	settings := url.Values{"do": {"settings"}, "etag": {between(p.text, `name="etag" value="`, `"`)}, "had_tag": {"site"}, "tag_name": {"site", "floor"}, "tag_value": {"south", "2"}, "group": {"meters"}}
	settings.Set("etag", strings.ReplaceAll(settings.Get("etag"), "&#34;", `"`))
	b.post(at, url.Values{"do": {"lock"}}).has(200, "The SIM is locked", "It cannot be transferred now. The owner has locked this SIM")
	b.post(at, settings).has(412, "has changed since you opened this page", `value="floor"`, `value="meters"`)
	fresh := b.get(at)
	settings.Set("etag", strings.ReplaceAll(between(fresh.text, `name="etag" value="`, `"`), "&#34;", `"`))
	b.post(at, settings).has(200, "Saved.")
	sim, err := api.GetSIM(t.Context(), iccid(1))
	if err != nil || sim.Group != "meters" || sim.Tags["site"] != "south" || sim.Tags["floor"] != "2" || !sim.TransferLock {
		t.Errorf("%+v, %v", sim, err)
	}
	b.post(at, url.Values{"do": {"unlock"}}).has(200, "The SIM is unlocked")
	if sim, err = api.GetSIM(t.Context(), iccid(1)); err != nil || sim.TransferLock || sim.Status != transfer.Ready {
		t.Errorf("%+v, %v", sim, err)
	}
}
