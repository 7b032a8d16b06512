package command

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/storage"
	"simtransfer/transfer"
	"simtransfer/webhook/webhooktest"
)

const testURLSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// testReceiver is a gateway without RADIUS that verifies what it gets.
type testReceiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []transfer.GatewayCall // with a right signature
	ids   map[string]bool
}

// newTestReceiver answers calls with a right signature by a handler, and others
// with 401.
func newTestReceiver(t *testing.T, answer http.HandlerFunc) *testReceiver {
	t.Helper()
	r := &testReceiver{ids: map[string]bool{}}
	verifier, err := standardwebhooks.NewWebhook(testURLSecret)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		if verifier.Verify(body, request.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var call transfer.GatewayCall
		if err := json.Unmarshal(body, &call); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.calls, r.ids[request.Header.Get("webhook-id")] = append(r.calls, call), true
		r.mu.Unlock()
		answer(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func testHTTPGateways(timeout time.Duration, allow ...string) httpGateways {
	var networks []netip.Prefix
	for _, n := range allow {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	return newHTTPGateways(timeout, networks, func(context.Context) time.Time { return time.Now() })
}

func sessionAt(url string) storage.OpenSession {
	return storage.OpenSession{
		AcctSessionID: "s1", Username: "001010000000001@apn", IMSI: "001010000000001", NASIPAddress: "10.0.0.2", FramedIP: "198.51.100.9", Class: "0x61",
		SessionGateway: storage.SessionGateway{Gateway: new(1), URL: &url, URLSecret: new(testURLSecret)},
	}
}

// Each answer is taken for what it means, and a redirect is not followed.
func TestHTTPGatewayAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		status       int
		test         int // of the answer to a test call that follows; 0: none does
		header       [2]string
		gone, silent bool
		pause        time.Duration
		why          string
	}{
		"dropped":      {status: 204, gone: true, why: "dropped"},
		"ok":           {status: 200, gone: true, why: "dropped"},
		"no session":   {status: 404, test: 204, gone: true, why: "already gone: it answered 404"},
		"no such URL":  {status: 404, test: 404, why: "to a test call the receiver answered 404 Not Found"},
		"no program":   {status: 404, test: 502, why: "to a test call the receiver answered 502 Bad Gateway"},
		"gone for us":  {status: 410, why: "410 Gone: it must answer 404"},
		"too fast":     {status: 429, header: [2]string{"Retry-After", "7"}, pause: 7 * time.Second, why: "429"},
		"unavailable":  {status: 503, header: [2]string{"Retry-After", "9"}, pause: 9 * time.Second, why: "503"},
		"error":        {status: 500, why: "500"},
		"unauthorized": {status: 401, why: "401"},
		"redirect":     {status: 307, header: [2]string{"Location", elsewhere.URL}, why: "redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			r := newTestReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls++; calls > 1 {
					w.WriteHeader(c.test)
					return
				}
				if c.header[0] != "" {
					w.Header().Set(c.header[0], c.header[1])
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, strings.Repeat("a long answer ", 100))
			})
			a, err := testHTTPGateways(10*time.Second, "127.0.0.0/8").Drop(t.Context(), sessionAt(r.URL))
			if c.test != 0 {
				if a.Sent != 2 || len(r.calls) != 2 || r.calls[1].Type != transfer.CallTest || r.calls[1].Data.SessionBase64 != "" {
					t.Errorf("no test call: %+v, %+v", a, r.calls)
				}
				r.calls = r.calls[:1]
			}
			if err != nil || a.Gone != c.gone || a.Silent || a.NotAsked || a.RetryAfter != c.pause || !strings.HasPrefix(a.Why, "gateway 10.0.0.2: ") || !strings.Contains(a.Why, c.why) {
				t.Errorf("%+v, %v", a, err)
			}
			if len(r.calls) != 1 || r.calls[0].Type != transfer.CallDisconnect || *r.calls[0].Data != (transfer.CallSession{
				SessionID: "s1", SessionBase64: "czE=", NASIPAddress: "10.0.0.2", UserName: "001010000000001@apn", IMSI: "001010000000001",
				FramedIP: "198.51.100.9", Class: "0x61",
			}) {
				t.Errorf("it got %+v", r.calls)
			}
		})
	}
}

