package console_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"simtransfer/client"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// send makes a request of the source to the destination, and waits until it can be
// accepted.
func (s *testService) send(source *client.Client, r client.NewRequest) client.Request {
	s.t.Helper()
	r.Destination = client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID}
	made, err := source.CreateRequest(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.doWork()
	made, err = source.GetRequest(s.t.Context(), made.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// The day of a destination: it sees what waits, makes a mistake, accepts some SIMs, and
// does it twice; the source sees it, and both sides talk.
func TestInboxAndRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(12, transfer.Ready)
	source, sourceBrowser := s.as(s.accountKey(sourceID, storage.PermissionOwner)), s.signIn(s.accountKey(sourceID, storage.PermissionOperator))
	approver := s.signIn(s.accountKey(destinationID, storage.PermissionApprover))
	approver.get("/").has(200, "Nothing waits for you")
	r := s.send(source, client.NewRequest{SIMs: []string{iccid(1), iccid(2), iccid(3), iccid(4)}, Reference: "PO-1", Message: "<script>alert(1)</script> " + strings.Repeat("word ", 100) + "the end"})
	path := "/requests/" + r.ID.String()

	inbox := approver.get("/").has(200, "4 SIMs from Company 1", "PO-1", "&lt;script&gt;alert(1)&lt;/script&gt;", "Accept 4 SIMs", "left")
	inbox.has(200, `<span class="cut"> …</span><details class="rest"><summary><span class="closed">Show all</span>`, "word the end</details>")
	if strings.Contains(inbox.text, "<script>alert") {
		t.Error("the message of the source is not escaped")
	}
	s.signIn(s.accountKey(destinationID, storage.PermissionViewer)).get("/").has(200, "You cannot decide on this")

	approver.post("/requests/"+r.ID.String()+"/accept", url.Values{"which": {"picked"}, "landing.group": {"my group"}}).
		has(422, "tick at least one SIM", `value="my group"`)
	request := approver.get(path).has(200, "You accept or decline", "It is your turn", "Accept 4 SIMs", iccid(4))
	approver.post(path+"/accept", with(request.form(path+"/accept"), "which", "picked", "sim", iccid(1), "landing.tags", "no tag", "not_before", "soon")).
		has(422, "write one tag a line", "no tag</textarea>")
	accepted := with(request.form(path+"/accept"), "which", "listed", "sims", iccid(1)+"\n"+iccid(2), "landing.tags", "site=north")
	if p := approver.post(path+"/accept", accepted); p.path != path {
		t.Fatalf("after accepting: %s %d", p.path, p.status)
	} else {
		p.has(200, "The listed SIMs accepted", "Moving the SIMs")
	}
	if p := approver.post(path+"/accept", accepted); p.status != 200 || p.path != path {
		t.Errorf("accepting twice with the same form: %d %s", p.status, p.text)
	}
	approver.post(path+"/decline", with(request.form(path+"/accept"), "which", "all", "reason", "not ours")).
		has(409, "The request has changed since you opened the page", "transferring")
	s.doWork()
	approver.get(path).has(200, "2 SIMs moved", "Declined")
	if p := approver.get(path+"/results.csv").has(200, iccid(1)); p.header.Get("Content-Type") != "text/csv; charset=utf-8" || strings.Count(p.text, "\n") != 5 {
		t.Errorf("the results: %v\n%s", p.header, p.text)
	}
	if p := approver.get(path + "/results.csv?state=completed").has(200); strings.Count(p.text, "\n") != 3 {
		t.Errorf("the results of two SIMs:\n%s", p.text)
	}
	moved := approver.get(path+"?state=declined").has(200, iccid(3))
	if strings.Contains(moved.text, iccid(1)) {
		t.Error("the table shows SIMs in other states")
	}

	// Comments.
	form := sourceBrowser.get(path).has(200, "Write comment").form(path + "/comment")
	sourceBrowser.post(path+"/comment", with(form, "text", "For us & support", "scope", "support")).has(200, "For us &amp; support")
	sourceBrowser.post(path+"/comment", with(sourceBrowser.get(path).form(path+"/comment"), "text", "Two are missing?")).has(200)
	if p := approver.get(path).has(200, "Two are missing?"); strings.Contains(p.text, "For us") {
		t.Error("the destination reads a comment that is not for it")
	}
	approver.get("/history?direction=incoming").has(200, "PO-1")
	sourceBrowser.get("/history?reference=PO-1").has(200, "to "+destinationID)
	sourceBrowser.get("/history?from=yesterday").has(200, "Write days as")
	sourceBrowser.get("/history?sim=nonsense").has(422, "alert bad")

	// The source retries what could not be moved, and cancels another request.
	wrong := s.send(source, client.NewRequest{SIMs: []string{"001019999999999"}})
	wrongPath := "/requests/" + wrong.ID.String()
	retry := sourceBrowser.get(wrongPath).has(200, "No SIM can be transferred", "SIM not found").form(wrongPath + "/retry")
	sourceBrowser.post(wrongPath+"/retry", retry).has(200, "This is the new request for 1 SIM", "It retries SIMs of an earlier request")
	again := page{path: "/requests/" + s.send(source, client.NewRequest{SIMs: []string{iccid(5), iccid(6)}}).ID.String()}
	sourceBrowser.get("/outbox").has(200, again.path, "destination decides")
	sourceBrowser.post(again.path+"/cancel", with(sourceBrowser.get(again.path).form(again.path+"/cancel"), "which", "all", "code", "wrong_sims")).
		has(200, "2 SIMs canceled. They are free again.", "Canceled", "Wrong SIMs")
	s.doWork()
	canceled := sourceBrowser.get(again.path).has(200, "You can take this back")
	sourceBrowser.post(again.path+"/take-back", canceled.form(again.path+"/take-back")).has(200, "open again")
	sourceBrowser.post(again.path+"/extend", with(sourceBrowser.get(again.path).form(again.path+"/extend"), "days", "40")).has(422, "from 1 to 30")
	sourceBrowser.post(again.path+"/extend", with(sourceBrowser.get(again.path).form(again.path+"/extend"), "days", "2")).has(200, "The time to decide now ends on")
}

// The table of a request leads to the pages of its SIMs, says once what to do about those
// that cannot be moved, and the page of a SIM does not claim that it moved with the others.
func TestSIMsOfARequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(4, transfer.Ready)
	sourceKey, destinationKey := s.accountKey(sourceID, storage.PermissionOwner), s.accountKey(destinationID, storage.PermissionOwner)
	source, sourceBrowser, destinationBrowser := s.as(sourceKey), s.signIn(sourceKey), s.signIn(destinationKey)
	if _, err := source.ChangeSIMs(t.Context(), client.NewBulkChange{SIMs: []string{iccid(3) + "-" + iccid(4)}, Change: client.BulkSettings{TransferLock: new(true)}}); err != nil {
		t.Fatal(err)
	}
	r := s.send(source, client.NewRequest{SIMs: []string{iccid(1), iccid(2), iccid(3), iccid(4)}})
	path := "/requests/" + r.ID.String()
	link := func(prefix string, n int) string { return `href="` + prefix + iccid(n) + `"` }

	p := sourceBrowser.get(path).has(200, link("/sims/", 1), link("/sims/", 4), "Method</th>")
	if n := strings.Count(p.text, transfer.SIMLocked.Remedy()); n != 1 {
		t.Errorf("what to do about locked SIMs is written %d times", n)
	}
	destinationBrowser.get(path).has(200, "Arrives as</th>").lacks(link("/sims/", 1))
	s.signIn(s.key(storage.NewKey{Role: storage.RoleSupport, Name: "desk"})).get(path).has(200, link("/support/sims/", 1))

	form := destinationBrowser.get(path).form(path + "/accept")
	destinationBrowser.post(path+"/accept", with(form, "which", "picked", "sim", iccid(1))).has(200, "1 SIM accepted")
	sourceBrowser.get(path).has(200, "it is too late to cancel").lacks("awaiting_acceptance")
	s.doWork()
	destinationBrowser.get(path).has(200, link("/sims/", 1), "Method</th>").lacks(link("/sims/", 2), "Arrives as")
	sourceBrowser.get(path).has(200, link("/sims/", 2)).lacks(link("/sims/", 1))
	sourceBrowser.get("/sims/"+iccid(2)).has(200, "Completed", "without this SIM")
	destinationBrowser.get("/sims/"+iccid(1)).has(200, "Completed").lacks("without this SIM")
}

