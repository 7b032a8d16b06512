package cli_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A command that is given several requests makes a call for each. One that is
// refused does not prevent the others.
func TestSeveralRequests(t *testing.T) {
	t.Parallel()
	const second = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c22"
	var paths, keys []string
	term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
		paths, keys = append(paths, r.URL.Path), append(keys, r.Header.Get("Idempotency-Key"))
		w.Header().Set("Simtransfer-Version", "1")
		if strings.Contains(r.URL.Path, someRequest) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"code":"request_state","status":409,"title":"Not possible in this state","detail":"the request is completed"}`))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"` + second + `","state":"transferring","source":"OP0000000001","destination":"OP0000000002"}`))
	})
	term.is(term.run("requests", "accept", someRequest, second, "--idempotency-key=k"), 5, someRequest+": ", "the request is completed", "1 of 2 failed")
	if want := []string{"/v1/transfer-requests/" + someRequest + "/accept", "/v1/transfer-requests/" + second + "/accept"}; !slices.Equal(paths, want) {
		t.Errorf("%q", paths)
	}
	if keys[0] == keys[1] || !strings.HasPrefix(keys[0], "k ") {
		t.Errorf("the keys are %q", keys)
	}
	if strings.HasPrefix(term.out.String(), "\n") {
		t.Errorf("a blank line for the request that was refused:\n%s", term.out.String())
	}
	paths = nil
	term.is(term.run("requests", "extend", second, second, "--by=1h"), 0)
	if want := []string{"/v1/transfer-requests/" + second + "/extend"}; !slices.Equal(paths, want) {
		t.Errorf("a request that is named twice: %q", paths)
	}
	for _, command := range []string{"pulls approve", "pulls refuse", "pulls cancel", "codes revoke"} {
		paths = nil
		args := append(strings.Fields(command), someRequest, second, someRequest)
		term.is(term.run(args...), 5, someRequest+": ", "1 of 2 failed")
		if len(paths) != 2 || !strings.Contains(paths[1], second) {
			t.Errorf("%s: %q", command, paths)
		}
	}
	term.is(term.run("pulls", "approve", someRequest, second, "--sim=1"), 2, "one pull request")
	term.is(term.run("requests", "accept", someRequest, second, "--sim=1"), 2, "one request")
	term.is(term.run("requests", "deny", "--reason=x", someRequest, second, "--if-match=a"), 2, "--if-match")
}
