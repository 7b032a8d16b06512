package docs_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"simtransfer/radius"
	"simtransfer/transfer"
)

// TestGatewayCommands runs the commands about gateways on docs/gateways.md and
// docs/operations.md, with a simulated gateway, and with a receiver that verifies calls
// as Standard Webhooks has it.
func TestGatewayCommands(t *testing.T) {
	t.Parallel()
	stack, sh := startStack(t)
	address := fmt.Sprintf("127.%d.%d.%d", 1+rand.N(250), 1+rand.N(250), 1+rand.N(250)) // the ports are those of the presets
	for _, port := range []string{"1700", "3799"} {
		g, err := radius.SimulateGateway(address+":"+port, []byte("gateway secret"), radius.Behavior{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
	}
	var calls, verified atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if _, err := sh.signed(r, "url-secret.txt"); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		verified.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	sh.write("secret.txt", "gateway secret\n")
	sh.run("export SIMTRANSFER_URL=" + stack.Admin.URL + " SIMTRANSFER_API_KEY=$(cat admin.key)\n")
	as := strings.NewReplacer("10.0.0.1", address, "https://core.example.com/disconnect", receiver.URL)
	for _, page := range []string{"gateways.md", "operations.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		commands := 0
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(block[1], "simtransfer gateways ") {
				continue
			}
			for line := range strings.Lines(as.Replace(block[1])) {
				commands++
				if out := sh.run(line + "echo \"exit code $?\"\n"); !strings.HasSuffix(out, "exit code 0\n") {
					t.Errorf("%s: %s prints\n%s", page, line, out)
				}
			}
		}
		if commands == 0 {
			t.Errorf("%s has no commands", page)
		}
	}
	if out := sh.run("echo 'gateway secret' | simtransfer gateways update 10.0.0.2 --secret\n"); !strings.Contains(out, receiver.URL) {
		t.Errorf("setting the RADIUS secret of a gateway that is called by HTTP prints\n%s", out)
	}
	if calls.Load() != 2 || verified.Load() != 1 {
		t.Errorf("the receiver got %d calls, of which %d were signed with its secret: want 2 and 1", calls.Load(), verified.Load())
	}
}

// The page lists every kind of answers that a worker does not believe.
func TestIgnoredAnswersOnThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	var all radius.Ignored
	for v, i := reflect.ValueOf(&all).Elem(), 0; i < v.NumField(); i++ {
		v.Field(i).SetInt(1)
	}
	kinds := all.Kinds()
	if len(kinds) != reflect.TypeFor[radius.Ignored]().NumField() {
		t.Errorf("the kinds are %v: a count has no name", kinds)
	}
	for _, k := range kinds {
		if !strings.Contains(string(page), "| `"+k.Name+"` | ") {
			t.Errorf("the page does not list %s", k.Name)
		}
	}
}

// The table of gateways on the page is that of the presets. UPDATE_PAGES=1 writes
// it.
func TestGatewayPresets(t *testing.T) {
	t.Parallel()
	const page = "../../docs/gateways.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-run TestGatewayPresets -->\n", "<!-- end of presets -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the presets")
	}
	want := before + begin + presetTable() + end + after
	if want == string(text) {
		return
	}
	if os.Getenv("UPDATE_PAGES") == "" {
		t.Fatal("the table of presets is out of date: run UPDATE_PAGES=1 go test ./tests/docs -run TestGatewayPresets")
	}
	if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func presetTable() string {
	var b strings.Builder
	b.WriteString("| preset | gateway | port | attributes | observe | source |\n|---|---|---|---|---|---|\n")
	for _, p := range transfer.GatewayPresets() {
		rules := p.Rules()
		port, attributes := fmt.Sprint(rules.Port), make([]string, len(rules.Attributes))
		for i, a := range rules.Attributes {
			attributes[i] = string(a)
		}
		list := strings.Join(attributes, ", ")
		if rules.HTTP {
			port, list = "-", "a call by HTTP: see [below](#a-gateway-without-radius)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", p, rules.Title, port, list, rules.Note, rules.Source)
	}
	return b.String()
}
