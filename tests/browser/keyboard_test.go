package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/dev/stack"
	"simtransfer/transfer"
)

const (
	typist   = "OP0000000131"
	answerer = "OP0000000132"
)

func typedSIM(n int) string { return fmt.Sprintf("8988296%012d", n) }

// keysOnly sends SIMs from the list of SIMs to the confirmation, and accepts one of them,
// without a mouse: what has the focus is reached with the tab key, and is seen.
func keysOnly(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx := t.Context()
	keys := openAccounts(t, s, "typed", typist, answerer)
	var sims strings.Builder
	sims.WriteString("iccid,imsis,account,plan,lot\n")
	for i := 1; i <= 4; i++ {
		fmt.Fprintf(&sims, "%s,00106%010d,%s,typed,box-1\n", typedSIM(i), i, typist)
	}
	if _, err := s.Admin.ImportSIMs(ctx, client.CSV, strings.NewReader(sims.String())); err != nil {
		t.Fatal(err)
	}
	page := open(t, s.Admin.URL)
	page.run(chromedp.EmulateViewport(1366, 768), chromedp.Navigate(s.Admin.URL+"/sign-in"), chromedp.WaitVisible(`input[name=key]`))
	page.typeIn(keys[typist], kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="Inbox"]`))

	// The first key skips the navigation. Escape closes what it opened.
	page.press(kb.Tab)
	page.hasFocus(`.skip`)
	page.press(kb.Enter)
	page.tabTo(`main a[href="/redeem"]`)
	page.run(chromedp.Navigate(s.Admin.URL+"/keys"), chromedp.WaitVisible(`//h1[.="API keys"]`))
	page.tabTo(`details.make summary`)
	page.press(kb.Enter)
	page.tabTo(`input[name=name]`)
	page.typeIn("handheld", kb.Escape)
	page.hasFocus(`details.make:not([open]) summary`)

	// The source searches for a lot, ticks two SIMs and sends them.
	page.backTo(`.side a[href="/sims"]`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="SIMs"]`))
	page.typeIn("/")
	page.hasFocus(`textarea[name=q]`)
	page.typeIn("box-1", kb.Enter)
	page.run(chromedp.WaitVisible(`//a[contains(., "Lot box-1")]`))
	for i := 1; i <= 2; i++ {
		page.tabTo(`input[value="` + typedSIM(i) + `"]`)
		page.press(" ")
	}
	page.backTo(`button[value=transfer]`)
	if label := page.text(`button[value=transfer]`); label != "Transfer 2 SIMs" {
		t.Errorf("the button says %q", label)
	}
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="To whom?"]`))
	page.tabTo(`input[name=to]`)
	page.press(" ")
	page.tabTo(`input[name="destination.operator_id"]`)
	page.typeIn(answerer)
	page.tabTo(`input[name="destination.email"]`)
	page.typeIn(strings.ToLower(answerer) + "@example.com")
	page.tabTo(`input[name=reference]`)
	page.typeIn("KEYS-1", kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="Review the transfer"]`))
	page.tabTo(`button[value=create]`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`//*[@role="status"][contains(., "The transfer was created")]`))
	page.backTo(`.side form[action="/sign-out"] button`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`input[name=key]`))

	// Another request waits for the destination, which declines it.
	source := &client.Client{URL: s.Admin.URL, Key: keys[typist]}
	declined, err := source.CreateRequest(ctx, client.NewRequest{
		Destination: client.Destination{Email: strings.ToLower(answerer) + "@example.com", OperatorID: answerer}, SIMs: []string{typedSIM(3)}, Reference: "KEYS-2",
	})
	if err != nil {
		t.Fatal(err)
	}
	awaitDestination(t, source, declined.ID)
	sent, err := source.ListRequests(ctx, client.RequestFilter{Reference: "KEYS-1"}, client.Paging{})
	if err != nil || len(sent.Items) != 1 || sent.Items[0].Counts.SIMs != 2 {
		t.Fatalf("the transfers that were sent by keys are %+v, %v", sent.Items, err)
	}
	awaitDestination(t, source, sent.Items[0].ID)
	page.typeIn(keys[answerer], kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="Inbox"]`))
	page.tabTo(`article h2 a[href="/requests/` + declined.ID.String() + `"]`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`#decide`))
	page.tabTo(`#decline > summary`)
	page.press(kb.Enter)
	page.tabTo(`#decline input[name=reason]`)
	// Enter declines: it is not the button that accepts, which comes first.
	page.typeIn("Not ours.", kb.Enter)
	page.run(chromedp.WaitVisible(`//*[@role="status"][contains(., "declined")]`))
	if r, err := source.GetRequest(ctx, declined.ID); err != nil || r.State != transfer.RequestDeclined {
		t.Errorf("after Enter in the reason to decline, the request is %s, %v", r.State, err)
	}

	// Of the other, it accepts one SIM.
	page.backTo(`.side a[href="/"]:not(.brand)`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`//h1[.="Inbox"]`))
	page.tabTo(`article h2 a`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`#decide`))
	page.tabTo(`input[value="` + typedSIM(2) + `"]`)
	page.press(" ")
	page.backTo(`#decide .actions button.primary`)
	page.press(kb.Enter)
	page.run(chromedp.WaitVisible(`//*[@role="status"][contains(., "1 SIM accepted")]`))

	page.losesTheService(s.Admin.URL)
}

