package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"simtransfer/api/problem"
	"simtransfer/dev/servers/serverstest"
	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, serverstest.IgnoreServers())
}

// testService is an API with a database of its own, and a key for every role.
type testService struct {
	t      testing.TB
	db     *storage.DB
	dsn    string
	url    string
	client *http.Client

	admin, support                 string
	source, destination, bystander string // keys of accounts
}

// The accounts of every test.
const (
	sourceID      = "OP0000000001"
	destinationID = "OP0000000002"
	bystanderID   = "OP0000000003"
	closedID      = "OP0000000004"
)

func emailOf(id string) string { return strings.ToLower(id) + "@example.com" }

func newTestService(t testing.TB, change ...func(*Config)) *testService {
	t.Helper()
	s := startTestService(t, serverstest.DatabaseURL(t), change...)
	s.exec(`INSERT INTO plans VALUES ('global-01', false), ('local-01', true)`)
	s.exec(`INSERT INTO fees (method, currency, amount, valid_from) VALUES ('support_assisted', 'EUR', 250, '2020-01-01'), ('self_service', 'EUR', 0, '2020-01-01')`)
	for id, standing := range map[string]storage.Standing{sourceID: "open", destinationID: "open", bystanderID: "open", closedID: "closed"} {
		s.tx(func(tx *storage.Tx) error {
			_, err := tx.CreateAccount(t.Context(), storage.System(), storage.Account{
				OperatorID: transfer.OperatorID(id), Email: emailOf(id), Currency: "EUR", Coverage: "global", Standing: standing,
			})
			return err
		})
	}
	s.admin = s.key(storage.NewKey{Role: storage.RoleAdmin, Name: "admin"})
	s.support = s.key(storage.NewKey{Role: storage.RoleSupport, Name: "support"})
	s.source = s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "source"})
	s.destination = s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: destinationID, Name: "other"})
	s.bystander = s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: bystanderID, Name: "bystander"})
	return s
}

