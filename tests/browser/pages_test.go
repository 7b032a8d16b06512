package browser_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"simtransfer/client"
	"simtransfer/command"
	"simtransfer/command/commandtest"
	"simtransfer/dev/stack"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestMain(m *testing.M) { commandtest.Main(m, command.Run) }

// TestPages opens the web pages in a browser: they must work under their content
// security policy, and load nothing from other servers.
func TestPages(t *testing.T) {
	t.Parallel()
	stack, err := stack.Start(t.Context(), stack.Options{Env: []string{commandtest.Env, "SIMTRANSFER_ALLOW_ACCEPT_ON_BEHALF=true"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := stack.Admin.URL

	t.Run("docs", func(t *testing.T) {
		t.Parallel()
		page := open(t, url)
		page.run(
			chromedp.Navigate(url+"/docs"),
			chromedp.WaitVisible(`//span[contains(., "/v1/transfer-requests")]`),
		)
		text := page.text("body")
		if !strings.Contains(text, "Create a transfer request") {
			t.Errorf("the page does not describe how to create a transfer request:\n%.2000s", text)
		}
		page.run(
			chromedp.Click(`//span[contains(., "/v1/transfer-requests")]`),
			chromedp.WaitVisible(`//button[contains(., "Try it out")]`),
			chromedp.Click(`//button[contains(., "Try it out")]`),
			chromedp.WaitVisible(`//button[contains(., "Execute")]`),
		)
	})

	t.Run("queues", func(t *testing.T) {
		t.Parallel()
		page := open(t, url)
		page.run(
			chromedp.Navigate(url+"/ops/queues/"),
			chromedp.WaitVisible(`input[type=password]`),
			chromedp.SendKeys(`input[type=password]`, stack.Admin.Key+"\n"),
			chromedp.WaitVisible(`//*[normalize-space()="Queue Size"]`),
		)
		if color := page.evaluate(`getComputedStyle(document.body).backgroundColor`); color != "rgb(250, 250, 250)" {
			t.Errorf("the background is %s: the style sheets of the page do not apply", color)
		}
		for path, text := range map[string]string{
			"/servers":     "Servers",
			"/schedulers":  "Scheduler Entries",
			"/redis":       "Redis Info",
			"/settings":    "Settings",
			"/queues/bulk": "Pending",
		} {
			page.run(
				chromedp.Navigate(url+"/ops/queues"+path),
				chromedp.WaitVisible(`//*[contains(normalize-space(text()), "`+text+`")]`),
			)
		}
	})

	t.Run("start", func(t *testing.T) {
		t.Parallel()
		page := open(t, url)
		page.run(
			chromedp.Navigate(url+"/about"),
			chromedp.WaitVisible(`//a[normalize-space()="API documentation"]`),
		)
	})

	t.Run("day of a source", func(t *testing.T) {
		t.Parallel()
		dayOfSource(t, stack)
	})

	t.Run("day of support", func(t *testing.T) {
		t.Parallel()
		dayOfSupport(t, stack)
		actsOfStaff(t, stack)
	})

	t.Run("day of finance", func(t *testing.T) {
		t.Parallel()
		dayOfFinance(t, stack)
	})

	t.Run("mishaps", func(t *testing.T) {
		t.Parallel()
		mishaps(t, stack)
	})

	t.Run("keys only", func(t *testing.T) {
		t.Parallel()
		keysOnly(t, stack)
	})

	t.Run("queues with a wrong key", func(t *testing.T) {
		t.Parallel()
		page := open(t, url)
		page.run(
			chromedp.Navigate(url+"/sign-in"),
			chromedp.SendKeys(`input[type=password]`, "st_admin_guess\n"),
			chromedp.WaitVisible(`[role=alert]`),
		)
	})
}

// page is a tab of a separate browser. It reports violations of the content
// security policy and responses from other origins as test failures.
type page struct {
	t   *testing.T
	ctx context.Context
}

// openAccounts creates a plan and accounts, and returns a key of each account.
func openAccounts(t *testing.T, s *stack.Stack, plan string, ids ...transfer.OperatorID) map[transfer.OperatorID]string {
	t.Helper()
	if _, err := s.Admin.PutPlan(t.Context(), plan, client.PlanSettings{}); err != nil {
		t.Fatal(err)
	}
	keys := map[transfer.OperatorID]string{}
	for _, id := range ids {
		account := client.NewAccount{OperatorID: id, Email: strings.ToLower(string(id)) + "@example.com", Currency: "EUR", Coverage: "global"}
		if _, err := s.Admin.CreateAccount(t.Context(), account); err != nil {
			t.Fatal(err)
		}
		key, err := s.EnsureKey(t.Context(), storage.NewKey{Role: storage.RoleAccount, OperatorID: id, Name: "desk of " + string(id)})
		if err != nil {
			t.Fatal(err)
		}
		keys[id] = key
	}
	return keys
}

// open starts a browser that may load from one origin.
func open(t *testing.T, origin string) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // tests may run as root, and open only our own pages
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		// Pages that are shown again are loaded again, which the driver waits for.
		chromedp.Flag("disable-features", "site-per-process,Translate,BlinkGenPropertyTrees,BackForwardCache"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	ctx, cancelBrowser := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancelTab()
		cancelBrowser()
		cancel()
	})
	p := &page{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(event any) { p.notice(origin, event) }); err != nil {
		t.Fatalf("starting a browser: %v; is chromium installed? sh deployments/setup.sh chromium", err)
	}
	for _, enable := range []func() error{
		func() error {
			_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
			return err
		},
		func() error { _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatalf("enabling browser events: %v", err)
		}
	}
	return p
}

func (p *page) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("running browser actions at %s: %v; the page says:\n%s", p.evaluate("location.href"), err, p.evaluate(`(document.querySelector("main") ?? document.body).innerText.slice(0, 3000)`))
	}
}

func (p *page) text(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		p.t.Fatalf("reading %s: %v", selector, err)
	}
	return text
}

// evaluate returns the value of a JavaScript expression.
func (p *page) evaluate(expression string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return value
}

// notice handles a browser event.
func (p *page) notice(origin string, event any) {
	switch e := event.(type) {
	case *network.EventResponseReceived:
		if u := e.Response.URL; !strings.HasPrefix(u, origin) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
			p.t.Errorf("the page loaded %s, from another origin", u)
		}
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity {
			p.t.Errorf("the browser reports: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	}
}
