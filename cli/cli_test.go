package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"

	"simtransfer/cli"
)

// terminal runs command lines and records their output.
type terminal struct {
	t *testing.T
	cli.Session
	unsetURL bool // SIMTRANSFER_URL is not set
	out, err bytes.Buffer
}

// newTerminal returns a terminal with an API key for a service that handler
// implements in this process, without a network.
func newTerminal(t *testing.T, handler http.HandlerFunc) *terminal {
	t.Helper()
	c := &terminal{t: t}
	c.Session = cli.Session{
		In:         strings.NewReader(""),
		Out:        &c.out,
		Err:        &c.err,
		ConfigFile: filepath.Join(t.TempDir(), "simtransfer", "config.json"),
		Key:        aKey,
		HTTP:       &http.Client{Transport: inProcess(handler)},
	}
	return c
}

// inProcess is a transport that passes requests to a handler. The answers have
// the headers of the API unless the handler replaces them.
type inProcess http.HandlerFunc

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	w.Header().Set("Simtransfer-Version", "test")
	w.Header().Set("Content-Type", cmp.Or(r.Header.Get("Accept"), "application/json"))
	h(w, r)
	return w.Result(), r.Body.Close()
}

const service = "http://service.example"

// API keys.
const (
	aKey     = "st_account_aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmm"
	otherKey = "st_account_2222333344445555666677772222333344445555666677772222"
)

// run runs a command line as the program does, and returns its exit code.
func (c *terminal) run(args ...string) int {
	c.t.Helper()
	return c.runIn(c.t.Context(), args...)
}

func (c *terminal) runIn(ctx context.Context, args ...string) int {
	c.t.Helper()
	c.out.Reset()
	c.err.Reset()
	parser := newParser(c.t, args)
	if c.unsetURL {
		parser = newParserWithoutURL(c.t, args)
	}
	call, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(&c.err, err)
		return cli.ExitUsage
	}
	call.BindTo(ctx, (*context.Context)(nil))
	err = call.Run(&c.Session)
	if err != nil && !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(&c.err, err)
	}
	return cli.ExitCode(err)
}

// newParser returns a parser of the commands that args use. All are in that of no args.
func newParser(t *testing.T, args []string) *kong.Kong {
	t.Helper()
	return newParserWithoutURL(t, args, kong.Resolvers(withURL(service)))
}

func newParserWithoutURL(t *testing.T, args []string, options ...kong.Option) *kong.Kong {
	t.Helper()
	commands := &cli.Commands{}
	options = append(options, kong.Name("simtransfer"))
	parser, err := kong.New(commands, append(cli.Options(commands, args), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// withURL stands for SIMTRANSFER_URL, which a parallel test cannot set.
func withURL(url string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if flag.Name == "url" {
			return url, nil
		}
		return nil, nil
	})
}

// is checks an exit code, and that standard error contains the given texts.
func (c *terminal) is(code, want int, messages ...string) {
	c.t.Helper()
	if code != want {
		c.t.Fatalf("exit code %d, not %d:\n%s%s", code, want, c.out.String(), c.err.String())
	}
	for _, text := range messages {
		if !strings.Contains(c.err.String(), text) {
			c.t.Errorf("standard error does not contain %q:\n%s", text, c.err.String())
		}
	}
}

// prints checks standard output.
func (c *terminal) prints(want string) {
	c.t.Helper()
	if got := c.out.String(); got != want {
		c.t.Errorf("printed\n%s\nnot\n%s", got, want)
	}
}

// problem sends a problem document.
func problem(w http.ResponseWriter, status int, code string, rest ...string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"title":"Title of %s","status":%d,"code":%q%s}`+"\n", code, status, code, strings.Join(rest, ""))
}

// calls records calls. Its methods may be called concurrently.
type calls struct {
	mu   sync.Mutex
	list []string
	keys map[string]int // Idempotency-Keys, with the number of calls
}

func (c *calls) note(r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a test notices what is missing
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body)))
	if c.keys == nil {
		c.keys = map[string]int{}
	}
	c.keys[r.Header.Get("Idempotency-Key")]++
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
