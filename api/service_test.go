package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.get("", "/nowhere").problem(404, problem.UnknownPath)
	s.get(s.admin, "/v1/accounts/").problem(404, problem.UnknownPath)
	s.get("", "/ops/queues").problem(404, problem.UnknownPath) // where there is no queue page
	a := s.do(apiCall{method: "DELETE", path: "/v1/sims", key: s.admin})
	if a.problem(405, problem.MethodNotAllowed); a.header.Get("Allow") != "GET, HEAD, POST, PUT" {
		t.Errorf("Allow %q", a.header.Get("Allow"))
	}
	k := read[ProblemKind](s.get("", "/problems/request_state").is(200))
	if k.Status != 409 || k.Meaning == "" {
		t.Errorf("%+v", k)
	}
	s.get("", "/problems/nonsense").problem(404, problem.NotFound)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for asked, kept := range map[string]bool{"abc-1.2_X": true, "": false, "a b": false, strings.Repeat("x", 65): false, "<script>": false} {
		a := s.do(apiCall{method: "GET", path: "/healthz", header: map[string]string{"X-Request-Id": asked}}).is(200)
		got := a.header.Get("X-Request-Id")
		if got == "" || (got == asked) != kept {
			t.Errorf("asked for %q, got %q", asked, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.get("", "/readyz").is(200)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	s.get("", "/readyz").problem(503, problem.Busy)
	s.get("", "/healthz").is(200)
}

// The answer says nothing about an internal error; the log has it once, with the
// id of the request.
func TestInternalErrorsAreLoggedAndHidden(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := newServer(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for name, handler := range map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, r *http.Request) {
			s.problem(r.Context(), errors.New("the secret inside")).Write(w)
		},
		"panic": func(http.ResponseWriter, *http.Request) { panic("the secret inside") },
	} {
		log.Reset()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/x", nil)
		r.Header.Set("X-Request-Id", "the-id")
		s.withCall(handler).ServeHTTP(w, r)
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != 500 || p.Code != problem.Internal || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
		}
		if strings.Count(log.String(), "secret inside") != 1 || !strings.Contains(log.String(), "request_id=the-id") {
			t.Errorf("%s: logged %q", name, log.String())
		}
	}
}

func TestEveryProblemHasItsKind(t *testing.T) {
	t.Parallel()
	seen := map[problem.Code]bool{}
	for _, k := range problem.Kinds() {
		if seen[k.Code] || k.Status < 400 || k.Title == "" || k.Meaning == "" {
			t.Errorf("%+v", k)
		}
		seen[k.Code] = true
	}
	for _, m := range mappings() {
		if !seen[m.code] {
			t.Errorf("%q is no kind of problem", m.code)
		}
	}
	if p := toProblem(t.Context(), errors.Join(errors.New("x"), storage.ErrNotFound)); p.Code != problem.NotFound {
		t.Errorf("%+v", p)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := OpenAPI("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			RequestBody struct {
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") || document.Info.Version != "1.2.3" {
		t.Errorf("%s %s", document.OpenAPI, document.Info.Version)
	}
	for _, r := range Routes() {
		o, ok := document.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok || o.OperationID != r.OperationID {
			t.Errorf("%s %s is not in the document", r.Method, r.Path)
		}
		if n := len(o.RequestBody.Content); r.bounds.upload != nil && n != 3 {
			t.Errorf("%s has %d media types", r.OperationID, n)
		}
	}
	if strings.Contains(string(text), "ErrorModel") {
		t.Error("the document shows Huma's own errors")
	}
	s := newTestService(t)
	if a := s.get("", "/openapi.json").is(200); !strings.Contains(a.text, `"create-batch"`) {
		t.Error("the served document lacks an operation")
	}
}

func TestDocsPageLoadsOnlyFromThisServer(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	page := s.get("", "/docs").is(200)
	policy := page.header.Get("Content-Security-Policy")
	if strings.Contains(page.text, "://") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self';") {
		t.Errorf("%s: %s", policy, page.text)
	}
	for _, asset := range []string{"/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js", "/docs/favicon-32x32.png"} {
		if !strings.Contains(page.text, asset) {
			t.Errorf("the page does not use %s", asset)
		}
		if a := s.get("", asset).is(200); a.text == "" || a.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %v", asset, a.header)
		}
	}
	s.get("", "/docs/").is(301)
	s.get("", "/docs/nothing.js").is(404)
}

// While the database refuses logins, every call is answered with 503 and says
// when to repeat it, and the log has no line for each. When the cause has gone,
// calls succeed again.
func TestDatabaseRefusesLogins(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := newTestService(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	other, err := storage.Open(t.Context(), serverstest.EmptyDatabaseURL(t), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	var name string
	if err := s.db.Pool().GetContext(t.Context(), &name, `SELECT current_database()`); err != nil {
		t.Fatal(err)
	}
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := other.Pool().ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`ALTER DATABASE ` + name + ` ALLOW_CONNECTIONS false`)
	run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, name)
	for range 10 {
		for _, a := range []testResponse{
			s.get("", "/readyz"),
			s.get(s.source, "/v1/sims"),
			s.post(s.source, "/v1/transfer-requests", map[string]any{"destination": map[string]string{"operator_id": destinationID}, "sims": []string{iccid(1)}}),
		} {
			if a.problem(503, problem.Busy).Status != 503 || a.header.Get("Retry-After") == "" {
				t.Errorf("answered %d without Retry-After", a.status)
			}
		}
	}
	if strings.Contains(log.String(), "responded") {
		t.Errorf("calls were logged:\n%s", log.String())
	}
	run(`ALTER DATABASE ` + name + ` ALLOW_CONNECTIONS true`)
	for deadline := time.Now().Add(10 * time.Second); s.get("", "/readyz").status != 200 || s.get(s.source, "/v1/sims").status != 200; {
		if time.Now().After(deadline) {
			t.Fatal("calls fail although logins are possible again")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
