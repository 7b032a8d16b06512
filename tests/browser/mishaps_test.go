package browser_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/transfer"
)

const (
	mover   = "OP0000000121"
	settler = "OP0000000122"
)

func movedSIM(n int) string { return fmt.Sprintf("8988297%012d", n) }

// mishaps does in a browser, with and without JavaScript, what goes wrong in the day of a
// person: nothing happens twice, and nothing that was typed is lost.
func mishaps(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := t.Context()
	keys := openAccounts(t, s, "moved", mover, settler)
	var sims strings.Builder
	sims.WriteString("iccid,imsis,account,plan\n")
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&sims, "%s,00107%010d,%s,moved\n", movedSIM(i), i, mover)
	}
	if _, err := s.Admin.ImportSIMs(ctx, client.CSV, strings.NewReader(sims.String())); err != nil {
		t.Fatal(err)
	}
	m := &mishap{t: t, stack: s, source: &client.Client{URL: s.Admin.URL, Key: keys[mover]}, keys: keys}
	for _, script := range []bool{true, false} {
		m.script = script
		m.clickTwice()
		m.signedOut()
		m.changedMeanwhile()
		m.wrongFiles()
		m.longLists()
		m.foreignOrigin()
		m.typedScripts()
	}
}

// mishap is what the mishaps of a day have in common.
type mishap struct {
	t      *testing.T
	stack  *stack.Stack
	source *client.Client
	keys   map[transfer.OperatorID]string
	script bool
	used   int // SIMs
}

// open starts a browser, and signs in with a key; empty: as no one.
func (m *mishap) open(key string) *page {
	m.t.Helper()
	p := open(m.t, m.stack.Admin.URL)
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !m.script}); err != nil {
		m.t.Fatal(err)
	}
	p.run(chromedp.EmulateViewport(1366, 768))
	if key != "" {
		p.signIn(m.stack.Admin.URL, key)
	}
	return p
}

// signIn signs in with a key.
func (p *page) signIn(origin, key string) {
	p.t.Helper()
	p.run(
		chromedp.Navigate(origin+"/sign-in"),
		chromedp.WaitVisible(`input[name=key]`),
		chromedp.SendKeys(`input[name=key]`, key+"\n"),
		chromedp.WaitVisible(`.frame`),
	)
}

// forget signs the browser out, as if its session had ended.
func (p *page) forget() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		p.t.Fatal(err)
	}
}

// next returns a SIM that no request includes.
func (m *mishap) next() string {
	m.used++
	return movedSIM(m.used)
}

