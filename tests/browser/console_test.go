package browser_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"simtransfer/client"
	"simtransfer/command/commandtest"
	"simtransfer/dev/sample"
	"simtransfer/dev/stack"
)

// TestConsole uses the console in a browser as the people of the demonstration do, and
// checks every page of each role with axe, in light and dark and on a phone.
func TestConsole(t *testing.T) {
	t.Parallel()
	service, err := stack.Start(t.Context(), stack.Options{Env: []string{commandtest.Env}, OneClick: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(); err != nil {
			t.Error(err)
		}
	})
	in, err := sample.Install(t.Context(), service, sample.ForBatch(400))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	if err := in.OpenRequests(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := service.WriteSignIns(in.SignIns()); err != nil {
		t.Fatal(err)
	}
	source, to := in.Accounts[sample.BatchSource], sample.Accounts()[3]
	if _, err := source.CreateBatchFromSelection(t.Context(), client.NewRequest{Destination: client.Destination{Email: to.Email, OperatorID: to.OperatorID.Ref()}, AllSIMs: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := source.CreateTransferCode(t.Context(), client.NewTransferCode{AllSIMs: true}); err != nil {
		t.Fatal(err)
	}
	first, err := source.ListSIMs(t.Context(), client.SIMFilter{}, client.Paging{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("Ærøskøbing ", 20)
	if _, err := source.UpdateSIM(t.Context(), first.Items[0].ICCID, client.SIMChange{Tags: map[string]*string{"harbour": &long}}); err != nil {
		t.Fatal(err)
	}
	endpoint, err := source.CreateWebhookEndpoint(t.Context(), client.NewWebhookEndpoint{URL: "https://webhooks.invalid/simtransfer"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.TestWebhookEndpoint(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	url, all := service.Admin.URL, readPages(t)
	addresses := map[string][]string{
		"North Sensors Ltd": {"/nowhere", "/signed-in", "/redeemed/" + endpoint.ID.String(), "/sims/change?do=tags&filter=prefix%3D8999901"},
		"Support":           {"/look-up?q=nothing", "/sims"},
	}
	stranger := open(t, url)
	axe, err := os.ReadFile("testdata/axe-4.11.0.min.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		stranger.check(string(axe), url, "/try", first)
		stranger.check(string(axe), url, "/sign-in", first)
	}
	// One browser after the other: they share the machine with the service.
	for _, name := range []string{"North Sensors Ltd", "Support", "Finance", "Administrator", "Harbour Logistics"} { //nolint:paralleltest // see above
		t.Run(name, func(t *testing.T) {
			page := signIn(t, url, name)
			page.checkPages(all, url, addresses[name]...)
			if name == "Harbour Logistics" {
				page.acceptSome(url)
				page.acceptWithoutScript(url)
			}
		})
	}
	if len(all.missing) > 0 {
		t.Errorf("no one has opened the pages %v: add addresses or links that lead to them", slices.Sorted(maps.Keys(all.missing)))
	}
}

// signIn opens the console with one click.
func signIn(t *testing.T, url, name string) *page {
	t.Helper()
	p := open(t, url)
	p.run(
		chromedp.Navigate(url+"/"),
		chromedp.Click(`//button[contains(., "`+name+`")]`),
		chromedp.WaitVisible(`.frame`),
	)
	return p
}

// pages is the table of pages of the console that a browser can open.
type pages struct {
	mux     *http.ServeMux
	missing map[string]bool // patterns of pages that no one has opened
}

// readPages reads the table of pages from its source: only package console can use it.
func readPages(t *testing.T) *pages {
	t.Helper()
	source, err := os.ReadFile("../../console/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	p := &pages{http.NewServeMux(), map[string]bool{}}
	for _, m := range regexp.MustCompile(`method: get, path: "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		pattern := m[1]
		p.mux.Handle(pattern, http.NotFoundHandler())
		if !strings.HasSuffix(pattern, ".csv") && !strings.HasSuffix(pattern, "/live") {
			p.missing[pattern] = true
		}
	}
	if len(p.missing) < 30 {
		t.Fatalf("the table has %d pages", len(p.missing))
	}
	return p
}

// pattern returns the page of an address, empty if there is none.
func (p *pages) pattern(address string) string {
	path, _, _ := strings.Cut(address, "?")
	_, pattern := p.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return pattern
}

// checkPages opens each page of the console once that links lead to from the navigation
// and from some addresses, and checks it with axe, in light and dark, and on a phone.
func (p *page) checkPages(all *pages, origin string, addresses ...string) {
	p.t.Helper()
	axe, err := os.ReadFile("testdata/axe-4.11.0.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	opened := map[string]bool{}
	for todo := append([]string{"/"}, addresses...); len(todo) > 0; todo = todo[1:] {
		address := todo[0]
		pattern := all.pattern(address)
		if opened[pattern] && pattern != "" {
			continue
		}
		opened[pattern] = true
		first := all.missing[pattern]
		delete(all.missing, pattern)
		p.check(string(axe), origin, address, first)
		if heading := p.text("main h1"); heading == "Not for you" {
			p.t.Errorf("a link leads to %s, which is not for the one who sees it", address)
		}
		var links []string
		text := p.evaluate(`JSON.stringify([...document.querySelectorAll(".side a, main a")].map(a => a.getAttribute("href")))`)
		if err := json.Unmarshal([]byte(text), &links); err != nil {
			p.t.Fatal(err)
		}
		for _, link := range links {
			link, _, _ = strings.Cut(link, "#")
			if pattern := all.pattern(link); pattern != "" && !opened[pattern] && !strings.HasSuffix(pattern, ".csv") {
				todo = append(todo, link)
			}
		}
	}
	if len(opened) < 9 { // as finance sees
		p.t.Errorf("the links of the console lead to %v", slices.Sorted(maps.Keys(opened)))
	}
}

// check opens a page and checks it. The first time, axe looks at it in light in a large
// window and in dark on a phone, and later in dark in a large window: to look at every
// page in all four ways takes too long.
func (p *page) check(axe, origin, address string, first bool) {
	p.t.Helper()
	p.run(chromedp.EmulateViewport(1366, 768), chromedp.Navigate(origin+address), chromedp.WaitVisible(`main h1`))
	for _, scheme := range []string{"light", "dark"} {
		if scheme == "light" && !first {
			continue
		}
		if scheme == "light" || !first {
			p.run(chromedp.EmulateViewport(1366, 768))
		} else {
			p.run(chromedp.EmulateViewport(390, 844))
		}
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}); err != nil {
			p.t.Fatal(err)
		}
		found, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](axe+`;
			document.querySelectorAll("main details").forEach(d => d.open = true);
			axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => r.violations.map(v =>
				v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
		if err != nil {
			p.t.Fatal(err)
		}
		if found != "" {
			p.t.Errorf("%s, %s: %s", address, scheme, found)
		}
	}
	for _, size := range []struct{ width, height int64 }{{1366, 768}, {390, 844}} {
		p.run(chromedp.EmulateViewport(size.width, size.height))
		if wide := p.evaluate(`String(document.documentElement.scrollWidth - document.documentElement.clientWidth)`); wide != "0" {
			p.t.Errorf("%s is %s pixels wider than a window of %d", address, wide, size.width)
		}
		if cut := p.evaluate(`[...document.querySelectorAll(".card.flush")].filter(c => c.scrollWidth > c.clientWidth).map(c => c.textContent.trim().slice(0, 60)).join(" | ")`); cut != "" {
			p.t.Errorf("%s in a window of %d cuts off the right side of: %s", address, size.width, cut)
		}
		if cut := p.evaluate(`[...document.querySelectorAll("table.cards td:not(.pick)")].filter(td => {
			const content = document.createRange();
			content.selectNodeContents(td);
			return content.getBoundingClientRect().right > td.getBoundingClientRect().right + 1;
		}).map(td => td.textContent.trim().slice(0, 60)).join(" | ")`); cut != "" {
			p.t.Errorf("%s in a window of %d has cells whose text is wider: %s", address, size.width, cut)
		}
		if over := p.evaluate(`[...document.querySelectorAll(".stats > div")].filter(d => d.scrollWidth > d.clientWidth).map(d => d.textContent.trim()).join(" | ")`); over != "" {
			p.t.Errorf("%s in a window of %d has figures that are wider than their place: %s", address, size.width, over)
		}
	}
	p.run(chromedp.EmulateViewport(1366, 768))
}

// acceptSome accepts two SIMs of a request, and sees them move without loading the page.
func (p *page) acceptSome(url string) {
	p.t.Helper()
	p.run(
		chromedp.Navigate(url+"/"),
		chromedp.Click(`article h2 a`),
		chromedp.WaitVisible(`.steps`),
	)
	p.evaluate(`(navigator.clipboard.writeText = async text => { document.body.dataset.copied = text }, "")`)
	p.run(
		chromedp.Click(`dl.facts .copy`),
		chromedp.WaitVisible(`.copy.done`),
	)
	if copied := p.evaluate(`document.body.dataset.copied`); copied == "" || !strings.HasSuffix(p.evaluate(`location.pathname`), copied) {
		p.t.Errorf("the button copies %q", copied)
	}
	p.run(
		chromedp.Click(`tbody tr:nth-child(1) input[data-pick]`),
		chromedp.Click(`tbody tr:nth-child(2) input[data-pick]`),
	)
	if label := p.text("button.primary"); label != "Accept the 2 ticked SIMs" {
		p.t.Errorf("the button says %q", label)
	}
	p.run(
		chromedp.Click(`button.primary`),
		chromedp.WaitVisible(`//*[@role="status"][contains(., "2 SIMs accepted")]`),
		chromedp.WaitVisible(`//*[@class="what"][contains(., "2 SIMs moved")]`),
	)
	if times := p.evaluate(`[...document.querySelectorAll("main time")].map(t => t.textContent).join(" ")`); strings.Contains(times, "UTC") {
		p.t.Errorf("times are not in the reader's zone: %s", times)
	}
}

// acceptWithoutScript accepts a request in a browser that runs no scripts.
func (p *page) acceptWithoutScript(url string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
	p.run(
		chromedp.Navigate(url+"/"),
		chromedp.WaitVisible(`article`),
	)
	if text := p.text("main"); !strings.Contains(text, "UTC") && !strings.Contains(text, "left") {
		p.t.Errorf("the inbox without scripts: %s", text)
	}
	label := p.text(`article button.primary`) // the request whose time ends first: which it is varies
	p.run(
		chromedp.Click(`article button.primary`),
		chromedp.WaitVisible(`[role=status]`),
	)
	sims, ok := strings.CutPrefix(label, "Accept ")
	if text := p.text("[role=status]"); !ok || !strings.Contains(text, sims+" accepted") {
		p.t.Errorf("after a click on %q, the page says %q", label, text)
	}
}