// losesTheService opens a page that updates itself, without a network for a while: it says
// that it is not up to date.
func (p *page) losesTheService(url string) {
	p.t.Helper()
	p.run(
		chromedp.Navigate(url+"/redeemed/"+uuid.NewString()), // which asks every second
		chromedp.WaitVisible(`//h1[.="The code was redeemed"]`),
	)
	// A call that fails as without a network.
	p.evaluate(`(window.send = XMLHttpRequest.prototype.send, XMLHttpRequest.prototype.send = function () { setTimeout(() => this.dispatchEvent(new Event("error"))) }, "")`)
	p.run(chromedp.WaitVisible(`.stale`))
	p.evaluate(`(XMLHttpRequest.prototype.send = window.send, "")`)
	p.run(chromedp.WaitNotPresent(`.stale`))
}

// press presses keys as a keyboard does: a page that handles a key keeps its character from
// being typed.
func (p *page) press(keys string, options ...chromedp.KeyOption) {
	p.t.Helper()
	p.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range keys {
			events := kb.Encode(r)
			down, up := *events[0], *events[len(events)-1]
			if char := events[1]; char.Type == kb.KeyChar {
				down.Text, down.UnmodifiedText = char.Text, char.UnmodifiedText
			}
			for _, event := range []*input.DispatchKeyEventParams{&down, &up} {
				for _, option := range options {
					option(event)
				}
				if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *event); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// typeIn types texts and keys into what has the focus.
func (p *page) typeIn(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.press(text)
	}
}

// tabTo presses the tab key until an element has the focus.
func (p *page) tabTo(selector string) {
	p.t.Helper()
	p.tab(selector)
}

// backTo is tabTo in the other direction.
func (p *page) backTo(selector string) {
	p.t.Helper()
	p.tab(selector, chromedp.KeyModifiers(chromedp.ModifierShift))
}

func (p *page) tab(selector string, options ...chromedp.KeyOption) {
	p.t.Helper()
	const most = 60 // elements of a page that the tab key reaches
	for range most {
		p.press(kb.Tab, options...)
		if p.focusIs(selector) {
			if outline := p.evaluate(`getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
				p.t.Errorf("%s does not show that it has the focus", selector)
			}
			return
		}
	}
	p.t.Fatalf("the tab key does not reach %s at %s", selector, p.evaluate("location.href"))
}

func (p *page) hasFocus(selector string) {
	p.t.Helper()
	if !p.focusIs(selector) {
		p.t.Fatalf("%s does not have the focus, but %s", selector, p.evaluate(`document.activeElement.outerHTML.slice(0, 200)`))
	}
}

func (p *page) focusIs(selector string) bool {
	p.t.Helper()
	text, err := json.Marshal(selector)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.evaluate(`String(document.activeElement.matches(`+string(text)+`))`) == "true"
}

// awaitDestination waits until a request waits for its destination.
func awaitDestination(t *testing.T, source *client.Client, request uuid.UUID) {
	t.Helper()
	for e, err := range source.StreamRequest(t.Context(), request, "") {
		if err != nil {
			t.Fatal(err)
		}
		if e.To == transfer.AwaitingAcceptance {
			return
		}
	}
}
