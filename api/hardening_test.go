package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// exchangeRaw sends text to the API as it is, and half-closes the connection if
// asked. It returns the response, and whether the server then closed the
// connection.
func (s *testService) exchangeRaw(text string, halfClose bool) (status int, body string, closed bool) {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // less than bodyTimeout
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	if halfClose {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.Close {
		_, err = reader.ReadByte()
	}
	return response.StatusCode, string(content), response.Close && err != nil
}

// A call that is refused is answered at once, although its body does not arrive.
func TestRefusalsDoNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for path, status := range map[string]int{"/v1/transfer-requests": 401, "/v1/sims": 401, "/nowhere": 404} {
		for _, head := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
			got, _, closed := s.exchangeRaw("POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+head+"\r\n\r\n", false)
			if got != status || !closed {
				t.Errorf("%s with %s: answered %d, closed %t", path, head, got, closed)
			}
		}
	}
}

// A request with both lengths may hide another one: its connection is closed.
func TestConnectionIsClosedAfterTransferEncoding(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	_, _, closed := s.exchangeRaw("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", false)
	if !closed {
		t.Error("the connection stays open")
	}
}

// A body whose client stops half-way is the client's error, and nothing is stored.
func TestBodiesThatAreCutOff(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	row := iccid(1) + "," + emailOf(destinationID) + "," + destinationID + "\n"
	for _, test := range []struct{ path, key, contentType, body string }{
		{"/v1/batches", s.source, typeCSV, "sim,destination_email,destination_operator_id\n" + row},
		{"/v1/batches", s.source, typeNDJSON, `{"sim":"` + iccid(1) + `",`},
		{"/v1/batches", s.source, typeJSON, `[{"sim":"` + iccid(1) + `",`},
		{"/v1/sims", s.admin, typeCSV, "iccid,imsis,account,plan\n" + iccid(2) + "," + imsi(2) + "," + sourceID + ",global-01\n"},
		{"/v1/transfer-requests", s.source, typeJSON, `{"destination":`},
	} {
		for name, framed := range map[string]string{
			"a length": fmt.Sprintf("Content-Length: 9999\r\n\r\n%s", test.body),
			"chunks":   fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(test.body), test.body),
		} {
			status, text, _ := s.exchangeRaw("POST "+test.path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+test.key+"\r\nContent-Type: "+test.contentType+"\r\n"+framed, true)
			if status != 400 || !strings.Contains(text, string(problem.Malformed)) {
				t.Errorf("%s as %s with %s: answered %d %s", test.path, test.contentType, name, status, text)
			}
		}
	}
	if n := s.queryInt(`SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM sims) - 1`); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
}

// What lasts ends when its key is revoked.
func TestRevokedKeysEndWhatLasts(t *testing.T) {
	t.Parallel()
	s := newTestService(t, pollFast, func(c *Config) { c.KeyCheckInterval = 5 * time.Millisecond })
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	made, key, err := s.db.CreateKey(t.Context(), storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "short-lived"})
	if err != nil {
		t.Fatal(err)
	}
	events, _ := s.stream(key, path, "")
	<-events
	file, rest := io.Pipe()
	defer func() { _ = rest.Close() }()
	uploaded := make(chan testResponse, 1)
	go func() {
		uploaded <- s.do(apiCall{method: "POST", path: "/v1/batches", key: key, body: file, header: csvHeader()})
	}()
	if _, err := io.WriteString(rest, batchCSV()); err != nil { // the call has begun
		t.Fatal(err)
	}
	if err := s.db.RevokeKey(t.Context(), made.ID, storage.Revocation{By: storage.System()}); err != nil {
		t.Fatal(err)
	}
	for range events { // it ends, although the request does not
	}
	(<-uploaded).problem(401, problem.Unauthenticated)
}

