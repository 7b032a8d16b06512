package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/alecthomas/kong"
)

// middleman is an answer that does not come from simtransfer's API.
type middleman struct {
	name   string
	status int
	header map[string]string
	body   string
}

func middlemen() []middleman {
	const page = "<!DOCTYPE html><html><body>Please sign in</body></html>\n"
	html := map[string]string{"Content-Type": "text/html"}
	json := map[string]string{"Content-Type": "application/json"}
	return []middleman{
		{"a sign-in page", 200, html, page},
		{"a sign-in page for a new resource", 201, html, page},
		{"a page of the same host", 200, map[string]string{"Content-Type": "text/html", "Simtransfer-Version": "1"}, page},
		{"another service", 200, json, `{"items":[],"id":7,"name":"other"}`},
		{"another service, without a type", 200, nil, `{}`},
		{"rows of another service", 200, map[string]string{"Content-Type": "text/csv"}, "line,state\n1,completed\n"},
		{"rows in another format", 200, map[string]string{"Content-Type": "text/plain", "Simtransfer-Version": "1", "Simtransfer-Rows": "1"}, "line\n1\n"},
		{"nothing", 200, nil, ""},
		{"nothing of a type", 200, json, ""},
		{"no content", 204, nil, ""},
		{"a redirect", 302, map[string]string{"Location": "https://portal.example/login"}, ""},
		{"a permanent redirect", 308, map[string]string{"Location": "https://elsewhere.example/"}, ""},
		{"a proxy that asks for a password", 401, map[string]string{"Content-Type": "text/html", "WWW-Authenticate": "Basic"}, page},
		{"a firewall", 403, html, page},
		{"a wrong host", 404, html, page},
		{"a wrong host with problems", 404, map[string]string{"Content-Type": "application/problem+json"}, `{"title":"Not found","status":404}`},
		{"a wrong path", 404, map[string]string{"Content-Type": "application/problem+json", "Simtransfer-Version": "1"}, `{"title":"No such path","status":404,"code":"unknown_path"}`},
		{"a proxy with a password", 407, html, page},
		{"a proxy with a limit", 413, html, page},
		{"a broken service", 500, html, page},
		{"a network with a sign-in page", 511, html, page},
	}
}

func (m middleman) answer(w http.ResponseWriter, _ *http.Request) {
	for name, value := range m.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(m.status)
	_, _ = io.WriteString(w, m.body)
}

// between is a transport through a middleman: nothing adds the headers of the API.
type between struct{ middleman }

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	w := httptest.NewRecorder()
	b.answer(w, r)
	answer := w.Result()
	if b.header == nil {
		answer.Header.Del("Content-Type") // which the recorder guesses
	}
	return answer, nil
}

// Whatever answers in place of the API, every command ends with an error that
// says so, and prints and saves nothing.
func TestMiddlemen(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for name, c := range callOfEachCommand(t) {
		tested[name] = true
		term := newTerminal(t, nil)
		for _, m := range middlemen() {
			term.HTTP.Transport = between{m}
			term.In = strings.NewReader(c.in)
			code := term.run(strings.Fields(c.args)...)
			if code != 1 || !strings.Contains(term.err.String(), "what answers at "+service+" is not simtransfer: ") || strings.Contains(term.err.String(), "<") {
				t.Errorf("%s, %s: exit code %d: %s", c.args, m.name, code, term.err.String())
			}
			if term.out.Len() > 0 {
				t.Errorf("%s, %s: it prints %s", c.args, m.name, term.out.String())
			}
			if _, err := os.Stat(term.ConfigFile); err == nil {
				t.Errorf("%s, %s: it saves the key", c.args, m.name)
			}
			if m.name == "a redirect" && !strings.Contains(term.err.String(), "https://portal.example/login") {
				t.Errorf("%s: it does not name the target: %s", c.args, term.err.String())
			}
		}
	}
	for _, node := range newParser(t, nil).Model.Leaves(true) {
		if name := node.FullPath(); !tested[name] && !slices.Contains(localCommands(), name) {
			t.Errorf("%s is not tested: add it to commandCalls", name)
		}
	}
}

// localCommands are the commands that make no call.
func localCommands() []string {
	return []string{"simtransfer logout", "simtransfer profiles", "simtransfer gateways presets"}
}

// callOfEachCommand returns one call of each command, by its path.
func callOfEachCommand(t *testing.T) map[string]commandCall {
	t.Helper()
	calls := map[string]commandCall{}
	for _, c := range append(commandCalls(), commandCall{args: "login", in: aKey}) {
		calls[commandOf(t, c.args)] = c
	}
	return calls
}

// commandOf returns the path of the command that a command line is for.
func commandOf(t *testing.T, args string) string {
	t.Helper()
	trace, err := kong.Trace(newParser(t, strings.Fields(args)), strings.Fields(args))
	if err != nil {
		t.Fatal(err)
	}
	return trace.Selected().FullPath()
}

// A proxy that cannot reach the service is tried again for a while.
func TestProxyWithoutAService(t *testing.T) {
	t.Parallel()
	for _, c := range callOfEachCommand(t) {
		term := newTerminal(t, nil)
		for _, status := range []int{429, 502, 503, 504} {
			synctest.Test(t, func(t *testing.T) {
				term.HTTP.Transport = between{middleman{"", status, map[string]string{"Content-Type": "text/html"}, "<h1>Bad gateway</h1>"}}
				term.t, term.In = t, strings.NewReader(c.in)
				term.is(term.run(strings.Fields(c.args)...), 6, "is not simtransfer", "Bad gateway")
				term.prints("")
			})
		}
	}
}

// An answer of the API that is cut off is not taken for a whole one, even if the
// connection ended as after a complete answer.
func TestAnswersThatAreCutOff(t *testing.T) {
	t.Parallel()
	for _, c := range callOfEachCommand(t) {
		if strings.Contains(c.args, "results ") || strings.HasPrefix(c.args, "export ") || strings.HasPrefix(c.call, "DELETE ") {
			continue // whose answers are no JSON
		}
		part := ""
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, part)
		})
		for _, part = range []string{"", "{", `{"items":[`, `{"items":[]`} {
			synctest.Test(t, func(t *testing.T) {
				term.t, term.In = t, strings.NewReader(c.in)
				term.is(term.run(strings.Fields(c.args)...), 6, "the answer of "+service+" was cut off")
				term.prints("")
			})
		}
	}
}

// A call whose answer is not simtransfer's may have taken effect.
func TestCallsThroughMiddlemenCanBeRepeated(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, nil)
	c.HTTP.Transport = between{middlemen()[0]}
	c.is(c.run("fees", "set", "EUR", "2.50", "--idempotency-key=mine"), 1, "--idempotency-key=mine")
	c.is(c.run("fees", "list"), 1)
	if strings.Contains(c.err.String(), "--idempotency-key") {
		t.Errorf("a call that changes nothing: %s", c.err.String())
	}
}
