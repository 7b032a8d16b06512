package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/transfer"
)

const (
	sender   = "OP0000000101"
	receiver = "OP0000000102"
)

// dayOfSupport looks up a SIM, and decides on several requests at once, in a browser with
// and without JavaScript.
func dayOfSupport(t *testing.T, s *stack.Stack) {
	t.Helper()
	requests := reviewed(t, s, 4)
	key, err := s.EnsureKey(t.Context(), storage.NewKey{Role: storage.RoleSupport, Name: "support desk"})
	if err != nil {
		t.Fatal(err)
	}
	for i, script := range []bool{true, false} {
		page := open(t, s.Admin.URL)
		if _, err := chromedp.Call(page.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script}); err != nil {
			t.Fatal(err)
		}
		page.run(
			chromedp.EmulateViewport(1366, 768),
			chromedp.Navigate(s.Admin.URL+"/queue"),
			chromedp.WaitVisible(`input[name=key]`),
			chromedp.SendKeys(`input[name=key]`, key+"\n"),
			chromedp.WaitVisible(`//h1[.="Requests to review"]`),
		)

		// The phone rings: whose SIM is it, and what has happened to it?
		if script {
			page.run(chromedp.WaitReady(`html.js`), chromedp.KeyEvent("/"))
			if focused := page.evaluate(`document.activeElement.name ?? document.activeElement.outerHTML.slice(0, 200)`); focused != "q" {
				t.Errorf("the key / goes to %q", focused)
			}
			page.run(chromedp.Navigate(s.Admin.URL + "/queue")) // the driver has typed the key as well
		}
		page.run(
			chromedp.SendKeys(`.side input[type=search]`, testSIM(1)+"\n"),
			chromedp.WaitVisible(`//h2[.="Life"]`),
		)
		if text := page.text("main"); !strings.Contains(text, "Entered the inventory, for "+sender) {
			t.Errorf("the page of the SIM lacks how it began:\n%s", text)
		}

		// Two requests are approved at once.
		page.run(chromedp.Navigate(s.Admin.URL + "/queue"))
		two := requests[2*i : 2*i+2]
		for _, r := range two {
			page.run(chromedp.Click(`input[value="` + r + `"]`))
		}
		label := "Approve the ticked requests…"
		if script {
			label = "Approve 2 requests…"
		}
		page.run(
			chromedp.Click(`//button[.="`+label+`"]`),
			chromedp.WaitVisible(`//h1[.="Approve 2 requests"]`),
			chromedp.SendKeys(`input[name=ticket]`, "CASE-1"),
			chromedp.Click(`//button[.="Check what happens"]`),
			chromedp.WaitVisible(`//strong[.="2 requests would be approved."]`),
			chromedp.Click(`//button[.="Approve 2 requests"]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "Approved 2 requests.")]`),
		)
		for _, r := range two {
			page, err := s.Admin.ListRequests(t.Context(), client.RequestFilter{Ticket: "CASE-1"}, client.Paging{})
			if err != nil {
				t.Fatal(err)
			}
			approved := false
			for _, got := range page.Items {
				approved = approved || got.ID.String() == r && got.State == transfer.AwaitingAcceptance
			}
			if !approved {
				t.Errorf("request %s is not approved", r)
			}
		}
	}
}

