package browser_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"simtransfer/dev/stack"
	"simtransfer/storage"
)

// dayOfFinance plans a fee and withdraws it, and looks at what was charged, in a browser
// with and without JavaScript.
func dayOfFinance(t *testing.T, s *stack.Stack) {
	t.Helper()
	key, err := s.EnsureKey(t.Context(), storage.NewKey{Role: storage.RoleFinance, Name: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []bool{true, false} {
		page := open(t, s.Admin.URL)
		if _, err := chromedp.Call(page.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script}); err != nil {
			t.Fatal(err)
		}
		page.run(chromedp.EmulateViewport(1366, 768))
		page.signIn(s.Admin.URL, key)
		page.run(
			chromedp.Navigate(s.Admin.URL+"/fees"),
			chromedp.Click(`//summary[.="New fee"]`),
			chromedp.SendKeys(`input[name="fee.amount"]`, "7.25"),
			chromedp.SendKeys(`input[name="fee.currency"]`, "PLN"),
			chromedp.SetValue(`input[name=valid_from]`, time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly)),
			chromedp.Click(`//button[.="Add fee"]`),
			chromedp.WaitVisible(`//tr[contains(., "7.25 PLN")][contains(., "planned")]`),
		)
		if script {
			page.hover()
		}
		page.run(
			chromedp.Click(`//tr[contains(., "7.25 PLN")]//button[.="Withdraw"]`),
			chromedp.WaitVisible(`//*[@role="status"][contains(., "is withdrawn")]`),
		)
		if text := page.text("main"); strings.Contains(text, "7.25 PLN") {
			t.Errorf("the fee was not withdrawn:\n%s", text)
		}
		page.run(
			chromedp.Click(`.side a[href="/charges"]`),
			chromedp.WaitVisible(`//h1[.="Charges"]`),
			chromedp.Click(`//a[.="Previous month"]`),
			chromedp.WaitVisible(`//h2[contains(., "`+lastMonth()+`")]`),
		)
	}
}

// lastMonth is the name of the month before this one.
func lastMonth() string {
	year, month, _ := time.Now().UTC().Date()
	return time.Date(year, month-1, 1, 0, 0, 0, 0, time.UTC).Format("January 2006")
}

// hover checks that times are in the reader's zone and show UTC to a pointer that rests
// on them.
func (p *page) hover() {
	p.t.Helper()
	if title := p.evaluate(`document.querySelector("main time").title`); !strings.HasSuffix(title, "UTC") {
		p.t.Errorf("the title of a time is %q", title)
	}
}