// A gateway that does not answer is silent, and an address that is not allowed is
// not called.
func TestHTTPGatewaySafeguards(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	a, err := testHTTPGateways(200*time.Millisecond, "127.0.0.0/8").Drop(t.Context(), sessionAt(slow.URL))
	if err != nil || a.Gone || !a.Silent {
		t.Errorf("a slow gateway: %+v, %v", a, err)
	}
	reached := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	t.Cleanup(reached.Close)
	for _, url := range []string{reached.URL, strings.Replace(reached.URL, "127.0.0.1", "localhost", 1)} {
		a, err = testHTTPGateways(time.Second).Drop(t.Context(), sessionAt(url))
		if err != nil || a.Gone || !a.NotAsked || !strings.Contains(a.Why, "SIMTRANSFER_GATEWAY_ALLOW_NETWORKS") || strings.Contains(a.Why, "WEBHOOK") {
			t.Errorf("%s: %+v, %v", url, a, err)
		}
	}
	noID := sessionAt(reached.URL)
	noID.AcctSessionID = ""
	a, err = testHTTPGateways(time.Second, "127.0.0.0/8").Drop(t.Context(), noID)
	if err != nil || a.Gone || !a.NotAsked {
		t.Errorf("a session without id: %+v, %v", a, err)
	}
	if a, err := testHTTPGateways(time.Second, "127.0.0.0/8").Drop(t.Context(), sessionAt(closedURL(t))); err != nil || a.Gone || !a.Silent {
		t.Errorf("a closed port: %+v, %v", a, err)
	}
}

// A library that shares no code with the service verifies the calls to gateways: those
// that drop a session, and probes.
func TestLibraryVerifiesGatewayCalls(t *testing.T) {
	t.Parallel()
	library := webhooktest.Start(t)
	calls := testHTTPGateways(10*time.Second, "127.0.0.0/8")
	url := library.URL(testURLSecret)
	if a, err := calls.Drop(t.Context(), sessionAt(url)); err != nil || !a.Gone {
		t.Errorf("%+v, %v", a, err)
	}
	p := storage.GatewayProbe{NAS: "10.0.0.2", SessionGateway: storage.SessionGateway{URL: &url, URLSecret: new(testURLSecret)}}
	if a := (gateways{http: calls}).Probe(t.Context(), p); a.Outcome != transfer.ProbeAnswers {
		t.Errorf("a probe: %+v", a)
	}
	other := library.URL("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32))))
	if a, err := calls.Drop(t.Context(), sessionAt(other)); err != nil || a.Gone || !strings.Contains(a.Why, "401") {
		t.Errorf("with another secret: %+v, %v", a, err)
	}
}

func closedURL(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

// An id that is not UTF-8 is not replaced by another one, and no two calls have the
// same id.
func TestHTTPGatewaySessionIDs(t *testing.T) {
	t.Parallel()
	r := newTestReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g := testHTTPGateways(10*time.Second, "127.0.0.0/8")
	s := sessionAt(r.URL)
	s.AcctSessionID, s.Username = "a\xffb", "u\xfe"
	for range 2 {
		if a, err := g.Drop(t.Context(), s); err != nil || !a.Gone {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	for _, call := range r.calls {
		id, err := base64.StdEncoding.DecodeString(call.Data.SessionBase64)
		if err != nil || string(id) != s.AcctSessionID || call.Data.SessionID != "" || call.Data.UserName != "" {
			t.Errorf("%+v, %v", call.Data, err)
		}
	}
	if len(r.ids) != 2 {
		t.Errorf("ids: %v", r.ids)
	}
}

// A probe tells a URL that is right from one that is not.
func TestHTTPGatewayProbe(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	right := newTestReceiver(t, status(204))
	t.Cleanup(func() {
		for _, call := range right.calls {
			if call.Type != transfer.CallTest || *call.Data != (transfer.CallSession{NASIPAddress: "10.0.0.2"}) {
				t.Errorf("a probe names a session: %+v", call.Data)
			}
		}
	})
	accepting := httptest.NewServer(status(200))
	t.Cleanup(accepting.Close)
	missing := httptest.NewServer(status(404))
	t.Cleanup(missing.Close)
	stopped := closedURL(t)
	for name, c := range map[string]struct {
		url, secret string
		allow       []string
		want        transfer.ProbeOutcome
	}{
		"right":               {right.URL, testURLSecret, []string{"127.0.0.0/8"}, transfer.ProbeAnswers},
		"wrong secret":        {right.URL, "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32))), []string{"127.0.0.0/8"}, transfer.ProbeWrongSecret},
		"no verification":     {accepting.URL, testURLSecret, []string{"127.0.0.0/8"}, transfer.ProbeUnverified},
		"wrong URL":           {missing.URL, testURLSecret, []string{"127.0.0.0/8"}, transfer.ProbeRefuses},
		"not allowed":         {right.URL, testURLSecret, nil, transfer.ProbeNotSent},
		"nothing listens":     {stopped, testURLSecret, []string{"127.0.0.0/8"}, transfer.ProbeUnreachable},
		"secret is no base64": {right.URL, "whsec_?", []string{"127.0.0.0/8"}, transfer.ProbeNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := storage.GatewayProbe{NAS: "10.0.0.2", SessionGateway: storage.SessionGateway{URL: &c.url, URLSecret: &c.secret}}
			a := gateways{http: testHTTPGateways(5*time.Second, c.allow...)}.Probe(t.Context(), p)
			if a.Outcome != c.want || a.Address != c.url || a.Detail == "" || strings.Contains(a.Detail, c.secret) {
				t.Errorf("%+v", a)
			}
		})
	}
}