// A page whose form was sent after the sign-in has ended, or for another account, keeps
// what was typed.
func TestNothingTypedIsLost(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(2, transfer.Ready)
	key := s.accountKey(sourceID, storage.PermissionOwner)
	r := s.send(s.as(key), client.NewRequest{SIMs: []string{iccid(1), iccid(2)}})
	path := "/requests/" + r.ID.String()
	b := s.signIn(key)
	fields := with(b.get(path).form(path+"/comment"), "text", "Long & <thought> over")
	b.post("/sign-out", url.Values{})
	lost := b.post(path+"/comment", fields).has(401, "You are signed out", "kept on this page")
	kept := lost.form(path + "/comment")
	if got := html.UnescapeString(kept.Get("text")); got != "Long & <thought> over" || kept.Get("_key") != fields.Get("_key") {
		t.Errorf("kept: %v", kept)
	}
	if p := b.post("/sign-in", url.Values{"key": {key}, "next": {"/signed-in"}}); p.path != "/signed-in" {
		t.Errorf("after signing in: %s", p.path)
	}
	b.post(path+"/comment", fields).has(200, "Long &amp; &lt;thought&gt; over")

	other := with(b.get(path).form(path+"/comment"), "text", "for the other", "_for", destinationID)
	b.post(path+"/comment", other).has(409, "You have switched accounts", destinationID, "for the other")
	if p := b.get(path); strings.Contains(p.text, "for the other") {
		t.Error("a form for another account has changed something")
	}
	if p := b.post(path+"/comment", url.Values{"text": {strings.Repeat("x", 2<<20)}}); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 2 MB: %d", p.status)
	}
	b.post(path+"/comment", url.Values{"text": {strings.Repeat("x", 5000)}}).has(422, "xxxxx</textarea>", "field-error")
}

