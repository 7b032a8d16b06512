package api

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func (s *testService) export(key, path, format string) testResponse {
	s.t.Helper()
	return s.do(apiCall{method: "GET", path: "/v1/exports/" + path, key: key, header: map[string]string{"Accept": format}})
}

// exportedRows reads the rows of an export in NDJSON.
func exportedRows[T any](a testResponse) []T {
	a.t.Helper()
	rows := []T{}
	for line := range strings.Lines(a.is(200).text) {
		rows = append(rows, read[T](testResponse{t: a.t, text: line}))
	}
	return rows
}

// makeSIMs inserts SIMs of the source account by SQL, numbered from 1.
func (s *testService) makeSIMs(n int) {
	s.t.Helper()
	s.exec(`
		WITH made AS (
			INSERT INTO sims (account, since, status, plan, iccid, tags)
			SELECT (SELECT id FROM accounts WHERE operator_id = $2), clock_timestamp(), 'active', 'global-01', '8988211' || lpad(i::text, 12, '0'), '{"site": "north"}'
			FROM generate_series(1, $1::int) AS i
			RETURNING id, account, since, iccid
		), registered AS (
			INSERT INTO registrations (sim, since, account) SELECT id, since, account FROM made
		)
		INSERT INTO identifiers (identifier, sim, kind)
		SELECT iccid, id, 'iccid' FROM made
		UNION ALL
		SELECT '00101' || right(iccid, 10), id, 'imsi' FROM made`, n, sourceID)
}

// An exported inventory has every column, and is accepted by an import as it is.
func TestExportedInventoryCanBeUploadedAgain(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	full := m{
		"iccid": iccid(1), "imsis": []string{imsi(1), imsi(2)}, "msisdns": []string{"12025550101", "12025550102"}, "account": sourceID,
		"status": "active", "plan": "global-01", "tags": m{"site": "north", "note": `a "b", c`}, "expiration": "2040-01-02T03:04:05.678901Z",
		"termination_protection": true, "group": "=meters", "event_handlers": []string{"h1", "h2"}, "speed_class": "fast", "containers": []string{"c1"},
		"imei_lock": "49015420323751", "transfer_lock": true, "eid": "89049032000001000000012345678901", "lot": "box-7", "external_id": "x-1",
	}
	list := []m{full, {"iccid": iccid(2), "imsis": []string{imsi(3)}, "account": destinationID, "status": "ready", "plan": "local-01"}}
	s.post(s.admin, "/v1/sims", list).is(201)
	s.exec(`UPDATE accounts SET external_id = 'customer ' || id`)
	columns := strings.Split(simExportHeader, ",")
	want := exportedRows[map[string]any](s.export(s.admin, "sims", typeNDJSON))
	if len(want) != 2 || len(want[0]) != len(columns) {
		t.Fatalf("%d rows; the first has the fields %q, not the columns %q", len(want), slices.Sorted(maps.Keys(want[0])), columns)
	}
	var names []string
	for _, c := range simUpload().columns {
		names = append(names, c.name)
	}
	equal(t, names, columns)
	for _, row := range want {
		delete(row, "since")
		delete(row, "updated_at")
	}
	for name, value := range full {
		if fmt.Sprint(want[0][name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, not %v", name, want[0][name], value)
		}
	}
	for _, format := range []string{typeCSV, typeNDJSON} {
		file := s.export(s.admin, "sims", format).is(200).text
		s.exec(`TRUNCATE sims, identifiers, registrations, sim_details`)
		s.do(apiCall{method: "POST", path: "/v1/sims", key: s.admin, body: file, header: map[string]string{"Content-Type": format}}).is(201)
		got := exportedRows[map[string]any](s.export(s.admin, "sims", typeNDJSON))
		for _, row := range got {
			delete(row, "since")
			delete(row, "updated_at")
		}
		equal(t, got, want)
	}
}

// Exports have the same rows in every format.
func TestExportsInEveryFormat(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(3, transfer.Active)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(99))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	for name, rows := range map[string]int{"sims": 3, "registrations": 4, "transfers": 2, "charges": 1} {
		lines := exportedRows[map[string]any](s.export(s.admin, name, typeNDJSON))
		items := read[struct {
			Items []map[string]any `json:"items"`
		}](s.export(s.admin, name, typeJSON).is(200)).Items
		equal(t, items, lines)
		a := s.export(s.admin, name, typeCSV).is(200)
		records, err := csv.NewReader(strings.NewReader(a.text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) != rows || len(records) != rows+1 || a.header.Get(rowsHeader) != strconv.Itoa(rows) {
			t.Errorf("%s: %d lines, %d records, %s announced; want %d", name, len(lines), len(records), a.header.Get(rowsHeader), rows)
		}
		for i, line := range lines {
			for column, field := range records[0] {
				value, known := line[field]
				if fee, is := line["fee"].(map[string]any); is && (field == "fee" || field == "currency") {
					value, known = fee[map[string]string{"fee": "amount", "currency": "currency"}[field]], true
				}
				if text := records[i+1][column]; text != "" && (!known || text != cellText(value)) {
					t.Errorf("%s: %s is %q in CSV and %v in NDJSON", name, field, text, value)
				}
			}
		}
		if a := s.do(apiCall{method: "HEAD", path: "/v1/exports/" + name, key: s.admin, header: map[string]string{"Accept": typeCSV}}).is(200); a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("HEAD of %s: %v", name, a.header)
		}
		s.export(s.admin, name, "text/html").problem(406, problem.NotAcceptable)
	}
}

