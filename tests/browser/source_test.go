package browser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"simtransfer/client"
	"simtransfer/dev/stack"
)

const (
	shipper = "OP0000000111"
	buyer   = "OP0000000112"
)

func shippedSIM(n int) string { return fmt.Sprintf("8988298%012d", n) }

// dayOfSource finds SIMs, picks some, and sends them in three steps, in a browser with
// and without JavaScript: also with the back button, a second click, and a file.
func dayOfSource(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := t.Context()
	key := openAccounts(t, s, "shipped", shipper, buyer)[shipper]
	var sims strings.Builder
	sims.WriteString("iccid,imsis,account,plan,lot\n")
	for i := 1; i <= 60; i++ {
		fmt.Fprintf(&sims, "%s,00108%010d,%s,shipped,box-%d\n", shippedSIM(i), i, shipper, i%2)
	}
	if _, err := s.Admin.ImportSIMs(ctx, client.CSV, strings.NewReader(sims.String())); err != nil {
		t.Fatal(err)
	}
	api := s.Admin.URL
	source := &client.Client{URL: api, Key: key}
	for i, script := range []bool{true, false} {
		page := open(t, api)
		if _, err := chromedp.Call(page.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script}); err != nil {
			t.Fatal(err)
		}
		page.run(
			chromedp.EmulateViewport(1366, 768),
			chromedp.Navigate(api+"/sims"),
			chromedp.WaitVisible(`input[name=key]`),
			chromedp.SendKeys(`input[name=key]`, key+"\n"),
			chromedp.WaitVisible(`//h1[.="SIMs"]`),
		)

		// A lot is searched for, two of its SIMs are ticked.
		first, second := shippedSIM(10*i+1), shippedSIM(10*i+3)
		page.run(
			chromedp.SendKeys(`textarea[name=q]`, "box-1"),
			chromedp.Click(`.search button`),
			chromedp.WaitVisible(`//a[contains(., "Lot box-1")]`),
			chromedp.Click(`input[value="`+first+`"]`),
			chromedp.Click(`input[value="`+second+`"]`),
		)
		button := "Transfer"
		if script {
			button = "Transfer 2 SIMs"
		}
		reference := fmt.Sprintf("PO-%d", i)
		page.run(
			chromedp.Click(`//button[@name="do"][normalize-space()="`+button+`"]`),
			chromedp.WaitVisible(`//strong[.="2 SIMs that you chose"]`),
		)
		if i == 0 { // the second time, the destination is among the recent ones
			page.run(
				chromedp.Click(`input[name=to][value=new]`),
				chromedp.SendKeys(`input[name="destination.operator_id"]`, buyer),
				chromedp.SendKeys(`input[name="destination.email"]`, strings.ToLower(buyer)+"@example.com"),
			)
		} else {
			page.run(chromedp.Click(`//label[contains(., "` + buyer + `")]//input`))
		}
		page.run(
			chromedp.SendKeys(`input[name=reference]`, reference),
			chromedp.Click(`//button[.="Review"]`),
			chromedp.WaitVisible(`//h1[.="Review the transfer"]`),
			// The back button goes to the step before, with what was typed.
			chromedp.NavigateBack(),
			chromedp.WaitVisible(`//h1[.="To whom?"]`),
			chromedp.NavigateForward(),
			chromedp.WaitVisible(`//button[.="Transfer 2 SIMs"]`),
			chromedp.Click(`//button[.="Transfer 2 SIMs"]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "The transfer was created")]`),
			// Back, and the same again: it is the same transfer.
			chromedp.NavigateBack(),
			chromedp.WaitVisible(`//button[.="Transfer 2 SIMs"]`),
			chromedp.Click(`//button[.="Transfer 2 SIMs"]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "The transfer was created")]`),
		)
		made, err := source.ListRequests(ctx, client.RequestFilter{Reference: reference}, client.Paging{})
		if err != nil || len(made.Items) != 1 || made.Items[0].Counts.SIMs != 2 || made.Items[0].Destination != buyer {
			t.Fatalf("the requests with the reference %s are %+v, %v", reference, made.Items, err)
		}

		// A file with a wrong line: the line is corrected.
		file := filepath.Join(t.TempDir(), "sims.csv")
		if err := os.WriteFile(file, []byte("ICCID;Note\n"+shippedSIM(30)+";a\nwrong;b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		page.run(
			chromedp.Navigate(api+"/transfers/new"),
			chromedp.WaitVisible(`//h1[.="Which SIMs?"]`),
			chromedp.SetUploadFiles(`input[name=file]`, []string{file}),
			chromedp.Click(`//button[.="Check the SIMs"]`),
			chromedp.WaitVisible(`//strong[.="1 line has to be corrected or left out"]`),
			chromedp.SetValue(`textarea[name=paste]`, shippedSIM(31)),
			chromedp.Click(`//button[.="Check again"]`),
			chromedp.WaitVisible(`//strong[.="2 SIMs that you chose"]`),
		)

		// All that match are locked, by filter.
		page.run(
			chromedp.Navigate(api+"/sims?lot=box-0"),
			chromedp.WaitVisible(`//h1[.="SIMs"]`),
			chromedp.Click(`input[name=every]`),
			chromedp.Click(`button[value=lock]`),
			chromedp.WaitVisible(`//h1[.="Lock 30 SIMs"]`),
		)
		if i == 0 {
			page.run(chromedp.Click(`//button[.="Lock 30 SIMs"]`), chromedp.WaitVisible(`//*[@role="status"][contains(., "30 SIMs locked.")]`))
		} else if text := page.text("main"); !strings.Contains(text, "There is nothing to change") {
			t.Errorf("SIMs that are locked already:\n%s", text)
		}
	}
}
