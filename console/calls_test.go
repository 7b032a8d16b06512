package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"simtransfer/api"
	"simtransfer/cli"
)

// sampleValuesOf returns what stands for the values that a page fills in, in a call.
func sampleValuesOf(path string) map[string]string {
	values := map[string]string{
		"id": "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c21", "account": "OP0000000001", "sim": "8988211000000000011", "delivery": "4711",
		"gateway": "10.0.0.1", "code": "8J3K-Q2ZV-7MXA-04RT-HW04",
	}
	for _, numbered := range []string{"/keys/", "/people/", "/invitations/", "/sign-ins/"} {
		if strings.Contains(path, numbered) {
			values["id"] = "7"
		}
	}
	return values
}

// Every form of the console has a call that a script can make instead, in the words of
// curl and of the command line. Both make the same call, which is one of the API. A new
// form fails this test until its call is listed, or why it has none.
func TestEveryFormHasACall(t *testing.T) {
	t.Parallel()
	acts, without := acts(), withoutCall()
	for _, r := range routes() {
		if r.method != http.MethodPost {
			continue
		}
		switch _, excused := without[r.path]; {
		case excused && len(acts[r.path]) > 0:
			t.Errorf("the form %s has a call, and a reason why it has none", r.path)
		case !excused && len(acts[r.path]) == 0:
			t.Errorf("the form %s has no call: add it to acts, or to withoutCall", r.path)
		}
		delete(without, r.path)
		delete(acts, r.path)
	}
	for path := range without {
		t.Errorf("there is no form %s", path)
	}
	for path := range acts {
		t.Errorf("there is no form %s", path)
	}
	pages := map[string]bool{}
	for _, r := range routes() {
		pages[r.path] = pages[r.path] || r.method == http.MethodGet
	}
	for path := range reads() {
		if !pages[path] {
			t.Errorf("there is no page %s", path)
		}
	}
}

// What a page offers as curl and as a command is the same call, and one of the API.
func TestCalls(t *testing.T) {
	t.Parallel()
	check := NewCallChecker(t)
	for path, c := range reads() {
		check.call("the page "+path, c)
	}
	for path, list := range acts() {
		for _, c := range list {
			check.call("the form "+path, c)
		}
	}
}

// CallChecker compares calls with the OpenAPI document.
type CallChecker struct {
	t        *testing.T
	document map[string]any
	folder   string
	visit    *visit
}

// NewCallChecker returns a checker of texts for the service http://service.example.
func NewCallChecker(t *testing.T) *CallChecker {
	t.Helper()
	text, err := api.OpenAPI("test")
	if err != nil {
		t.Fatal(err)
	}
	k := &CallChecker{t: t, folder: t.TempDir(), visit: &visit{r: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://service.example/", nil)}}
	if err := json.Unmarshal(text, &k.document); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.folder, "secret.txt"), []byte("a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *CallChecker) call(name string, c call) {
	k.t.Helper()
	p := c.program(k.visit, sampleValuesOf(c.path))
	k.program(name+": "+c.what, p)
	if empty := c.program(k.visit, nil); strings.ContainsAny(empty.Command, "{}") || len(placeholders(empty.Curl)) > 0 {
		k.t.Errorf("%s: a placeholder stays: %s %s", name, empty.Curl, empty.Command)
	}
}

// program fails unless the texts make the same call of the API.
func (k *CallChecker) program(name string, p program) {
	k.t.Helper()
	want := k.curl(name, p.Curl)
	if want == nil {
		return
	}
	got := k.command(name, p.Command)
	for _, r := range got {
		if r.method == want.method && r.path == want.path {
			if want.body != nil && !reflect.DeepEqual(withoutMinor(r.body), want.body) && !bytes.Contains(want.text, []byte("…")) {
				k.t.Errorf("%s: the command sends %v, curl %v", name, r.body, want.body)
			}
			return
		}
	}
	k.t.Errorf("%s: %q does not call %s %s, but %v", name, p.Command, want.method, want.path, got)
}

// withoutMinor is a body without the second way in which the client writes amounts.
func withoutMinor(value any) any {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			withoutMinor(item)
		}
	case map[string]any:
		if value["amount"] != nil {
			delete(value, "minor")
		}
		for _, item := range value {
			withoutMinor(item)
		}
	}
	return value
}