// cellText is a value of JSON as CSV has it.
func cellText(v any) string {
	switch v := v.(type) {
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = fmt.Sprint(item)
		}
		return strings.Join(texts, ";")
	case map[string]any:
		var texts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			texts = append(texts, fmt.Sprintf("%s=%v", name, v[name]))
		}
		return strings.Join(texts, ";")
	}
	return fmt.Sprint(v)
}

func TestFiltersOfExports(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(4, transfer.Ready)
	s.exec(`UPDATE sims SET status = 'active' WHERE iccid = $1`, iccid(2))
	s.exec(`UPDATE sims SET plan = 'local-01' WHERE iccid = $1`, iccid(3))
	s.exec(`INSERT INTO sim_details (sim, lot) SELECT id, 'box-7' FROM sims WHERE iccid = $1`, iccid(4))
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(99))).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	// The SIMs came in January. The request was made and finished in February;
	// SIM 99 was not found on the first day, the others moved on the last one.
	s.exec(`ALTER TABLE sims DISABLE TRIGGER USER`)
	s.exec(`UPDATE sims SET since = '2030-01-10', updated_at = '2030-01-10'`)
	s.exec(`UPDATE registrations SET since = '2030-01-10' WHERE request IS NULL`)
	s.exec(`UPDATE registrations SET since = '2030-02-28' WHERE request IS NOT NULL`)
	s.exec(`UPDATE sims SET since = '2030-02-28' WHERE iccid = ANY ($1)`, "{"+iccid(1)+","+iccid(2)+"}")
	s.exec(`UPDATE requests SET created_at = '2030-02-01', offered_at = '2030-02-01', finished_at = '2030-02-28'`)
	s.exec(`UPDATE transfers SET finished_at = CASE WHEN state = 'completed' THEN timestamptz '2030-02-28' ELSE '2030-02-01' END`)
	s.exec(`UPDATE accounts SET external_id = 'second' WHERE operator_id = $1`, destinationID)
	s.exec(`UPDATE charges SET charged_at = '2030-02-28'`)
	for _, test := range []struct {
		key, path string
		want      string // the SIMs, by number, in order
	}{
		{s.support, "sims", "1 2 3 4"},
		{s.source, "sims", "3 4"},
		{s.destination, "sims", "1 2"},
		{s.support, "sims?account=" + sourceID, "3 4"},
		{s.support, "sims?status=active", "2"},
		{s.support, "sims?status=active,ready", "1 2 3 4"},
		{s.support, "sims?plan=local-01", "3"},
		{s.support, "sims?lot=box-7", "4"},
		{s.destination, "sims?lot=box-7", ""},
		{s.support, "sims?updated_since=2030-01-10", "1 2 3 4"},
		{s.support, "sims?updated_since=2030-01-11", "1 2"},
		{s.support, "sims?updated_since=2030-03-01", ""},

		{s.support, "registrations", "1 1 2 2 3 4"},
		{s.support, "registrations?from=2030-01-01&to=2030-02-01", "1 2 3 4"},
		{s.support, "registrations?from=2030-03-01", "1 2 3 4"},
		{s.support, "registrations?to=2030-01-10", ""},
		{s.source, "registrations?from=2030-02-28", "3 4"},
		{s.source, "registrations?from=2030-02-27&to=2030-02-28", "1 2 3 4"},
		{s.destination, "registrations", "1 2"},
		{s.support, "registrations?account=" + destinationID, "1 2"},
		{s.bystander, "registrations", ""},

		{s.support, "transfers", "1 2 99"},
		{s.support, "transfers?from=2030-02-01&to=2030-02-28", "99"},
		{s.support, "transfers?from=2030-02-28&to=2030-03-01", "1 2"},
		{s.support, "transfers?from=2030-03-01", ""},
		{s.support, "transfers?to=2030-02-01", ""},
		{s.support, "transfers?state=ineligible", "99"},
		{s.support, "transfers?state=completed,failed", "1 2"},
		{s.support, "transfers?account=" + destinationID + "&direction=outgoing", ""},
		{s.support, "transfers?account=" + destinationID + "&direction=incoming", "1 2 99"},
		{s.support, "transfers?account=" + bystanderID, ""},
		{s.support, "transfers?destination=" + destinationID, "1 2 99"},
		{s.support, "transfers?destination=" + bystanderID, ""},
		{s.support, "transfers?destination=ext:second", "1 2 99"},
		{s.support, "transfers?destination=ext:third", ""},
		{s.support, "transfers?ticket=T-1", "1 2 99"},
		{s.support, "transfers?ticket=T-2", ""},
		{s.source, "transfers", "1 2 99"},
		{s.source, "transfers?direction=incoming", ""},
		{s.destination, "transfers", "1 2"},
		{s.bystander, "transfers", ""},

		{s.support, "charges", "2"},
		{s.support, "charges?currency=eur", "2"},
		{s.support, "charges?currency=USD", ""},
		{s.support, "charges?account=" + destinationID, ""},
		{s.source, "charges?from=2030-02-28&to=2030-03-01", "2"},
		{s.source, "charges?to=2030-02-28", ""},
		{s.source, "charges?from=2030-03-01", ""},
		{s.destination, "charges", ""},
	} {
		var got []string
		for _, row := range exportedRows[struct {
			ICCID      *string `json:"iccid"`
			Identifier string  `json:"identifier"`
		}](testResponseWithFields(s.export(test.key, test.path, typeNDJSON), "iccid", "identifier")) {
			got = append(got, strings.TrimLeft(strings.TrimPrefix(cmp.Or(row.Identifier, valueOrZero(row.ICCID)), "8988211"), "0"))
		}
		if slices.Sort(got); strings.Join(got, " ") != test.want {
			t.Errorf("%s: SIMs %q, not %q", test.path, got, test.want)
		}
	}
	s.export(s.source, "sims?account="+destinationID, "").problem(403, problem.Forbidden)
	s.export(s.source, "transfers?ticket=T-1", "").problem(403, problem.Forbidden)
	for _, call := range []struct {
		key, query string
		sims       int // of the source, and so in all; 0: there is no total
	}{
		{s.support, "", 1},
		{s.support, "?currency=eur", 1},
		{s.support, "?currency=USD", 0},
		{s.support, "?account=" + destinationID, 0},
		{s.source, "?from=2030-02-28&to=2030-03-01", 1},
		{s.source, "?to=2030-02-28", 0},
		{s.destination, "", 0},
		{s.support, "?cursor=" + sourceID, 0},
	} {
		got := read[ChargeTotals](s.get(call.key, "/v1/charges/totals"+call.query).is(200))
		switch {
		case call.sims == 0 && len(got.Items) != 0, call.sims != 0 && (len(got.Items) != 1 || got.Items[0].Account != sourceID || got.Items[0].SIMs != call.sims):
			t.Errorf("%s: %+v", call.query, got)
		case call.sims != 0 && (len(got.Totals) != 1 || got.Totals[0].Total != got.Items[0].Total || got.Totals[0].Total.Minor == 0):
			t.Errorf("%s adds up to %+v", call.query, got)
		}
	}
	s.get(s.support, "/v1/charges/totals?cursor=x").problem(422, problem.Invalid)
	s.export(s.support, "charges?from=2030-02-01&to=2030-01-01", "").problem(422, problem.Invalid)
	s.export(s.support, "charges?from=yesterday", "").problem(422, problem.Invalid)
	s.export(s.support, "charges?currency=EURO", "").problem(422, problem.Invalid)
	s.export(s.support, "transfers?destination=OP1", "").problem(422, problem.Invalid)
}

