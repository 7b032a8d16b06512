package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
)

// heldBody is a body that arrives when it is allowed to, after its first read.
type heldBody struct {
	text   *strings.Reader
	read   chan struct{} // closed by the first read
	arrive chan struct{}
}

func newHeldBody(text string) *heldBody {
	return &heldBody{strings.NewReader(text), make(chan struct{}), make(chan struct{})}
}

func (b *heldBody) Read(p []byte) (int, error) {
	select {
	case <-b.read:
	default:
		close(b.read)
	}
	<-b.arrive
	return b.text.Read(p)
}

// A call that was begun with a key does nothing if the key is revoked before the
// whole body has arrived. Otherwise the thief of a key could keep calls open, and
// use the key with them after it was revoked.
func TestKeyRevokedWhileTheBodyArrives(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	acts := 0
	queues := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			acts++
		}
	})
	handler := New(Config{DB: s.db, MaxKeyAge: 1, Log: slog.New(slog.DiscardHandler), QueueUI: queues})
	type sent struct {
		method, path, text, contentType string
		role                            storage.Role
	}
	calls := []sent{{"POST", "/ops/queues/api/queues/bulk/pending_tasks:batch_delete", "{}", typeJSON, storage.RoleAdmin}}
	paths := strings.NewReplacer("{id}", "1", "{operator_id}", sourceID, "{sim}", iccid(1), "{name}", "new-plan")
	for _, r := range Routes() {
		if r.Method == "GET" || r.Method == "DELETE" {
			continue
		}
		c := sent{r.Method, paths.Replace(r.Path), "{}", typeJSON, storage.RoleAdmin}
		if r.audience.admits(storage.RoleAccount) {
			c.role = storage.RoleAccount
		}
		switch r.OperationID {
		case "create-batch":
			c.text, c.contentType = batchCSV(iccid(1)), typeCSV
		case "sync-sims":
			c.text, c.contentType = "iccid\n"+iccid(2)+"\n", typeCSV
		case "import-accounts":
			c.text, c.contentType = "operator_id,name\n"+sourceID+",x\n", typeCSV
		case "import-sims":
			c.text, c.contentType = "iccid,imsis,account,plan\n"+iccid(2)+","+imsi(2)+","+sourceID+",global-01\n", typeCSV
		}
		calls = append(calls, c)
	}
	read := 0
	for _, c := range calls {
		k := storage.NewKey{Role: c.role, Name: c.method + " " + c.path}
		if c.role == storage.RoleAccount {
			k.OperatorID = sourceID
		}
		made, key, err := s.db.CreateKey(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		body := newHeldBody(c.text)
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, io.NopCloser(body))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", c.contentType)
		answer, done := httptest.NewRecorder(), make(chan struct{})
		go func() {
			defer close(done)
			handler.ServeHTTP(answer, r)
		}()
		select {
		case <-body.read:
		case <-done: // the call has no body
			continue
		}
		read++
		if err := s.db.RevokeKey(t.Context(), made.ID, storage.Revocation{By: storage.System()}); err != nil {
			t.Fatal(err)
		}
		close(body.arrive)
		<-done
		if answer.Code != http.StatusUnauthorized || !strings.Contains(answer.Body.String(), string(problem.Unauthenticated)) {
			t.Errorf("%s %s: answered %d %s", c.method, c.path, answer.Code, answer.Body)
		}
	}
	if read < 15 {
		t.Errorf("only %d calls have read a body", read)
	}
	if acts != 0 {
		t.Errorf("%d calls have changed a queue", acts)
	}
}