// Page fails unless a page that a browser shows offers a call for each of its forms, and
// each call that it offers is one of the API.
func (k *CallChecker) Page(name, origin, text string) {
	k.t.Helper()
	without, acts := withoutCall(), acts()
	for path := range formsIn(text) {
		if without[path] == "" && !slices.ContainsFunc(acts[path], func(c call) bool { return strings.Contains(text, "<h2>"+c.what+"</h2>") }) {
			k.t.Errorf("%s has a form for %s, and offers no call for it", name, path)
		}
	}
	var programs []program
	for _, m := range regexp.MustCompile(`(?s)<div class="call"><pre>(.*?)</pre>`).FindAllStringSubmatch(text, -1) {
		line := strings.ReplaceAll(html.UnescapeString(m[1]), origin, "http://service.example")
		if strings.HasPrefix(line, "curl ") {
			programs = append(programs, program{Curl: line})
		} else {
			programs[len(programs)-1].Command = line
		}
	}
	for _, p := range programs {
		values := sampleValuesOf(p.Curl)
		fill := func(text string) string {
			return regexp.MustCompile(`\b[A-Z]+\b`).ReplaceAllStringFunc(text, func(word string) string { return cmp.Or(values[strings.ToLower(word)], word) })
		}
		p.Curl, p.Command = fill(p.Curl), fill(p.Command)
		if p.Command == "" {
			k.curl(name, p.Curl)
		} else {
			k.program(name, p)
		}
	}
}

// request is a request that a text makes.
type request struct {
	method, path string
	query        url.Values
	text         []byte
	body         any
}

func (r request) String() string {
	return fmt.Sprintf("%s %s?%s %s", r.method, r.path, r.query.Encode(), r.text)
}

// words returns the arguments that a shell gives to a program, and its standard input.
func (k *CallChecker) words(program, text string) ([]string, string) {
	k.t.Helper()
	command := exec.CommandContext(k.t.Context(), "sh", "-eu", "-c", program+`() { for word; do printf '%s\0' "$word"; done; printf '\0'; cat; }`+"\n"+text) //nolint:gosec // the texts are those of this package
	command.Dir = k.folder
	command.Env = []string{"SIMTRANSFER_API_KEY=a-key", "PATH=" + os.Getenv("PATH")}
	output, err := command.Output()
	if err != nil {
		k.t.Fatalf("a shell cannot read %s: %v", text, err)
	}
	words, input, _ := strings.Cut(string(output), "\x00\x00")
	return strings.Split(words, "\x00"), input
}

// curl reads a text for curl, and compares it with the document.
func (k *CallChecker) curl(name, text string) *request {
	k.t.Helper()
	words, _ := k.words("curl", text)
	r := request{method: http.MethodGet}
	var address, kind string
	authorized := false
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-X":
			i++
			r.method = words[i]
		case "-d":
			i++
			r.text = []byte(words[i])
		case "-H":
			i++
			authorized = authorized || words[i] == "Authorization: Bearer a-key"
			if value, found := strings.CutPrefix(words[i], "Content-Type: "); found {
				kind = value
			}
		default:
			address = words[i]
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Host != "service.example" || !authorized || (kind == "application/json") != (r.text != nil) {
		k.t.Errorf("%s: curl does not call the service with the key: %s", name, text)
		return nil
	}
	r.path, r.query = u.Path, u.Query()
	operation := k.operation(r)
	if operation == nil {
		k.t.Errorf("%s: the API has no %s %s", name, r.method, r.path)
		return nil
	}
	known := map[string]bool{}
	for _, parameter := range list(operation["parameters"]) {
		p := object(parameter)
		known[fmt.Sprint(p["name"])] = p["in"] == "query"
	}
	for parameter := range r.query {
		if !known[parameter] {
			k.t.Errorf("%s: %s %s has no parameter %s", name, r.method, r.path, parameter)
		}
	}
	body := object(operation["requestBody"])
	schema := object(object(object(body["content"])["application/json"])["schema"])
	switch {
	case r.text == nil && body["required"] == true:
		k.t.Errorf("%s: %s %s needs a body", name, r.method, r.path)
	case r.text != nil && len(schema) == 0:
		k.t.Errorf("%s: %s %s takes no body", name, r.method, r.path)
	case r.text != nil:
		if err := json.Unmarshal(r.text, &r.body); err != nil {
			k.t.Errorf("%s: the body is no JSON: %v", name, err)
			return nil
		}
		for _, problem := range k.mismatches("body", schema, r.body) {
			k.t.Errorf("%s: %s", name, problem)
		}
	}
	return &r
}