// testResponseWithFields keeps these fields of the rows of NDJSON.
func testResponseWithFields(a testResponse, names ...string) testResponse {
	a.t.Helper()
	var text strings.Builder
	for line := range strings.Lines(a.is(200).text) {
		row := read[map[string]any](testResponse{t: a.t, text: line})
		maps.DeleteFunc(row, func(name string, _ any) bool { return !slices.Contains(names, name) })
		kept, err := json.Marshal(row)
		if err != nil {
			a.t.Fatal(err)
		}
		text.Write(append(kept, '\n'))
	}
	a.text = text.String()
	return a
}

// The timeline of a SIM has no gap: each registration ends when the next begins.
func TestExportedTimeline(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	path := s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202).header.Get("Location")
	s.work()
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	rows := exportedRows[ExportedRegistration](s.export(s.support, "registrations", typeNDJSON))
	if len(rows) != 2 || rows[0].Account != sourceID || rows[1].Account != destinationID || rows[0].Request != nil || rows[1].Request == nil ||
		rows[0].Until == nil || !rows[0].Until.Equal(rows[1].Since) || rows[1].Until != nil {
		t.Errorf("%+v", rows)
	}
}

// An export is recorded once, before its rows are sent.
func TestExportsAreRecorded(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(2, transfer.Ready)
	s.leaves("an export of support", s.support, func() { s.export(s.support, "sims?status=ready,active&lot=", typeCSV).is(200) }, "export.create")
	s.leaves("an export of an account", s.source, func() { s.export(s.source, "registrations?from=2020-01-01", typeNDJSON).is(200) }, "export.create")
	s.leaves("a refused export", s.source, func() { s.export(s.source, "sims?account="+destinationID, "").is(403) })
	s.leaves("HEAD", s.source, func() {
		s.do(apiCall{method: "HEAD", path: "/v1/exports/sims", key: s.source, header: map[string]string{"Accept": typeCSV}}).is(200)
	})
	type m = map[string]any
	entries := read[List[AuditEntry]](s.get(s.admin, "/v1/audit?action=export.create").is(200)).Items
	equal(t, entries[0].After, m{"format": typeNDJSON, "rows": 2.0, "from": "2020-01-01T00:00:00Z"})
	equal(t, entries[1].After, m{"format": typeCSV, "rows": 2.0, "status": "ready, active"})
	if entries[0].ObjectID != "registrations" || entries[1].ObjectID != "sims" || valueOrZero(entries[0].Account) != sourceID || entries[1].Account != nil {
		t.Errorf("%+v", entries)
	}
}

