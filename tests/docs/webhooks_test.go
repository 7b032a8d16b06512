package docs_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

//go:generate env UPDATE_PAGES=1 go test -count=1 -run ^TestWebhooksPage$ .

// TestWebhooksPage runs the commands of docs/webhooks.md, as TestCommandLinePage
// does, with a receiver that verifies each message.
func TestWebhooksPage(t *testing.T) {
	t.Parallel()
	stack, sh := startStack(t, "SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8")
	var verified atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := sh.signed(r, "secret.txt"); err != nil {
			t.Errorf("message %s: %v", body, err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		verified.Add(1)
	}))
	t.Cleanup(receiver.Close)
	runPage(t, "../../docs/webhooks.md", sh, names{serviceAddress: stack.Admin.URL, "https://example.com/simtransfer": receiver.URL})
	if verified.Load() == 0 {
		t.Error("the receiver has verified no message")
	}
}
