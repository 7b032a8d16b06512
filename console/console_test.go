package console_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"simtransfer/api"
	"simtransfer/api/problem"
	"simtransfer/client"
	"simtransfer/console"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, serverstest.IgnoreServers())
}

// The accounts of every test.
const (
	sourceID      = "OP0000000001"
	destinationID = "OP0000000002"
	bystanderID   = "OP0000000003"
)

// testService is an API with the console and a database of its own.
type testService struct {
	t     *testing.T
	url   string
	db    *storage.DB
	admin *client.Client

	nameCalls atomic.Int32 // calls of the console that read the names of accounts
	failing   atomic.Int32 // status with which the API answers calls that list plans; 0: it answers them
	failedID  atomic.Value // request id of the last of those calls
}

func newTestService(t *testing.T) *testService {
	t.Helper()
	db, err := storage.Open(t.Context(), serverstest.DatabaseURL(t), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &testService{t: t, db: db}
	server := httptest.NewServer(api.New(api.Config{DB: db, Console: func(api, notFound http.Handler) http.Handler {
		counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/account-names" {
				s.nameCalls.Add(1)
			}
			if status := int(s.failing.Load()); status != 0 && r.URL.Path == "/v1/plans" {
				s.failedID.Store(r.Header.Get("X-Request-Id"))
				code := problem.Internal
				if status == http.StatusServiceUnavailable {
					code = problem.Busy
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Simtransfer-Version", "test")
				w.WriteHeader(status)
				_ = json.NewEncoder(w).Encode(problem.New(code, "for programs"))
				return
			}
			api.ServeHTTP(w, r)
		})
		return console.New(console.Config{API: counted, NotFound: notFound})
	}}))
	t.Cleanup(func() {
		server.Close()
		_ = db.Close()
	})
	s.url = server.URL
	s.admin = &client.Client{URL: s.url, Key: s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "admin"}), HTTP: server.Client()}
	for _, id := range []transfer.OperatorID{sourceID, destinationID} {
		if _, err := s.admin.CreateAccount(t.Context(), client.NewAccount{
			OperatorID: id, Email: strings.ToLower(string(id)) + "@example.com", Currency: "EUR", Coverage: "global", Name: "Company " + string(id[11]),
		}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// key creates an API key and returns its token.
func (s *testService) key(k storage.NewKey) string {
	s.t.Helper()
	_, token, err := s.db.CreateKey(s.t.Context(), k)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// accountKey creates a key of an account with a permission.
func (s *testService) accountKey(id transfer.OperatorID, p storage.Permission) string {
	return s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: id, Permission: p, Name: string(id) + " " + string(p)})
}

// browser is a browser without JavaScript that has signed in.
type browser struct {
	s      *testService
	client *http.Client
	token  string
}

// signIn returns a browser that has signed in with an API key; an empty one has not
// signed in.
func (s *testService) signIn(token string) *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &browser{s: s, token: token, client: &http.Client{Jar: jar}}
	s.t.Cleanup(b.client.CloseIdleConnections)
	if token != "" {
		if p := b.post("/sign-in", url.Values{"key": {token}}); p.status != http.StatusOK {
			s.t.Fatalf("signing in: %d", p.status)
		}
	}
	return b
}

// page is what a browser shows.
type page struct {
	t      *testing.T
	path   string // after redirects
	status int
	header http.Header
	text   string
}

func (b *browser) do(r *http.Request) page {
	b.s.t.Helper()
	r.Header.Set("Accept", "text/html")
	response, err := b.client.Do(r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return page{b.s.t, response.Request.URL.Path, response.StatusCode, response.Header, string(text)}
}

func (b *browser) get(path string) page {
	b.s.t.Helper()
	r, err := http.NewRequestWithContext(b.s.t.Context(), http.MethodGet, b.s.url+path, nil)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) post(path string, fields url.Values, header ...string) page {
	b.s.t.Helper()
	r, err := http.NewRequestWithContext(b.s.t.Context(), http.MethodPost, b.s.url+path, strings.NewReader(fields.Encode()))
	if err != nil {
		b.s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.do(r)
}

// form returns the hidden fields of the first form of a page that is sent to a path.
func (p page) form(action string) url.Values {
	p.t.Helper()
	start := strings.Index(p.text, `action="`+action+`"`)
	if start < 0 {
		p.t.Fatalf("the page %s has no form for %s:\n%s", p.path, action, p.text)
	}
	body, _, _ := strings.Cut(p.text[start:], "</form>")
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	return fields
}

// has fails unless the page has the status and contains the texts.
func (p page) has(status int, texts ...string) page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%s: status %d, want %d:\n%s", p.path, p.status, status, p.text)
	}
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			p.t.Errorf("%s lacks %q:\n%s", p.path, text, p.text)
		}
	}
	return p
}

// The frame: who sees what, what a program gets, and what a stranger gets.
func TestFrame(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	stranger := s.signIn("")
	if p := stranger.get("/outbox?reference=a"); p.path != "/sign-in" {
		t.Errorf("a stranger sees %s", p.path)
	}
	approver := s.signIn(s.accountKey(sourceID, storage.PermissionApprover))
	p := approver.get("/").has(200, "Inbox", "Company 1")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"Cache-Control":           "no-store",
		"X-Content-Type-Options":  "nosniff",
	} {
		if p.header.Get(name) != want {
			t.Errorf("%s: %q", name, p.header.Get(name))
		}
	}
	for _, asset := range regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(p.text, -1) {
		if a := stranger.get(asset[1]).has(200); !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %q", asset[1], a.header.Get("Cache-Control"))
		}
	}
	approver.get("/nowhere").has(404, "No such page")
	program, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/nowhere", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(program)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if got := response.Header.Get("Content-Type"); response.StatusCode != 404 || got != "application/problem+json" {
		t.Errorf("a program gets %d %s", response.StatusCode, got)
	}
	approver.get("/requests/nonsense").has(404, "Not found")
	if p := approver.post("/act-for", url.Values{"account": {destinationID}}, "Sec-Fetch-Site", "cross-site"); p.status != 403 {
		t.Errorf("a form of another site: %d", p.status)
	}
	approver.post("/act-for", url.Values{"account": {destinationID}}).has(403, "You do not belong to this account")
}

// A page that cannot be shown says in plain words why. An error of the service has the id
// under which its log has the call.
func TestFailedPages(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	b := s.signIn(s.accountKey(sourceID, storage.PermissionOwner))
	s.failing.Store(http.StatusInternalServerError)
	p := b.get("/transfers/new").has(http.StatusInternalServerError, "Something went wrong", "tell support the id of this call")
	if id, _ := s.failedID.Load().(string); id == "" || !strings.Contains(p.text, id) {
		t.Errorf("the page lacks the id of the call, %q: %s", id, p.text)
	}
	s.failing.Store(http.StatusServiceUnavailable)
	b.get("/transfers/new").has(http.StatusServiceUnavailable, "Busy at the moment", "load the page again in a moment").lacks("for programs")
}
