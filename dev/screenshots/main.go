// Command screenshots takes pictures of the console of simtransfer dev, signed in with
// the buttons of its page /try. It needs Chromium.
//
// Without paths, it takes the pictures of the README. With paths, it takes pictures of
// whole pages: in a window of 1366 by 768 and on a phone, each light and dark, in a window
// of 1920 by 1080, and as a printer gets them.
//
//	go run ./dev/screenshots -start bin/simtransfer -out docs/pictures
//	go run ./dev/screenshots -url http://127.0.0.1:8080 -as Support -out bin/screenshots / /queue
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

type options struct {
	url, as, out string
	start        string
	axe          string
	sizes        string
	open         string
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "http://127.0.0.1:8080", "address of a simtransfer dev that runs")
	flag.StringVar(&o.start, "start", "", "path of simtransfer, whose dev is then started on a free port instead")
	flag.StringVar(&o.as, "as", "Harbour Logistics", "the button to sign in with; empty: not signed in")
	flag.StringVar(&o.out, "out", "bin/screenshots", "folder for the pictures")
	flag.StringVar(&o.axe, "axe", "", "path of axe.min.js, which then checks each page")
	flag.StringVar(&o.sizes, "sizes", "", "only these, separated by commas: light, dark, wide, phone, phone-dark, print")
	flag.StringVar(&o.open, "open", "", "selector of what is unfolded first, such as details.as")
	flag.Parse()
	if err := o.run(context.Background(), flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func (o options) run(ctx context.Context, paths []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if o.start != "" {
		url, stop, err := start(ctx, o.start)
		if err != nil {
			return err
		}
		defer stop()
		o.url = url
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil { //nolint:gosec // pictures are for everyone
		return err
	}
	ctx, end := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	defer end()
	ctx, endTab := chromedp.NewContext(ctx)
	defer endTab()
	if o.as != "" {
		if err := chromedp.Do(ctx,
			chromedp.Navigate(o.url+"/try"),
			chromedp.Click(`//button[contains(., "`+o.as+`")]`),
			chromedp.WaitVisible(`.frame`),
		); err != nil {
			return fmt.Errorf("signing in as %s: %w", o.as, err)
		}
	}
	if len(paths) == 0 {
		return o.takeForReadme(ctx)
	}
	for _, s := range sizes() {
		if o.sizes != "" && !slices.Contains(strings.Split(o.sizes, ","), s.name) {
			continue
		}
		if err := s.emulate(ctx); err != nil {
			return err
		}
		for _, path := range paths {
			if err := o.takePage(ctx, s, path); err != nil {
				return fmt.Errorf("%s (%s): %w", path, s.name, err)
			}
		}
	}
	return nil
}

// start starts simtransfer dev, and returns its address when it has its sample data.
func start(ctx context.Context, program string) (url string, stop func(), err error) {
	free, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := free.Addr().String()
	_ = free.Close()
	command := exec.CommandContext(ctx, program, "dev", "--listen="+address) //nolint:gosec // the program that was named
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
	}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/try", nil)
		if err != nil {
			stop()
			return "", nil, err
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return "http://" + address, stop, nil
			}
		}
		select {
		case <-ctx.Done():
			stop()
			return "", nil, errors.New("simtransfer dev did not start in time")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// size is a window of which pictures are taken.
type size struct {
	name          string
	width, height int64
	dark, phone   bool
	print         bool
}

func sizes() []size {
	return []size{
		{name: "light", width: 1366, height: 768},
		{name: "dark", width: 1366, height: 768, dark: true},
		{name: "wide", width: 1920, height: 1080},
		{name: "phone", width: 390, height: 844, phone: true},
		{name: "phone-dark", width: 390, height: 844, phone: true, dark: true},
		{name: "print", width: 794, height: 1123, print: true},
	}
}

func (s size) emulate(ctx context.Context) error {
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	media := "screen"
	if s.print {
		media = "print"
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media:    media,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		return err
	}
	if s.phone {
		return chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateMobile, chromedp.EmulateScale(2)))
	}
	return chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height))
}

// takeForReadme takes the pictures of the README: the inbox, and a request.
func (o options) takeForReadme(ctx context.Context) error {
	if err := (size{width: 1366, height: 768}).emulate(ctx); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(o.url+"/"), chromedp.WaitVisible(`article h2 a`)); err != nil {
		return err
	}
	if err := o.save(ctx, "inbox.png", chromedp.CaptureScreenshot()); err != nil {
		return err
	}
	if err := chromedp.Do(ctx, chromedp.Click(`article h2 a`), chromedp.WaitVisible(`.steps`)); err != nil {
		return err
	}
	return o.save(ctx, "request.png", chromedp.CaptureScreenshot())
}

func (o options) takePage(ctx context.Context, s size, path string) error {
	if err := chromedp.Do(ctx, chromedp.Navigate(o.url+path)); err != nil {
		return err
	}
	if o.open != "" {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf("[...document.querySelectorAll(%q)].map(d => d.open = true).length", o.open))); err != nil {
			return err
		}
	}
	name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-", "&", "-").Replace(path), "-")
	if name == "" {
		name = "home"
	}
	if err := o.save(ctx, name[:min(len(name), 100)]+"-"+s.name+".png", chromedp.FullScreenshot(100)); err != nil || o.axe == "" {
		return err
	}
	return o.check(ctx, s, path)
}

func (o options) save(ctx context.Context, name string, take chromedp.Action[[]byte]) error {
	picture, err := chromedp.Run(ctx, take)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, name), picture, 0o644) //nolint:gosec // for everyone
}

// check prints what axe finds on a page, by how much it is wider than the window, and how
// many cards cut off what is in them.
func (o options) check(ctx context.Context, s size, path string) error {
	script, err := os.ReadFile(o.axe)
	if err != nil {
		return err
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(script)+`;
		axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.help + " " +
			v.nodes.map(n => n.html.slice(0, 200) + " " + (n.any[0] || n.all[0] || n.none[0] || {}).message).slice(0, 4).join(" | ")), null, 1))`, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	wider, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	if err != nil {
		return err
	}
	cut, err := chromedp.Run(ctx, chromedp.Evaluate[int](`[...document.querySelectorAll(".card.flush")].filter(c => c.scrollWidth > c.clientWidth).length`))
	if err != nil {
		return err
	}
	if found != "[]" || wider > 0 || cut > 0 {
		fmt.Printf("%s (%s): %d pixels wider than the window; %d cards cut off; axe: %s\n", path, s.name, wider, cut, found)
	}
	return nil
}