// Pull requests and transfer codes, as the account that has the SIMs and the one that
// wants them.
func TestPullsAndCodes(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(6, transfer.Ready)
	sourceKey := s.accountKey(sourceID, storage.PermissionOwner)
	source, owner := s.as(sourceKey), s.signIn(sourceKey)
	destinationKey := s.accountKey(destinationID, storage.PermissionOwner)
	asker := s.signIn(destinationKey)
	ask := func(reference string) string {
		t.Helper()
		p, err := s.as(destinationKey).CreatePullRequest(t.Context(), client.NewPullRequest{ICCIDs: []string{iccid(1), iccid(2)}, Reference: reference, Message: "ours <b>"})
		if err != nil {
			t.Fatal(err)
		}
		return "/pulls/" + p.ID.String()
	}
	path := ask("ASK-1")
	owner.get("/").has(200, "Company 2 asks you for 2 SIMs", "ours &lt;b&gt;")
	asker.get("/pulls").has(200, "ASK-1", path)
	p := owner.get(path).has(200, "Send 2 SIMs", `href="/sims/`+iccid(1)+`"`, "Refuse")
	owner.post(path+"/approve", with(p.form(path+"/approve"), "which", "picked", "message", "kept")).has(422, "tick at least one", "kept")
	owner.post(path+"/approve", with(p.form(path+"/approve"), "which", "picked", "sim", iccid(1))).has(200, "You agreed", "The answer has made a transfer")
	owner.post(path+"/refuse", p.form(path+"/refuse")).has(409, "has changed since you opened the page")
	second := ask("ASK-2")
	owner.post(second+"/refuse", owner.get(second).form(second+"/refuse")).has(200, "Refused")
	third := ask("ASK-3")
	asker.post(third+"/cancel", asker.get(third).form(third+"/cancel")).has(200, "You no longer ask")

	code, err := source.CreateTransferCode(t.Context(), client.NewTransferCode{SIMs: []string{iccid(3)}})
	if err != nil {
		t.Fatal(err)
	}
	redeem := asker.get("/redeem?code="+code.Code).has(200, code.Code)
	asker.post("/redeem", with(redeem.form("/redeem"), "code", "AAAA")).has(422, `value="AAAA"`)
	redeemed := asker.post("/redeem", with(redeem.form("/redeem"), "code", code.Code)).has(200, "The code was redeemed")
	s.doWork()
	asker.get(redeemed.path).has(200, "Accept 1 SIM")
}

