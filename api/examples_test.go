package api

import (
	"net/http"
	"testing"

	"simtransfer/transfer"
)

// The examples show the state that a request has after each call.
func TestExamplesHaveTheStateAfterTheCall(t *testing.T) {
	t.Parallel()
	document := newServer(Config{}).register(http.NewServeMux())
	for path, want := range map[string]transfer.RequestState{
		"/v1/transfer-requests":              transfer.Validating,
		"/v1/transfer-requests/{id}/retry":   transfer.Validating,
		"/v1/transfer-requests/{id}/approve": transfer.AwaitingAcceptance,
		"/v1/transfer-requests/{id}/accept":  transfer.Transferring,
		"/v1/transfer-requests/{id}/decline": transfer.RequestDeclined,
		"/v1/transfer-requests/{id}/cancel":  transfer.RequestCanceled,
		"/v1/transfer-requests/{id}/deny":    transfer.RequestDenied,
	} {
		r, ok := document.Paths[path].Post.Responses["202"].Content[typeJSON].Example.(Request)
		if !ok || r.State != want {
			t.Errorf("%s: the example is %s, not %s", path, r.State, want)
		}
	}
}