// What lasts ends when a person is removed from the account for which it was begun, also
// if the person acts for another account by then.
func TestRemovedPeopleEndWhatLasts(t *testing.T) {
	t.Parallel()
	s := newTestService(t, pollFast, func(c *Config) { c.KeyCheckInterval = 5 * time.Millisecond })
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	jane := s.newPerson("jane", sourceID, storage.PermissionViewer)
	events, _ := s.stream(jane, path, "")
	<-events
	s.exec(`UPDATE api_keys SET revoked_at = clock_timestamp() WHERE person IS NOT NULL`)
	s.exec(`
		INSERT INTO api_keys (hash, hint, role, account, permission, name, person)
		SELECT sha256('other'), '', role, (SELECT id FROM accounts WHERE operator_id = $1), permission, 'other', person
		FROM api_keys
		WHERE person IS NOT NULL`, bystanderID)
	for range events { // it ends, although the request does not
	}
}

// Failed attempts from one network are limited; valid keys and other networks
// are not.
func TestAttempts(t *testing.T) {
	t.Parallel()
	var l attempts
	now := time.Now()
	for i := range attemptsBurst {
		if wait := l.wait("2001:db8::1", "x", now); wait != 0 {
			t.Fatalf("attempt %d waits %s", i, wait)
		}
		l.failed("2001:db8::1", "x", now)
	}
	l.succeeded("valid")
	for address, secrets := range map[string]map[string]bool{
		"2001:db8::1":      {"x": true, "valid": false},
		"2001:db8::ffff:2": {"x": true, "valid": false}, // the same /64
		"2001:db8:0:1::1":  {"x": false},
		"192.0.2.1":        {"x": false},
	} {
		for secret, waits := range secrets {
			if got := l.wait(address, secret, now) > 0; got != waits {
				t.Errorf("%s with %s waits: %t", address, secret, got)
			}
		}
	}
	if l.wait("2001:db8::1", "x", now.Add(attemptsInterval)) > 0 {
		t.Error("it waits forever")
	}
	for i := range maxAttemptsKept + 100 {
		l.failed(fmt.Sprintf("10.%d.%d.1", i/256, i%256), "x", now)
		l.succeeded(fmt.Sprint(i))
	}
	if len(l.full) > maxAttemptsKept || len(l.valid) > maxAttemptsKept {
		t.Errorf("%d networks and %d secrets are kept", len(l.full), len(l.valid))
	}
}

func TestUnknownKeysAreLimitedAndLogged(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log bytes.Buffer
	s := newTestService(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil)) })
	s.get(s.source, "/v1/key").is(200)
	limited := false
	for i := 0; i < 3*attemptsBurst && !limited; i++ {
		limited = s.get("st_admin_"+strings.Repeat("a", tokenSecretLength), "/v1/key").status == 429
	}
	if !limited {
		t.Error("unknown keys are not limited")
	}
	s.get(s.source, "/v1/key").is(200)
	s.get(s.source, "/v1/accounts").problem(403, problem.Forbidden)
	mu.Lock()
	defer mu.Unlock()
	for _, code := range []string{"unauthenticated", "rate_limited", "forbidden"} {
		if n := strings.Count(log.String(), "code="+code); n != 1 || !strings.Contains(log.String(), "address=127.0.0.1") {
			t.Errorf("%s was logged %d times in %s", code, n, &log)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Every response has the headers that protect a browser, and HSTS if the client
// uses HTTPS.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, trust := range []bool{false, true} {
		s := newTestService(t, withQueueUI, func(c *Config) { c.TrustProxy = trust })
		for _, path := range []string{"/healthz", "/v1/sims", "/nowhere", "/docs/nothing", "/sign-in", "/ops/queues", "/v1/accounts"} {
			a := s.do(apiCall{method: "GET", path: path, key: s.source, header: map[string]string{"X-Forwarded-Proto": "https"}})
			h := a.header
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s answered %d with %v", path, a.status, h)
			}
			if got := h.Get("Strict-Transport-Security") != ""; got != trust {
				t.Errorf("%s: HSTS %t with a trusted proxy %t", path, got, trust)
			}
		}
	}
	s := newTestService(t, withQueueUI, func(c *Config) { c.TrustProxy = true })
	c := s.signIn(s.admin, map[string]string{"X-Forwarded-Proto": "https"}).is(303).cookie()
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || c.Path != "/" {
		t.Errorf("%+v", c)
	}
}
