package api

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"

	"simtransfer/dev/devtest"
)

// browser is a Chromium that remembers from where it loaded something, and
// what it complained about.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	addresses  []string
	complaints []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("this test drives a browser: install Chromium, for example by deployments/setup.sh chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	b := &browser{t: t}
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	b.ctx = ctx
	b.run() // starts it
	b.ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventResponseReceived:
		b.addresses = append(b.addresses, e.Response.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	}
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%v; complaints: %q", err, b.complained())
	}
}

func (b *browser) complained() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// loadedFrom fails the test if something was loaded from elsewhere.
func (b *browser) loadedFrom(url string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.addresses) == 0 {
		b.t.Error("nothing was loaded")
	}
	for _, address := range b.addresses {
		if !strings.HasPrefix(address, url+"/") && !strings.HasPrefix(address, "data:") {
			b.t.Errorf("loaded %s", address)
		}
	}
}

func TestDocsPageInABrowser(t *testing.T) {
	t.Parallel()
	s := newService(t)
	b := newBrowser(t)
	b.run(
		chromedp.Navigate(s.url+"/docs"),
		chromedp.WaitVisible(chromedp.CSS("#operations-transfer-requests-create-request")),
		chromedp.Click(chromedp.CSS("#operations-batches-create-batch button")),
		chromedp.WaitVisible(chromedp.CSS("#operations-batches-create-batch .opblock-body")),
	)
	b.loadedFrom(s.url)
	if complaints := b.complained(); len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

func TestQueuePageInABrowser(t *testing.T) {
	t.Parallel()
	redis, err := asynq.ParseRedisURI(devtest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClient(redis)
	t.Cleanup(func() { _ = client.Close() })
	if _, err := client.EnqueueContext(t.Context(), asynq.NewTask("transfer:validate", []byte(`{"work":1}`)), asynq.Queue("interactive")); err != nil {
		t.Fatal(err)
	}
	page := asynqmon.New(asynqmon.Options{RootPath: "/ops/queues", RedisConnOpt: redis})
	t.Cleanup(func() { _ = page.Close() })
	s := newService(t, func(c *Config) { c.Ops = page })
	b := newBrowser(t)
	b.run(
		chromedp.Navigate(s.url+"/ops/queues"),
		chromedp.SendKeys(chromedp.CSS("#key"), s.support),
		chromedp.Submit(chromedp.CSS("#key")),
		chromedp.WaitVisible(chromedp.CSS(".problem")),
		chromedp.SendKeys(chromedp.CSS("#key"), s.admin),
		chromedp.Submit(chromedp.CSS("#key")),
		chromedp.Click(chromedp.CSS(`a[href="/ops/queues/queues/interactive"]`)),
		chromedp.Navigate(s.url+"/ops/queues/queues/interactive?status=pending"),
		chromedp.WaitVisible(chromedp.Search(`//td[contains(., "transfer:validate")]`)),
	)
	b.loadedFrom(s.url)
}