// actsOfStaff denies several requests, accepts one for the destination, and adds and
// changes a gateway, in a browser with and without JavaScript.
func actsOfStaff(t *testing.T, s *stack.Stack) {
	t.Helper()
	key, err := s.EnsureKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "night desk"}) // not the one that made the requests
	if err != nil {
		t.Fatal(err)
	}
	another, err := s.EnsureKey(t.Context(), storage.NewKey{Role: storage.RoleAdmin, Name: "phone desk"})
	if err != nil {
		t.Fatal(err)
	}
	for i, script := range []bool{true, false} {
		page := open(t, s.Admin.URL)
		if _, err := chromedp.Call(page.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script}); err != nil {
			t.Fatal(err)
		}
		page.run(chromedp.EmulateViewport(1366, 768))
		page.signIn(s.Admin.URL, key)

		three := waiting(t, s, 5+3*i, 3)
		page.run(chromedp.Navigate(s.Admin.URL + "/queue"))
		for _, r := range three[:2] {
			page.run(chromedp.Click(`input[value="` + r + `"]`))
		}
		page.run(
			chromedp.Click(`//button[@value="deny"]`),
			chromedp.WaitVisible(`//h1[.="Deny 2 requests"]`),
			chromedp.SendKeys(`textarea[name=reason]`, "The plan is not sold there."),
			chromedp.Click(`//button[.="Check what happens"]`),
			chromedp.Click(`//button[.="Deny 2 requests"]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "Denied 2 requests.")]`),

			chromedp.Navigate(s.Admin.URL+"/requests/"+three[2]),
			chromedp.SendKeys(`input[name=ticket]`, "CASE-2"),
			chromedp.Click(`//button[.="Approve 1 SIM"]`),
			chromedp.WaitVisible(`[role=status]`),
		)
		// Who has approved cannot accept as well.
		page.forget()
		page.signIn(s.Admin.URL, another)
		page.run(
			chromedp.Navigate(s.Admin.URL+"/requests/"+three[2]),
			chromedp.SendKeys(`input[name="on_behalf.reason"]`, "They called."),
			chromedp.SendKeys(`input[name="on_behalf.ticket"]`, "CASE-3"),
			chromedp.Click(`//button[contains(., "for the destination")]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "1 SIM accepted")]`),
		)

		name := fmt.Sprintf("10.99.%d.1", i)
		page.run(
			chromedp.Navigate(s.Admin.URL+"/gateways"),
			chromedp.Click(`//summary[.="New gateway"]`),
			chromedp.SendKeys(`#gateway input[name=name][type=text]`, name),
			chromedp.SendKeys(`input[name=description]`, "first floor"),
			chromedp.SendKeys(`input[name=secret]`, "only in this test"),
			chromedp.Click(`//button[.="Save gateway"]`),
			chromedp.WaitVisible(`//section[contains(., "`+name+`")][contains(., "first floor")]`),
			chromedp.Click(`//section[contains(., "`+name+`")]//a[.="Change"]`),
			chromedp.SetValue(`input[name=description]`, "second floor"),
			chromedp.Click(`//button[.="Save gateway"]`),
			chromedp.WaitVisible(`//section[contains(., "`+name+`")][contains(., "second floor")]`),
		)
	}
}

func testSIM(n int) string { return fmt.Sprintf("8988299%012d", n) }

// reviewed creates requests that wait for support, and returns their ids.
func reviewed(t *testing.T, s *stack.Stack, n int) []string {
	t.Helper()
	ctx := t.Context()
	openAccounts(t, s, "browsers", sender, receiver)
	if _, err := s.Admin.CreateFee(ctx, client.NewFee{Method: transfer.SupportAssisted, Fee: &client.MoneyInput{Amount: "2.50", Currency: "EUR"}}); err != nil {
		t.Fatal(err)
	}
	return waiting(t, s, 1, n)
}

// waiting creates requests of SIMs from a number on that wait for support, and returns
// their ids.
func waiting(t *testing.T, s *stack.Stack, first, n int) []string {
	t.Helper()
	ctx := t.Context()
	var sims strings.Builder
	sims.WriteString("iccid,imsis,account,plan,status\n")
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&sims, "%s,00109%010d,%s,browsers,active\n", testSIM(i), i, sender)
	}
	if _, err := s.Admin.ImportSIMs(ctx, client.CSV, strings.NewReader(sims.String())); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := first; i < first+n; i++ {
		r, err := s.Admin.CreateRequest(ctx, client.NewRequest{
			OnBehalfOf: sender, Destination: client.Destination{Email: strings.ToLower(receiver) + "@example.com", OperatorID: receiver}, SIMs: []string{testSIM(i)},
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID.String())
		for e, err := range s.Admin.StreamRequest(ctx, r.ID, "") {
			if err != nil {
				t.Fatal(err)
			}
			if e.To == transfer.InReview {
				break
			}
		}
	}
	return ids
}
