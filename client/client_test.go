package client_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/client"
)

// A call that is repeated carries the same Idempotency-Key each time, and its
// error tells the key.
func TestRetriesAreIdempotent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys []string
		c := &client.Client{URL: "http://service.example", Attempts: 3, HTTP: inProcess(func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"title":"Busy","status":503}`)
		})}
		retries := 0
		c.OnRetry = func(error) { retries++ }
		_, err := c.DenyRequest(t.Context(), uuid.New(), client.Denial{Reason: "no"})
		var p *client.Problem
		if !errors.As(err, &p) || !p.Temporary() || !p.Uncertain() || p.Raw == nil {
			t.Errorf("error %v", err)
		}
		if len(keys) != 3 || retries != 2 || keys[0] == "" || !slices.Equal(keys, []string{keys[0], keys[0], keys[0]}) {
			t.Errorf("%d retries, with the keys %q", retries, keys)
		}
		if got := client.IdempotencyKeyOf(err); got != keys[0] {
			t.Errorf("the error tells the key %q, not %q", got, keys[0])
		}
		keys = nil
		_, err = c.DenyRequest(t.Context(), uuid.New(), client.Denial{Reason: "no"}, client.IdempotencyKey("mine"))
		if !slices.Equal(keys, []string{"mine", "mine", "mine"}) || client.IdempotencyKeyOf(err) != "mine" {
			t.Errorf("with the keys %q: %v", keys, err)
		}
		keys, c.Attempts = nil, 0
		if _, err = c.DenyRequest(t.Context(), uuid.New(), client.Denial{Reason: "no"}); !slices.Equal(keys, []string{""}) {
			t.Errorf("without retries, with the keys %q: %v", keys, err)
		}
	})
}

// What a retry cannot change is not repeated, and nothing was sent.
func TestPermanentErrorsAreNotRepeated(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	for name, c := range map[string]struct{ url, key, why string }{
		"plain HTTP":                {strings.Replace(plain.URL, "http:", "https:", 1), "mine", "begin the URL with http://"},
		"unknown certificate":       {encrypted.URL, "mine", "certificate"},
		"key with a line break":     {plain.URL, "a\nb", "cannot be an Idempotency-Key"},
		"key with other characters": {plain.URL, "é", "cannot be an Idempotency-Key"},
		"long key":                  {plain.URL, strings.Repeat("x", 256), "cannot be an Idempotency-Key"},
	} {
		repeated := 0
		service := &client.Client{URL: c.url, Attempts: 3, OnRetry: func(error) { repeated++ }}
		_, err := service.DenyRequest(t.Context(), uuid.New(), client.Denial{Reason: "no"}, client.IdempotencyKey(c.key))
		if err == nil || !strings.Contains(err.Error(), c.why) || repeated > 0 {
			t.Errorf("%s: repeated %d times: %v", name, repeated, err)
		}
	}
}

// The API key is not sent to where the service redirects.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	calls := 0
	c := &client.Client{URL: "http://service.example", Key: "st_secret", HTTP: inProcess(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusMovedPermanently)
	})}
	_, err := c.ListFees(t.Context(), client.FeeFilter{})
	if err == nil || !strings.Contains(err.Error(), "https://elsewhere.example/") || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	const stream = "retry: 2000\n\n" +
		"id: 1\ndata: {\"seq\":1,\"kind\":\"create\",\"to\":\"validating\"}\n\n" +
		": still here\n\n" +
		"id: 2\r\ndata:{\"seq\":2,\r\ndata:\"kind\":\"validate\"}\r\n\r\n"
	for name, c := range map[string]struct {
		status int
		body   string
		kinds  []string
		err    string
	}{
		"ends":        {200, stream + ": this is all\n\n", []string{"create", "validate"}, ""},
		"incomplete":  {200, stream + "data: {\"seq\":3}\n", []string{"create", "validate"}, ""},
		"nothing new": {204, "", nil, ""},
		"damaged":     {200, stream + "data: {\n\n", []string{"create", "validate"}, "reading events: unexpected end of JSON input"},
		"refused":     {404, `{"title":"Not found","status":404}`, nil, "Not found: it does not exist, or belongs to another account"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := &client.Client{URL: "http://service.example", HTTP: inProcess(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Last-Event-ID") != "7" || r.Header.Get("Accept") != "text/event-stream" {
					t.Errorf("headers %v", r.Header)
				}
				if c.status == http.StatusNotFound {
					w.Header().Set("Content-Type", problem.ContentType)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})}
			var kinds []string
			failure := ""
			for e, err := range service.StreamRequest(t.Context(), uuid.New(), "7") {
				if err != nil {
					failure = err.Error()
					continue
				}
				kinds = append(kinds, e.Kind)
			}
			if !slices.Equal(kinds, c.kinds) || failure != c.err {
				t.Errorf("events %q, error %q", kinds, failure)
			}
		})
	}
}

// A reader can stop at any event, and at any result.
func TestReadersCanStop(t *testing.T) {
	t.Parallel()
	c := &client.Client{URL: "http://service.example", HTTP: inProcess(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "data: {\"seq\":1}\n\ndata: {\"seq\":2}\n\n")
	})}
	for e, err := range c.StreamBatch(t.Context(), uuid.New(), "") {
		if err != nil || e.Seq != 1 {
			t.Errorf("event %d: %v", e.Seq, err)
		}
		break
	}
	for row, err := range client.ReadResults(strings.NewReader("{\"line\":1}\n{\"line\":2}\n")) {
		if err != nil || row.Line != 1 {
			t.Errorf("line %d: %v", row.Line, err)
		}
		break
	}
}

func TestReadResults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		lines []int
		err   bool
	}{
		"": {},
		"{\"line\":1,\"iccid\":null,\"fee\":{\"amount\":\"2.50\",\"minor\":250,\"currency\":\"EUR\"}}\n{\"line\":2}\n": {[]int{1, 2}, false},
		"{\"line\":1}\n{\"line\":": {[]int{1}, true},
	} {
		var lines []int
		failed := false
		for row, err := range client.ReadResults(strings.NewReader(text)) {
			if err != nil {
				failed = true
				continue
			}
			lines = append(lines, row.Line)
		}
		if !slices.Equal(lines, want.lines) || failed != want.err {
			t.Errorf("%q: lines %v, failed: %t", text, lines, failed)
		}
	}
}