// request makes a request of one SIM that waits for the destination.
func (m *mishap) request() uuid.UUID {
	m.t.Helper()
	r, err := m.source.CreateRequest(m.t.Context(), client.NewRequest{
		Destination: client.Destination{Email: strings.ToLower(settler) + "@example.com", OperatorID: settler}, SIMs: []string{m.next()},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	awaitDestination(m.t, m.source, r.ID)
	return r.ID
}

// clickTwice sends a comment, an acceptance and a new transfer with two clicks each.
func (m *mishap) clickTwice() {
	m.t.Helper()
	id, page := m.request(), m.open(m.keys[mover])
	address := m.stack.Admin.URL + "/requests/" + id.String()
	page.run(
		chromedp.Navigate(address),
		chromedp.SendKeys(`textarea[name=text]`, "Said once."),
		chromedp.DoubleClick(`//button[.="Write comment"]`),
		chromedp.WaitVisible(`//*[@id="timeline"]//*[contains(text(), "Said once.")]`),
	)
	events, err := m.source.ListEvents(m.t.Context(), id, client.Paging{})
	if err != nil {
		m.t.Fatal(err)
	}
	comments := 0
	for _, e := range events.Items {
		if e.Kind == string(transfer.EventComment) {
			comments++
		}
	}
	if comments != 1 {
		m.t.Errorf("two clicks made %d comments", comments)
	}
	reference := fmt.Sprintf("TWICE-%v", m.script)
	page.run(
		chromedp.Navigate(m.stack.Admin.URL+"/transfers/new?list="+m.next()),
		chromedp.Click(`input[name=to][value=new]`),
		chromedp.SendKeys(`input[name="destination.operator_id"]`, settler),
		chromedp.SendKeys(`input[name="destination.email"]`, strings.ToLower(settler)+"@example.com"),
		chromedp.SendKeys(`input[name=reference]`, reference),
		chromedp.DoubleClick(`//button[.="Review"]`),
		chromedp.WaitVisible(`//button[.="Transfer 1 SIM"]`),
		chromedp.DoubleClick(`//button[.="Transfer 1 SIM"]`),
		chromedp.WaitVisible(`//*[@role="status"][contains(., "The transfer was created")]`),
	)
	made, err := m.source.ListRequests(m.t.Context(), client.RequestFilter{Reference: reference}, client.Paging{})
	if err != nil || len(made.Items) != 1 {
		m.t.Errorf("two clicks made %d requests: %v", len(made.Items), err)
	}
}

// signedOut loses the session in the middle of a form, once without and once with a file,
// and opens a page in a tab that has been signed out.
func (m *mishap) signedOut() {
	m.t.Helper()
	url := m.stack.Admin.URL
	id, page := m.request(), m.open(m.keys[mover])
	page.run(
		chromedp.Navigate(url+"/requests/"+id.String()),
		chromedp.SendKeys(`textarea[name=text]`, "Typed before the session ended."),
	)
	page.forget()
	page.run(
		chromedp.Click(`//button[.="Write comment"]`),
		chromedp.WaitVisible(`//h1[.="You are signed out"]`),
	)
	page.again(url, m.keys[mover])
	page.run(
		chromedp.Click(`//button[.="2. Then send the form"]`),
		chromedp.WaitVisible(`//*[@id="timeline"]//*[contains(text(), "Typed before the session ended.")]`),
	)

	file := m.file("sims.csv", "iccid\n"+m.next()+"\n")
	page.run(
		chromedp.Navigate(url+"/transfers/new"),
		chromedp.SetUploadFiles(`input[name=file]`, []string{file}),
		chromedp.SendKeys(`textarea[name=paste]`, m.next()),
	)
	page.forget()
	page.run(
		chromedp.Click(`//button[.="Check the SIMs"]`),
		chromedp.WaitVisible(`//h1[.="You are signed out"]`),
	)
	page.again(url, m.keys[mover])
	page.run(
		chromedp.SetUploadFiles(`input[name=file]`, []string{file}),
		chromedp.Click(`//button[.="2. Then send the form"]`),
		chromedp.WaitVisible(`//strong[.="2 SIMs that you chose"]`),
	)

	page.forget()
	page.run(
		chromedp.Navigate(url+"/history?reference=PO-1"),
		chromedp.WaitVisible(`input[name=key]`),
		chromedp.SendKeys(`input[name=key]`, m.keys[mover]+"\n"),
		chromedp.WaitVisible(`//h1[.="History"]`),
	)
	if value := page.evaluate(`document.querySelector("input[name=reference]").value`); value != "PO-1" {
		m.t.Errorf("after signing in, the filter is %q", value)
	}
}

// again signs in in a second tab of the same browser.
func (p *page) again(origin, key string) {
	p.t.Helper()
	ctx, end := chromedp.NewContext(p.ctx)
	defer end()
	tab := &page{t: p.t, ctx: ctx}
	tab.signIn(origin, key)
}

// file writes a file that a browser can send.
func (m *mishap) file(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// changedMeanwhile accepts a request that was canceled after the page was opened: the
// page says what it is now.
func (m *mishap) changedMeanwhile() {
	m.t.Helper()
	id, page := m.request(), m.open(m.keys[settler])
	page.run(
		chromedp.Navigate(m.stack.Admin.URL+"/requests/"+id.String()),
		chromedp.WaitVisible(`//button[contains(., "Accept 1 SIM")]`),
	)
	if _, err := m.source.CancelRequest(m.t.Context(), id, client.Cancellation{Reason: "The wrong SIM."}); err != nil {
		m.t.Fatal(err)
	}
	page.run(
		chromedp.Click(`//button[contains(., "Accept 1 SIM")]`),
		chromedp.WaitVisible(`[role=alert]`),
	)
	if text := page.text("main"); !strings.Contains(text, "Canceled") || !strings.Contains(text, "The wrong SIM.") {
		m.t.Errorf("the page does not say what the request is now:\n%s", text)
	}
}

// wrongFiles chooses files that have no list, next to a list that was pasted.
func (m *mishap) wrongFiles() {
	m.t.Helper()
	page := m.open(m.keys[mover])
	for name, c := range map[string]struct{ text, answer string }{
		"sims.xlsx": {"PK\x03\x04\x14\x00\x06\x00", "Excel workbook"},
		"sims.pdf":  {"%PDF-1.7\n1 0 obj", "PDF document"},
		"sims.png":  {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00", "not a text"},
		"empty.csv": {"", "no SIMs"},
	} {
		page.run(
			chromedp.Navigate(m.stack.Admin.URL+"/transfers/new"),
			chromedp.SendKeys(`textarea[name=paste]`, movedSIM(39)),
			chromedp.SetUploadFiles(`input[name=file]`, []string{m.file(name, c.text)}),
			chromedp.Click(`//button[.="Check the SIMs"]`),
			chromedp.WaitVisible(`[role=alert]`),
		)
		if text := page.text("[role=alert]"); !strings.Contains(text, c.answer) {
			m.t.Errorf("the page says about %s: %s", name, text)
		}
		if kept := page.evaluate(`document.querySelector("textarea[name=paste]").value.trim()`); kept != movedSIM(39) {
			m.t.Errorf("after %s, the pasted list is %q", name, kept)
		}
	}
}

// longLists pastes the most lines that are possible, and one more.
func (m *mishap) longLists() {
	m.t.Helper()
	page := m.open(m.keys[mover])
	lines := strings.Repeat(movedSIM(39)+"\n", 100_000)
	page.run(
		chromedp.Navigate(m.stack.Admin.URL+"/transfers/new"),
		chromedp.SetValue(`textarea[name=paste]`, lines),
		chromedp.Click(`//button[.="Check the SIMs"]`),
		chromedp.WaitVisible(`//strong[.="1 SIM that you chose"]`),
		chromedp.Navigate(m.stack.Admin.URL+"/transfers/new"),
		chromedp.SetValue(`textarea[name=paste]`, lines+movedSIM(40)),
		chromedp.Click(`//button[.="Check the SIMs"]`),
		chromedp.WaitVisible(`[role=alert]`),
	)
	if text := page.text("[role=alert]"); !strings.Contains(text, "100,001 entries") || !strings.Contains(text, "choose a file with it") {
		m.t.Errorf("the page says about a list that is too long: %s", text)
	}
}

// typedScripts types a script into the texts of a transfer and a comment: both sides read
// it, and it does not run.
func (m *mishap) typedScripts() {
	m.t.Helper()
	const attack = `"'><script>document.title = "run"</script><img src=x onerror="document.title = 'run'">`
	id, page := m.request(), m.open(m.keys[mover])
	page.run(
		chromedp.Navigate(m.stack.Admin.URL+"/requests/"+id.String()),
		chromedp.SendKeys(`textarea[name=text]`, attack),
		chromedp.Click(`//button[.="Write comment"]`),
		chromedp.WaitVisible(`//*[@id="timeline"]//*[contains(text(), "<script>document.title")]`),
		chromedp.Navigate(m.stack.Admin.URL+"/history?reference="+url.QueryEscape(attack[:64])),
		chromedp.WaitVisible(`input[name=reference]`),
	)
	if got, err := chromedp.Run(page.ctx, chromedp.Title()); err != nil || strings.Contains(got, "run") {
		m.t.Errorf("the title is %q: %v", got, err)
	}
	other := m.open(m.keys[settler])
	other.run(
		chromedp.Navigate(m.stack.Admin.URL+"/requests/"+id.String()),
		chromedp.WaitVisible(`//*[@id="timeline"]//*[contains(text(), "<script>document.title")]`),
	)
	if got, err := chromedp.Run(other.ctx, chromedp.Title()); err != nil || strings.Contains(got, "run") {
		m.t.Errorf("the other side's title is %q: %v", got, err)
	}
}

// foreignOrigin sends a form of another site.
func (m *mishap) foreignOrigin() {
	m.t.Helper()
	id, page := m.request(), m.open(m.keys[settler])
	form := fmt.Sprintf(`<form method="post" action="%s/requests/%s/accept"><input type="hidden" name="which" value="all"><button>Win a prize</button></form>`, m.stack.Admin.URL, id)
	page.run(
		chromedp.Navigate("data:text/html,"+url.PathEscape(form)),
		chromedp.Click(`button`),
		chromedp.WaitVisible(`//h1[.="Refused"]`),
	)
	if r, err := m.source.GetRequest(m.t.Context(), id); err != nil || r.State != transfer.AwaitingAcceptance {
		m.t.Errorf("the request is %s: %v", r.State, err)
	}
}