// What runs, and a batch that is canceled.
func TestRunningAndBatch(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(4, transfer.Ready)
	key := s.accountKey(sourceID, storage.PermissionOperator)
	b := s.signIn(key)
	b.get("/running").has(200, "Nothing is running")
	batch, err := s.as(key).CreateBatchFromSelection(t.Context(), client.NewRequest{
		Destination: client.Destination{Email: strings.ToLower(destinationID) + "@example.com", OperatorID: destinationID},
		SIMs:        []string{iccid(1), iccid(2), iccid(3)}, Reference: "MERGER",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := "/batches/" + batch.ID.String()
	b.get("/running").has(200, "MERGER", path, "hx-get")
	s.doWork()
	p := b.get(path).has(200, "Batch of 3 SIMs", "1 request", "Cancel transfer of 3 SIMs")
	b.get(path+"/results.csv").has(200, iccid(1))
	b.post(path+"/cancel", with(p.form(path+"/cancel"), "code", "other")).has(422, "Cancel transfer of 3 SIMs")
	b.post(path+"/cancel", with(p.form(path+"/cancel"), "code", "duplicate")).has(200, "1 request of the batch canceled")
	s.doWork()
	b.get("/running").has(200, "Batches that are over")
}

// An owner sets what arriving SIMs get. The inbox says so, and the form of a request has
// it filled in, to be changed or emptied.
func TestLandingProfilePages(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(3, transfer.Ready)
	source, key := s.as(s.accountKey(sourceID, storage.PermissionOwner)), s.accountKey(destinationID, storage.PermissionOwner)
	destination, owner := s.as(key), s.signIn(key)
	settings := with(owner.get("/settings").has(200, "What arriving SIMs get").form("/settings/landing"), "landing.group", script, "landing.tags", "no tag")
	owner.post("/settings/landing", settings).has(422, "write one tag a line", "no tag</textarea>", "&lt;script&gt;")
	owner.post("/settings/landing", with(settings, "landing.group", "arrivals", "landing.tags", "origin=transfer\nsite=north")).
		has(200, "The landing profile is saved", `value="arrivals"`, "origin=transfer\nsite=north</textarea>")

	offered := make([]client.Request, 3)
	for i := range offered {
		offered[i] = s.send(source, client.NewRequest{SIMs: []string{iccid(i + 1)}})
	}
	inbox := owner.get("/").has(200, "Will arrive with group arrivals, origin=transfer, site=north")
	accept := func(r client.Request, p page, fields ...string) *client.Landing {
		t.Helper()
		path := "/requests/" + r.ID.String() + "/accept"
		owner.post(path, with(p.form(path), fields...)).has(200, "1 SIM accepted")
		after, err := destination.GetRequest(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return after.Landing
	}
	if l := accept(offered[0], inbox); l == nil || l.Group != "arrivals" || len(l.Tags) != 2 {
		t.Errorf("accepted in the inbox, the SIM lands with %+v", l)
	}
	form := owner.get("/requests/"+offered[1].ID.String()).has(200, `value="arrivals"`, "origin=transfer\nsite=north</textarea>")
	if l := accept(offered[1], form, "landing.group", "special", "landing.tags", ""); l == nil || l.Group != "special" || len(l.Tags) != 0 {
		t.Errorf("changed in the form, the SIM lands with %+v", l)
	}
	if l := accept(offered[2], owner.get("/requests/"+offered[2].ID.String()), "landing.group", "", "landing.tags", ""); l != nil {
		t.Errorf("emptied in the form, the SIM lands with %+v", l)
	}
	owner.post("/settings/landing", with(owner.get("/settings").form("/settings/landing"), "landing.group", "", "landing.tags", "")).has(200, "Arriving SIMs get nothing")
}