// slowExport is an export whose client has read the headers only.
type slowExport struct {
	rows int
	body *bufio.Reader
}

func (s *testService) slowExport(key, format string) slowExport {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url+"/v1/exports/sims", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Accept", format)
	transport := &http.Transport{WriteBufferSize: 4 << 10, ReadBufferSize: 4 << 10} // without the check of the document, which reads everything
	s.t.Cleanup(transport.CloseIdleConnections)
	response, err := transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = response.Body.Close() })
	rows, err := strconv.Atoi(response.Header.Get(rowsHeader))
	if err != nil || response.StatusCode != 200 {
		s.t.Fatalf("answered %d, %v", response.StatusCode, err)
	}
	return slowExport{rows, bufio.NewReader(response.Body)}
}

// manySIMs is more than the buffers of a connection hold.
const manySIMs = 40_000

// An export shows all SIMs as they were at one instant, while they are
// transferred; and no transfer waits for it.
func TestExportIsASnapshot(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(manySIMs)
	x := s.slowExport(s.support, typeNDJSON)
	moved := []string{iccid(1), iccid(manySIMs / 2), iccid(manySIMs)}
	path := s.post(s.source, "/v1/transfer-requests", requestBody(moved...)).is(202).header.Get("Location")
	s.work()
	s.post(s.support, path+"/approve", map[string]any{"ticket": "T-1"}).is(202)
	s.post(s.destination, path+"/accept", nil).is(202)
	s.work()
	s.exec(`UPDATE sims SET status = 'suspended' WHERE iccid = $1`, iccid(manySIMs-1))
	s.exec(`DELETE FROM sims WHERE iccid = $1`, iccid(manySIMs-2))
	if n := s.queryInt(`SELECT count(*) FROM sims JOIN accounts a ON a.id = account WHERE operator_id = '` + destinationID + `'`); n != len(moved) {
		t.Fatalf("%d SIMs were transferred", n)
	}
	seen := map[string]bool{}
	for {
		line, err := x.body.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var row ExportedSIM
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if seen[row.ICCID] = true; row.Account != sourceID || row.Status != transfer.Active {
			t.Fatalf("a later state: %s", line)
		}
	}
	if len(seen) != manySIMs || x.rows != manySIMs {
		t.Errorf("%d SIMs, %d announced, not %d", len(seen), x.rows, manySIMs)
	}
	if n := len(exportedRows[ExportedSIM](s.export(s.destination, "sims", typeNDJSON))); n != len(moved) {
		t.Errorf("the next export has %d SIMs of the destination", n)
	}
}