// operation returns the operation of the document that a request calls, nil if there is none.
func (k *CallChecker) operation(r request) map[string]any {
	best, fewest := map[string]any(nil), 0
	for path, item := range object(k.document["paths"]) {
		operation := object(object(item)[strings.ToLower(r.method)])
		if n := strings.Count(path, "{"); operation != nil && valuesOf(strings.ReplaceAll(path, "operator_id", "account"), r.path) != nil && (best == nil || n < fewest) {
			best, fewest = operation, n
		}
	}
	return best
}

// mismatches returns how a value differs from a schema of the document.
func (k *CallChecker) mismatches(at string, schema map[string]any, value any) []string {
	if ref, ok := schema["$ref"].(string); ok {
		return k.mismatches(at, object(object(object(k.document["components"])["schemas"])[strings.TrimPrefix(ref, "#/components/schemas/")]), value)
	}
	var problems []string
	kinds := []any{schema["type"]}
	if several := list(schema["type"]); several != nil {
		kinds = several
	}
	kind := map[bool]string{true: "boolean"}[value == true || value == false]
	switch value := value.(type) {
	case string:
		kind = "string"
	case float64:
		kind = "integer"
	case []any:
		kind = "array"
		for i, item := range value {
			problems = append(problems, k.mismatches(fmt.Sprintf("%s[%d]", at, i), object(schema["items"]), item)...)
		}
	case map[string]any:
		kind = "object"
		properties := object(schema["properties"])
		for name, field := range value {
			property := object(properties[name])
			if property == nil {
				property = object(schema["additionalProperties"])
			}
			if property == nil {
				problems = append(problems, at+" has no field "+name)
				continue
			}
			problems = append(problems, k.mismatches(at+"."+name, property, field)...)
		}
		for _, name := range list(schema["required"]) {
			if _, ok := value[fmt.Sprint(name)]; !ok {
				problems = append(problems, fmt.Sprintf("%s lacks %s", at, name))
			}
		}
	}
	if schema["type"] != nil && !slices.Contains(kinds, any(kind)) {
		problems = append(problems, fmt.Sprintf("%s is %s, not %v", at, kind, schema["type"]))
	}
	if enum := list(schema["enum"]); enum != nil && !slices.Contains(enum, value) {
		problems = append(problems, fmt.Sprintf("%s is %v, not one of %v", at, value, enum))
	}
	return problems
}

func object(value any) map[string]any {
	o, _ := value.(map[string]any)
	return o
}

func list(value any) []any {
	l, _ := value.([]any)
	return l
}

// command runs a text for the command line, and returns the requests that it makes.
func (k *CallChecker) command(name, text string) []request {
	k.t.Helper()
	words, input := k.words("simtransfer", text)
	var made []request
	session := cli.Session{
		In: strings.NewReader(input), Out: io.Discard, Err: io.Discard, ConfigFile: filepath.Join(k.folder, "config.json"),
		Key: "st_account_aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjkkkkllllmmmm",
		HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			q := request{method: r.Method, path: r.URL.Path, query: r.URL.Query()}
			if r.Body != nil {
				q.text, _ = io.ReadAll(r.Body)
				_ = r.Body.Close()
				_ = json.Unmarshal(q.text, &q.body) // an empty one stays nil
			}
			made = append(made, q)
			w := httptest.NewRecorder()
			w.Header().Set("Simtransfer-Version", "test")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.WriteString("{}")
			return w.Result(), nil
		})},
	}
	commands := &cli.Commands{}
	parser, err := kong.New(commands, append(cli.Options(commands, words), kong.Name("simtransfer"), kong.Writers(io.Discard, io.Discard),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if flag.Name == "url" {
				return "http://service.example", nil
			}
			return nil, nil
		})))...)
	if err != nil {
		k.t.Fatal(err)
	}
	call, err := parser.Parse(words)
	if err != nil {
		k.t.Errorf("%s: %q: %v", name, text, err)
		return nil
	}
	call.BindTo(k.t.Context(), (*context.Context)(nil))
	_ = call.Run(&session) // the answers are empty
	return made
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
