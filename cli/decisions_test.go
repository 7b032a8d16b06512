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
		_, _ = w.Write([]byte(`{"id":"` + second + `","state":"transferring","finished":true,"source":"OP0000000001","destination":"OP0000000002"}`))
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
	for _, command := range []string{"pulls approve", "pulls refuse", "pulls cancel", "pulls show", "codes revoke", "codes show", "batches show", "batches cancel", "batches watch", "requests show"} {
		paths = nil
		args := append(strings.Fields(command), someRequest, second, someRequest)
		term.is(term.run(args...), 5, someRequest+": ", "1 of 2 failed")
		if len(paths) != 2 || !strings.Contains(paths[1], second) {
			t.Errorf("%s: %q", command, paths)
		}
	}
	paths = nil
	term.is(term.run("sims", "lock", "8988211000000000029", "8988211000000000037", "8988211000000000029"), 0)
	if want := []string{"/v1/sims/8988211000000000029", "/v1/sims/8988211000000000037"}; !slices.Equal(paths, want) {
		t.Errorf("sims lock: %q", paths)
	}
	term.is(term.run("pulls", "approve", someRequest, second, "--sim=1"), 2, "one pull request")
	term.is(term.run("requests", "accept", someRequest, second, "--sim=1"), 2, "one request")
	term.is(term.run("requests", "deny", "--reason=x", someRequest, second, "--if-match=a"), 2, "--if-match")
}

// A text that is empty, such as because a variable of the shell is not set, is
// refused before anything is decided.
func TestEmptyTexts(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, func(http.ResponseWriter, *http.Request) { t.Error("a call") })
	for _, line := range []string{
		"requests accept|" + someRequest + "|--plan=", "requests accept|" + someRequest + "|--group= ", "requests cancel|" + someRequest + "|--reason=",
		"requests create|--to-email=a@example.com|--to-operator=OP0000000002|1|--reference=  ", "batches submit|-|--message=", "pulls create|1|--reference=",
		"codes create|1|--reference=\t", "requests approve|" + someRequest + "|--ticket=", "requests deny|" + someRequest + "|--reason= ",
		"requests create|--to-email=a@example.com|--to-operator=OP0000000002|--lot=a|--status=", "sims list|--plan=", "requests list|--state=", "export sims|--status=",
	} {
		command, flags, _ := strings.Cut(line, "|")
		term.is(term.run(append(strings.Fields(command), strings.Split(flags, "|")...)...), 2, "is empty: give a value, or leave the flag out")
	}
}

// A batch stands for its requests in the states that allow the decision, on every page
// of the list.
func TestDecisionsOnABatch(t *testing.T) {
	t.Parallel()
	const second = "0198c5f2-1c5e-7d2a-9d3b-6a0f8e4b7c23"
	for _, test := range []struct{ command, states, act string }{
		{"extend --by=2h", "in_review,awaiting_acceptance", "/extend"},
		{"take-back", "canceled,declined,denied", "/take-back"},
	} {
		var calls []string
		empty := false
		term := newTerminal(t, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			switch {
			case r.Method == http.MethodPost:
				calls = append(calls, r.URL.Path)
				_, _ = w.Write([]byte(`{"id":"` + second + `","state":"in_review","source":"OP0000000001","destination":"OP0000000002"}`))
			case q.Get("batch") != someBatch || q.Get("state") != test.states:
				t.Errorf("lists %s", r.URL)
			case empty:
				_, _ = w.Write([]byte(`{"items":[]}`))
			case q.Get("cursor") == "":
				_, _ = w.Write([]byte(`{"items":[{"id":"` + someRequest + `"}],"next_cursor":"x"}`))
			default:
				_, _ = w.Write([]byte(`{"items":[{"id":"` + second + `"}]}`))
			}
		})
		args := append([]string{"requests"}, strings.Fields(test.command)...)
		term.is(term.run(append(args, "--batch="+someBatch)...), 0)
		if want := []string{"/v1/transfer-requests/" + someRequest + test.act, "/v1/transfer-requests/" + second + test.act}; !slices.Equal(calls, want) {
			t.Errorf("%s: %q", test.command, calls)
		}
		empty = true
		term.is(term.run(append(args, "--batch="+someBatch)...), 5, "no request of the batch")
		term.is(term.run(args...), 2, "--batch")
		term.is(term.run(append(args, someRequest, "--batch="+someBatch)...), 2, "--batch")
		term.is(term.run(append(args, "--batch="+someBatch, "--if-match=a")...), 2, "--if-match")
	}
}
