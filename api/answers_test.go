package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// Every response names the version, so that a client knows who sent it.
func TestEveryResponseNamesTheVersion(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.Version = "1.2.3" })
	for _, path := range []string{"/", "/healthz", "/nowhere", "/docs", "/openapi.json", "/v1/sims", "/v1/events", "/v1/templates/batch.csv", "/problems/invalid"} {
		for _, key := range []string{"", s.source} {
			if a := s.get(key, path); a.header.Get(versionHeader) != "1.2.3" {
				t.Errorf("%s answered %d with the version %q", path, a.status, a.header.Get(versionHeader))
			}
		}
	}
}

// What cannot be shown later is refused when it comes in.
func TestTimesThatCannotBeShownAreRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for _, at := range []string{"9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999999-00:01"} {
		csv := "iccid,imsis,account,plan,expiration\n" + iccid(1) + "," + imsi(1) + "," + sourceID + ",global-01," + at + "\n"
		row := map[string]any{"iccid": iccid(1), "imsis": imsi(1), "account": sourceID, "plan": "global-01", "expiration": at}
		text, _ := json.Marshal(row)
		for contentType, body := range map[string]string{typeCSV: csv, typeNDJSON: string(text), typeJSON: "[" + string(text) + "]"} {
			p := s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: body, header: map[string]string{"Content-Type": contentType}}).problem(422, problem.InvalidLines)
			if len(p.Errors) != 1 || p.Errors[0].Column != "expiration" {
				t.Errorf("%s %s: %+v", contentType, at, p.Errors)
			}
		}
		for _, path := range []string{
			"/v1/batches?created_after=", "/v1/batches?created_before=",
			"/v1/transfer-requests?created_after=", "/v1/transfer-requests?created_before=",
		} {
			s.get(s.source, path+strings.ReplaceAll(at, "+", "%2B")).problem(422, problem.Invalid)
		}
		s.post(s.admin, "/v1/fees", map[string]any{"method": "support_assisted", "fee": map[string]any{"currency": "EUR", "minor": 1}, "valid_from": at}).problem(422, problem.Invalid)
	}
	csv := "iccid,imsis,account,plan,expiration\n" + iccid(1) + "," + imsi(1) + "," + sourceID + ",global-01,9999-12-31T23:59:59Z\n"
	s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: csv, header: csvHeader()}).is(201)
	s.get(s.source, "/v1/sims").is(200)
}

// A response that cannot be written is a 500 and is logged, although the
// handler succeeded.
func TestResponseThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newTestService(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	s.sims(1, transfer.Ready)
	s.exec(`ALTER TABLE sims DROP CONSTRAINT sims_times`) // which keeps such a time out
	s.exec(`UPDATE sims SET expiration = '10000-01-01T00:00:00Z'`)
	for _, path := range []string{"/v1/sims", "/v1/sims/" + iccid(1)} {
		a := s.get(s.source, path)
		a.problem(500, problem.Internal)
		if id := a.header.Get("X-Request-Id"); !strings.Contains(log.String(), id) || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("%s: logged %s", path, &log)
		}
	}
}

// A handler that panics responds with 500; after the response has begun, the
// connection is cut, so that no client takes a part for the whole.
func TestPanics(t *testing.T) {
	t.Parallel()
	for _, begun := range []bool{false, true} {
		var log bytes.Buffer
		s := newServer(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		server := httptest.NewServer(s.withCall(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if begun {
				_, _ = w.Write([]byte("a part"))
				_ = http.NewResponseController(w).Flush()
			}
			panic("broken")
		})))
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		server.Close()
		if begun != errors.Is(err, io.ErrUnexpectedEOF) || begun != (response.StatusCode == 200) || !begun && response.StatusCode != 500 {
			t.Errorf("begun %t: answered %d, %q, %v", begun, response.StatusCode, text, err)
		}
		if !strings.Contains(log.String(), "broken") || !strings.Contains(log.String(), response.Header.Get("X-Request-Id")) {
			t.Errorf("logged %s", &log)
		}
	}
}

// Results say how many rows they have before the first, in every format and with
// every filter, for every party.
func TestResultsSayHowManyRowsTheyHave(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(99), iccid(98))).is(202).header.Get("Location")
	batch := s.upload(s.source, "", typeCSV, batchCSV(iccid(3), iccid(97))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	for _, test := range []struct {
		key, path, query string
		rows             int
	}{
		{s.source, path, "", 4},
		{s.support, path, "", 4},
		{s.destination, path, "", 2},
		{s.source, path, "?state=ineligible", 2},
		{s.source, path, "?state=eligible,ineligible", 4},
		{s.source, path, "?state=eligible&state=ineligible", 4},
		{s.source, path, "?reason=sim_not_found", 2},
		{s.source, path, "?method=support_assisted", 1},
		{s.source, path, "?state=failed", 0},
		{s.source, batch, "", 2},
		{s.source, batch, "?state=ineligible&reason=sim_not_found", 1},
	} {
		for _, accept := range []string{typeJSON, typeNDJSON, typeCSV} {
			a := s.do(apiCall{method: "GET", path: test.path + "/results" + test.query, key: test.key, header: map[string]string{"Accept": accept}}).is(200)
			if got := len(rowsOf(a)); got != test.rows || a.header.Get(rowsHeader) != strconv.Itoa(test.rows) {
				t.Errorf("%s%s as %s: %d rows, not %d; the header says %q", test.path, test.query, accept, got, test.rows, a.header.Get(rowsHeader))
			}
		}
	}
}

// Results that fail on the way are cut off.
func TestResultsThatFailAreCutOff(t *testing.T) {
	t.Parallel()
	for _, format := range []string{typeJSON, typeNDJSON, typeCSV} {
		var log bytes.Buffer
		s := newServer(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		server := httptest.NewServer(s.withCall(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := newPageWriter(format, resultHeader, w)
			_ = out.begin()
			_ = sendPage(w, out, []Result{{Line: 1}})
			s.abort(r.Context(), "sending results was aborted", storage.ErrNotFound)
		})))
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		server.Close()
		if err == nil || !strings.Contains(log.String(), "aborted") {
			t.Errorf("%s: %v, logged %s", format, err, &log)
		}
	}
}

// Through a proxy that speaks HTTP/1.0 to the API, the end of the connection is
// the end of the response: its length or its number of rows tells whether it is
// complete.
func TestResponsesSayTheirLength(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	for path, key := range map[string]string{"/v1/sims": s.source, "/healthz": "", "/v1/sims/" + iccid(1): s.source, "/v1/sims/1": s.source, "/nowhere": "", "/v1/events": s.source} {
		if a := s.get(key, path); a.header.Get("Content-Length") != strconv.Itoa(len(a.text)) {
			t.Errorf("%s: Content-Length %q of %d", path, a.header.Get("Content-Length"), len(a.text))
		}
	}
	records, err := csv.NewReader(strings.NewReader(s.get("", "/v1/templates/sims.csv").is(200).text)).ReadAll()
	if err != nil || len(records) != 2 {
		t.Errorf("%d records, %v", len(records), err)
	}
}