// An export whose transaction is lost on the way is cut off, which every format
// shows.
func TestExportsThatAreCutOff(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(manySIMs)
	for _, format := range []string{typeJSON, typeNDJSON, typeCSV} {
		x := s.slowExport(s.support, format)
		for s.queryInt(`
			SELECT count(pg_terminate_backend(pid))
			FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE 'FETCH FORWARD%' AND state <> 'idle'`) == 0 {
		}
		text, err := io.ReadAll(x.body)
		if err == nil || strings.Count(string(text), "\n") >= x.rows {
			t.Errorf("%s: %d of %d rows, then %v", format, strings.Count(string(text), "\n"), x.rows, err)
		}
	}
}

// Exports leave connections to the database for other calls, even if there are
// only two.
func TestConcurrentExports(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.makeSIMs(manySIMs)
	small := *s
	for conns, want := range map[int]int{2: 1, 9: 1, 10: 2, 20: 4} {
		db, err := storage.Open(t.Context(), s.dsn, storage.Options{MaxConns: conns})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if got := newServer(Config{DB: db}).exports; got.total != want || got.perCaller != min(want, 2) {
			t.Errorf("%d connections: %d exports at once, %d of a caller", conns, got.total, got.perCaller)
		}
		if conns == 2 {
			small.url = startTestService(t, s.dsn, func(c *Config) { c.DB = db }).url
		}
	}
	x := small.slowExport(s.support, typeNDJSON)
	small.get(s.source, "/v1/sims").is(200)
	small.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202)
	if _, err := io.Copy(io.Discard, x.body); err != nil {
		t.Fatal(err)
	}
	small.export(s.source, "charges", typeCSV).is(200) // waits until the place is free
}

// TestExportMemory checks that an export does not keep its rows. It is not
// parallel, because it measures the heap of the whole process.
//
//nolint:paralleltest // see above
func TestExportMemory(t *testing.T) {
	s := newTestService(t)
	s.makeSIMs(2 * manySIMs)
	live := func() int64 {
		runtime.GC()
		runtime.GC() // the second empties pools
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := live()
	var most, size int64
	for x := s.slowExport(s.support, typeNDJSON); ; {
		n, err := io.CopyN(io.Discard, x.body, 1<<20)
		size += n
		most = max(most, live()-before)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d KiB of memory for an export of %d KiB", most>>10, size>>10)
	if size < 20<<20 || most > 12<<20 { // a page of rows takes a few MiB
		t.Errorf("an export of %d KiB takes %d KiB of memory", size>>10, most>>10)
	}
}

// The end of the snapshot's time is a limit of every export.
func TestExportsEndInTime(t *testing.T) {
	t.Parallel()
	for _, r := range Routes() {
		if strings.HasPrefix(r.Path, "/v1/exports/") && r.timeout() != 15*time.Minute {
			t.Errorf("%s may take %s", r.Path, r.timeout())
		}
	}
}