// startTestService serves an API on a database.
func startTestService(t testing.TB, dsn string, change ...func(*Config)) *testService {
	t.Helper()
	db, err := storage.Open(t.Context(), dsn, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := Config{DB: db, Log: slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	for _, f := range change {
		f(&c)
	}
	server := httptest.NewServer(New(c))
	t.Cleanup(server.Close)
	client := server.Client()
	client.Transport = newConformanceChecker(t, client.Transport)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &testService{t: t, db: db, dsn: dsn, url: server.URL, client: client}
}

// withShortLockTimeout serves the same database again, without waiting long for locks.
func (s *testService) withShortLockTimeout() *testService {
	s.t.Helper()
	separator := "?"
	if strings.Contains(s.dsn, "?") {
		separator = "&"
	}
	return startTestService(s.t, s.dsn+separator+"lock_timeout=50")
}

// logTo writes what the service logs to the test's log.
type logTo struct{ t testing.TB }

func (l logTo) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil { // a test that has ended must not log
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (s *testService) key(k storage.NewKey) string {
	s.t.Helper()
	_, token, err := s.db.CreateKey(s.t.Context(), k)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func (s *testService) tx(fn func(*storage.Tx) error) {
	s.t.Helper()
	if err := s.db.InTx(s.t.Context(), fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testService) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool().ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatal(err)
	}
}

// holdTx runs a statement in a transaction that stays open until the function
// returned is called, or the test ends. Then it is rolled back, or committed.
func (s *testService) holdTx(query string, args ...any) (end func(commit bool)) {
	s.t.Helper()
	tx, err := s.db.Pool().BeginTxx(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = tx.Rollback() })
	for _, statement := range []struct {
		text string
		args []any
	}{{`SET LOCAL idle_in_transaction_session_timeout = 0`, nil}, {query, args}} {
		if _, err := tx.ExecContext(s.t.Context(), statement.text, statement.args...); err != nil {
			s.t.Fatal(err)
		}
	}
	return func(commit bool) {
		s.t.Helper()
		done := tx.Rollback
		if commit {
			done = tx.Commit
		}
		if err := done(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// queryInt reads one number from the database.
func (s *testService) queryInt(query string) int {
	s.t.Helper()
	var n int
	if err := s.db.Pool().GetContext(s.t.Context(), &n, query); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// testResponse is a response of the API.
type testResponse struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// apiCall is a call of the API.
type apiCall struct {
	method, path string
	key          string // of the API
	body         any    // a string is sent as it is, anything else as JSON
	header       map[string]string
}

func (s *testService) do(c apiCall) testResponse {
	s.t.Helper()
	var reader io.Reader
	contentType := "application/json"
	switch body := c.body.(type) {
	case nil:
		contentType = ""
	case string:
		reader = strings.NewReader(body)
	case io.Reader:
		reader = body
	default:
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return testResponse{s.t, response.StatusCode, response.Header, string(text)}
}

func (s *testService) get(key, path string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "GET", path: path, key: key})
}

func (s *testService) post(key, path string, body any) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "POST", path: path, key: key, body: body})
}

// is fails the test unless the answer has a status.
func (a testResponse) is(status int) testResponse {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("answered %d, not %d: %s", a.status, status, a.text)
	}
	return a
}

// read returns the body; a field that its type does not have fails the test.
func read[T any](a testResponse) T {
	a.t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(a.text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%v in %s", err, a.text)
	}
	return v
}

// problem fails the test unless the answer is a problem of a code, and returns
// it.
func (a testResponse) problem(status int, code problem.Code) problem.Problem {
	a.t.Helper()
	a.is(status)
	p := read[problem.Problem](a)
	if p.Code != code || p.Status != status {
		a.t.Fatalf("problem %q, not %q: %s", p.Code, code, a.text)
	}
	if got := a.header.Get("Content-Type"); got != problem.ContentType {
		a.t.Errorf("Content-Type %q", got)
	}
	if p.Title == "" || p.Type == "" || !strings.HasSuffix(p.Instance, "#"+a.header.Get("X-Request-Id")) {
		a.t.Errorf("incomplete: %s", a.text)
	}
	return p
}

// iccid returns the n-th ICCID of the tests.
func iccid(n int) string { return fmt.Sprintf("8988211%012d", n) }

func imsi(n int) string { return fmt.Sprintf("00101%010d", n) }

// sims makes SIMs of the source account, numbered from 1.
func (s *testService) sims(n int, status transfer.Status) []string {
	s.t.Helper()
	var list []storage.NewSIM
	var ids []string
	for i := 1; i <= n; i++ {
		list = append(list, storage.NewSIM{
			ICCID: storagetest.Identifier(iccid(i)), IMSIs: []transfer.Identifier{storagetest.Identifier(imsi(i))}, Account: sourceID, Status: status, Plan: "global-01",
			SIMSettings: storage.SIMSettings{Tags: storage.Tags{"site": "north"}},
		})
		ids = append(ids, iccid(i))
	}
	s.tx(func(tx *storage.Tx) error {
		_, err := tx.ImportSIMs(s.t.Context(), storage.System(), func(yield func(storage.NewSIM) bool) {
			for _, sim := range list {
				if !yield(sim) {
					return
				}
			}
		})
		return err
	})
	return ids
}

// requestBody is the body of a transfer request to the other account.
func requestBody(sims ...string) map[string]any {
	return map[string]any{
		"destination": map[string]any{"email": emailOf(destinationID), "operator_id": destinationID},
		"sims":        sims,
	}
}

// work carries out all work that is pending, as the worker does.
func (s *testService) work() {
	s.t.Helper()
	for {
		list, err := s.db.Dispatch(s.t.Context(), "interactive", 100)
		if err != nil {
			s.t.Fatal(err)
		}
		bulk, err := s.db.Dispatch(s.t.Context(), "bulk", 100)
		if err != nil {
			s.t.Fatal(err)
		}
		if list = append(list, bulk...); len(list) == 0 {
			return
		}
		for _, task := range list {
			s.tx(func(tx *storage.Tx) error { return s.carryOut(tx, task.Work) })
		}
	}
}

func (s *testService) carryOut(tx *storage.Tx, id int64) error {
	ctx := s.t.Context()
	w, err := tx.LockWork(ctx, id)
	if err != nil {
		return err
	}
	switch w.Kind {
	case "validate":
		if w.State == transfer.RequestCanceled {
			counts, err := tx.CancelPending(ctx, w)
			if err != nil {
				return err
			}
			return tx.CloseValidation(ctx, w, counts)
		}
		claims, err := tx.Claim(ctx, w)
		if err != nil {
			return err
		}
		counts, err := tx.Judge(ctx, w, claims)
		if err != nil {
			return err
		}
		return tx.CloseValidation(ctx, w, counts)
	case "execute":
		if err := tx.LockSIMs(ctx, w, nil); err != nil {
			return err
		}
		counts, err := tx.HandOver(ctx, w)
		if err != nil {
			return err
		}
		return tx.CloseChunk(ctx, w, counts)
	case "release":
		counts, err := tx.Release(ctx, w)
		if err != nil {
			return err
		}
		return tx.CloseChunk(ctx, w, counts)
	default:
		return fmt.Errorf("these tests do not carry out work of the kind %s", w.Kind)
	}
}

// equal compares what a test has read with what it wants.
func equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
