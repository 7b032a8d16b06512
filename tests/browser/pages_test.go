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

	"simtransfer/command"
	"simtransfer/command/commandtest"
	"simtransfer/dev/stack"
)

func TestMain(m *testing.M) { commandtest.Main(m, command.Run) }

// TestPages looks at the pages for people as a browser shows them: they work,
// under their content security policy, without loading anything from
// other servers.
func TestPages(t *testing.T) {
	t.Parallel()
	stack, err := stack.Start(t.Context(), stack.Options{Env: []string{commandtest.Env}})
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
			t.Errorf("the page does not describe how to ask for a transfer:\n%.2000s", text)
		}
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
	})

	t.Run("queues with a wrong key", func(t *testing.T) {
		t.Parallel()
		page := open(t, url)
		page.run(
			chromedp.Navigate(url+"/ops/login"),
			chromedp.SendKeys(`input[type=password]`, "st_admin_guess\n"),
			chromedp.WaitVisible(`[role=alert]`),
		)
	})
}

// page is a tab of a browser of its own that takes note of what should not be.
type page struct {
	t   *testing.T
	ctx context.Context
}

// open starts a browser that may talk to one origin.
func open(t *testing.T, origin string) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // tests may run as root, and open only our own pages
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
			t.Fatalf("listening to the browser: %v", err)
		}
	}
	return p
}

func (p *page) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("looking at a page: %v", err)
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

// notice takes note of answers by others, and of complaints about content.
func (p *page) notice(origin string, event any) {
	switch e := event.(type) {
	case *network.EventResponseReceived:
		if u := e.Response.URL; !strings.HasPrefix(u, origin) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
			p.t.Errorf("the page was answered by %s", u)
		}
	case *log.EventEntryAdded:
		// asynqmon asks for two fonts that it can do without; our policy is
		// there to refuse them.
		if e.Entry.Source == log.EntrySourceSecurity && !strings.Contains(e.Entry.Text, "https://fonts.googleapis.com/") {
			p.t.Errorf("the browser complains: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	}
}
