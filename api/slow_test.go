package api

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"simtransfer/transfer"
)

// hurry is how much faster the time of shortDeadlineListener connections goes by: a body has
// 350 ms, and an upload 6 s.
const hurry = 100

// shortDeadlineListener is a listener whose connections shorten every limit on reading.
type shortDeadlineListener struct{ net.Listener }

func (l shortDeadlineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return shortDeadlineConn{c}, err
}

type shortDeadlineConn struct{ net.Conn }

func (c shortDeadlineConn) SetReadDeadline(at time.Time) error {
	if left := time.Until(at); !at.IsZero() && left > 0 {
		at = time.Now().Add(left / hurry)
	}
	return c.Conn.SetReadDeadline(at)
}

// startWithShortDeadlines serves the API of a service on shortDeadlineListener connections, and returns its
// address.
func (s *testService) startWithShortDeadlines() string {
	s.t.Helper()
	server := httptest.NewUnstartedServer(New(Config{DB: s.db, StreamInterval: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}))
	server.Listener = shortDeadlineListener{server.Listener}
	server.Start()
	s.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// wire is a connection on which a test writes what it likes.
type wire struct {
	net.Conn
	t   testing.TB
	in  *bufio.Reader
	key string
}

func dial(t testing.TB, address, key string) *wire {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, t, bufio.NewReader(conn), key}
}

func (w *wire) write(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatal(err)
	}
}

// ask writes the head of a call.
func (w *wire) send(line string, header ...string) {
	w.t.Helper()
	w.write(line + " HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer " + w.key + "\r\n" + strings.Join(append(header, "", ""), "\r\n"))
}

// answer reads an answer up to its body, which the test's end closes.
func (w *wire) readResponse(status int) (header http.Header, body io.Reader) {
	w.t.Helper()
	r, err := http.ReadResponse(w.in, nil)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	w.t.Cleanup(func() { _ = r.Body.Close() })
	if r.StatusCode != status {
		text, _ := io.ReadAll(r.Body)
		w.t.Fatalf("answered %d, not %d: %s", r.StatusCode, status, text)
	}
	return r.Header, r.Body
}

// A body that does not arrive delays no answer, whether it was expected or not.
func TestBodyThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	address := s.startWithShortDeadlines()
	const announced, csv, json = "Content-Length: 1000", "Content-Type: text/csv", "Content-Type: application/json"
	for _, test := range []struct {
		key, line string
		header    []string
		status    int
	}{
		{"", "POST /v1/transfer-requests", []string{announced, json}, 401},
		{"", "POST /v1/transfer-requests", []string{"Transfer-Encoding: chunked", json}, 401},
		{s.source, "POST /v1/accounts", []string{announced, json}, 403},
		{s.source, "POST /nowhere", []string{announced}, 404},
		{s.source, "POST /openapi.json", []string{announced}, 405},
		{s.source, "GET /docs", []string{announced}, 200},
		{s.source, "GET /v1/sims", []string{announced}, 200},
		{s.source, "POST /v1/transfer-requests", []string{announced, json}, 408},
		{s.source, "POST " + path + "/retry", []string{announced, json}, 408},
		{s.source, "POST /v1/batches/" + path[len(path)-36:] + "/cancel", []string{announced, json}, 408},
		{s.source, "POST /v1/batches", []string{announced, "Content-Type: text/html"}, 415},
		{s.support, "POST /v1/batches", []string{announced, csv}, 422},
	} {
		t.Run(fmt.Sprintf("%s %d", test.line, test.status), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			w := dial(t, address, test.key)
			w.send(test.line, test.header...)
			w.readResponse(test.status)
			if took := time.Since(start); took > uploadTimeout/hurry/2 {
				t.Errorf("answered after %s", took)
			}
		})
	}
	t.Run("of an upload that is given up", func(t *testing.T) {
		t.Parallel()
		start := time.Now()
		w := dial(t, address, s.source)
		w.send("POST /v1/batches", announced, csv)
		w.write("PK\x03\x04 and so on")
		w.readResponse(422)
		if took := time.Since(start); took > uploadTimeout/hurry/2 {
			t.Errorf("answered after %s", took)
		}
	})
}

// The time limit for a body applies to one call, and only to its body.
func TestBodyTimeoutLimitsOnlyBodies(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	address := s.startWithShortDeadlines()
	const pause = 2 * bodyTimeout / hurry // there is no other condition to wait for than that the time is over

	t.Run("a slow upload", func(t *testing.T) {
		t.Parallel()
		file := batchCSV(iccid(2))
		w := dial(t, address, s.source)
		w.send("POST /v1/batches", fmt.Sprint("Content-Length: ", len(file)), "Content-Type: text/csv")
		for rest := file; rest != ""; rest = rest[min(len(rest), len(file)/4+1):] {
			time.Sleep(pause / 2)
			w.write(rest[:min(len(rest), len(file)/4+1)])
		}
		w.readResponse(202)
	})
	t.Run("the next call of the connection", func(t *testing.T) {
		t.Parallel()
		w := dial(t, address, s.source)
		for range 2 {
			w.send("GET /v1/key", "Content-Length: 4")
			w.write("body")
			_, body := w.readResponse(200)
			if _, err := io.Copy(io.Discard, body); err != nil {
				t.Fatal(err)
			}
			time.Sleep(pause)
		}
		w.send("GET /v1/key")
		w.readResponse(200)
	})
	t.Run("a stream", func(t *testing.T) {
		t.Parallel()
		w := dial(t, address, s.source)
		w.send("GET "+path+"/stream", "Content-Length: 4")
		w.write("body")
		_, body := w.readResponse(200)
		lines := bufio.NewScanner(body)
		time.Sleep(pause)
		s.post(s.destination, path+"/accept", nil).is(202)
		s.work()
		for lines.Scan() && lines.Text() != ": end" {
		}
		if lines.Text() != ": end" {
			t.Errorf("broken off: %q %v", lines.Text(), lines.Err())
		}
	})
	t.Run("a call without a body", func(t *testing.T) {
		t.Parallel()
		r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(3))).is(202))
		end := s.holdTx(`SELECT 1 FROM requests WHERE id = $1 FOR UPDATE`, r.ID)
		w := dial(t, address, s.source)
		w.send("POST "+requestPath(r.ID)+"/cancel", "Content-Length: 0")
		time.Sleep(pause)
		end(false)
		w.readResponse(202)
	})
}
