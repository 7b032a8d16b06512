package api

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"simtransfer/transfer"
)

// fuzzTest is a service that a fuzz target calls, with things of every kind.
type fuzzTest struct {
	*testService
	request, batch string // ids
	keys           []string
}

func newFuzzTest(f *testing.F) *fuzzTest {
	f.Helper()
	stopping := make(chan struct{})
	close(stopping) // streams end with what is there
	s := newTestService(f, func(c *Config) { c.Stopping, c.Log = stopping, slog.New(slog.DiscardHandler) })
	s.sims(3, transfer.Ready)
	b := read[Batch](s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(9)), header: csvHeader()}).is(202))
	z := &fuzzTest{testService: s, batch: b.ID.String(), keys: []string{s.source, s.destination, s.support, s.admin}}
	z.offer()
	return z
}

// to lets another test make the calls.
func (z *fuzzTest) to(t testing.TB) *fuzzTest {
	s := *z.testService
	transport, _ := s.client.Transport.(conformanceChecker)
	transport.t = t
	client := *s.client
	client.Transport = transport
	s.t, s.client = t, &client
	return &fuzzTest{&s, z.request, z.batch, z.keys}
}

// offer makes the request that decisions are about, wherever the last one has
// led the SIMs.
func (z *fuzzTest) offer() {
	z.work()
	z.exec(`UPDATE sims SET account = (SELECT id FROM accounts WHERE operator_id = $1), status = 'ready', transfer_lock = false`, sourceID)
	z.exec(`UPDATE accounts SET standing = 'open' WHERE operator_id IN ($1, $2)`, sourceID, destinationID)
	z.exec(`UPDATE accounts SET email = lower(operator_id) || '@example.com'`)
	r := read[Request](z.post(z.source, "/v1/transfer-requests", requestBody(iccid(1), iccid(2), iccid(3))).is(202))
	z.work()
	z.request = r.ID.String()
}

// path is that of a route, for something that exists.
func (z *fuzzTest) path(r Route) string {
	id := z.request
	switch {
	case strings.HasPrefix(r.Path, "/v1/batches"):
		id = z.batch
	case strings.HasPrefix(r.Path, "/v1/keys"):
		id = "1" // the administrator's, which is not one of those that call
	}
	return strings.NewReplacer("{id}", id, "{operator_id}", sourceID, "{name}", "global-01",
		"{sim}", iccid(1), "{identifier}", iccid(1), "{code}", "not_found").Replace(r.Path)
}

// written is a digest of everything but of what every call notes.
func (z *fuzzTest) written() string {
	var digest string
	if err := z.db.Pool().Get(&digest, `
		SELECT concat_ws(' ',
			(SELECT md5(string_agg(a::text, ',' ORDER BY id)) FROM accounts a),
			(SELECT md5(string_agg(concat_ws(' ', id, hash, old_hash, revoked_at), ',' ORDER BY id)) FROM api_keys),
			(SELECT md5(string_agg(p::text, ',' ORDER BY name)) FROM plans p),
			(SELECT md5(string_agg(f::text, ',' ORDER BY method, currency, valid_from)) FROM fees f),
			(SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM sims s),
			(SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM requests r),
			(SELECT count(*) FROM transfers),
			(SELECT count(*) FROM batches),
			(SELECT count(*) FROM events),
			(SELECT count(*) FROM work),
			(SELECT count(*) FROM idempotency))`); err != nil {
		z.t.Fatal(err)
	}
	return digest
}

// takesJSON lists the routes whose body Huma reads.
func takesJSON() []Route {
	return slices.DeleteFunc(Routes(), func(r Route) bool {
		return r.bounds.upload != nil || r.Method == http.MethodGet || r.Method == http.MethodDelete
	})
}

// FuzzJSONBodies sends any body to any route that takes JSON, by any role:
// what is refused has changed nothing, and nothing is our fault.
func FuzzJSONBodies(f *testing.F) {
	all := newFuzzTest(f)
	routes := takesJSON()
	bodies := []string{
		``, `null`, `{}`, `[]`, `0`, `"x"`, `{`, `{"sims":null}`, `{"sims":[null]}`, `{"sims":[]}`, `{"sims":[""]}`, `{"sims":"x"}`,
		`{"sims":["` + iccid(1) + `"],"landing":{"group":"g","tags":{"a":"b"},"speed_class":"s"}}`,
		`{"landing":{"tags":{"":"x"}}}`, `{"landing":{"tags":null}}`, `{"reason":"` + strings.Repeat("x", 501) + `"}`, `{"reason":"no\u0000"}`, `{"reason":"\ud800"}`,
		`{"ticket":"T-1","fee":{"minor":0},"fee_reason":"why"}`, `{"ticket":"T-1","fee":{"minor":-1}}`, `{"ticket":"T-1","fee":{"minor":1e400}}`, `{"ticket":"","fee":{"minor":1.5}}`,
		`{"ticket":"T-1","fee":{"amount":"1e2"},"fee_reason":"why"}`, `{"ticket":"T-1","fee":{"amount":"92233720368547758.08","minor":1},"fee_reason":"why"}`, `{"fee":{"amount":"٧.50","currency":"\u0000"}}`,
		`{"reasons":["sim_locked","x"]}`, `{"acceptance_seconds":9223372036854775808}`, `{"acceptance_seconds":0.1}`,
		`{"destination":{"email":"` + emailOf(destinationID) + `","operator_id":"` + destinationID + `"},"sims":["` + iccid(1) + `","+` + imsi(1) + `"],"on_behalf_of":"` + sourceID + `"}`,
		`{"destination":{"email":"@","operator_id":"OP"},"sims":["12345678901234567890123"]}`, `{"destination":null,"sims":["` + iccid(1) + `"]}`,
		`{"operator_id":"OP0000000009","email":"a@example.com","currency":"EUR","coverage":"c","standing":"closed"}`,
		`{"email":"a@example.com"}`, `{"email":"a b"}`, `{"standing":"half"}`, `{"coverage":""}`,
		`{"coverage_bound":"yes"}`, `{"coverage_bound":true}`, `{"grace_seconds":60}`, `{"grace_seconds":86401}`,
		`{"method":"support_assisted","fee":{"currency":"EUR","minor":1},"valid_from":"9999-12-31T23:59:59Z"}`,
		`{"method":"support_assisted","fee":{"currency":"EUR","minor":1},"valid_from":"2999-12-31T23:59:59+23:59"}`,
		`{"method":"self_service","fee":{"currency":"EUR","minor":0},"valid_from":"0000-01-01T00:00:00Z"}`,
		`{"method":"support_assisted","fee":{"currency":"eur","minor":1},"valid_from":"2026-02-30T00:00:00Z"}`,
		`{"role":"account","account":"` + destinationID + `","name":"x"}`, `{"role":"support","account":"OP0000000099","name":"x"}`, `{"role":"root","name":""}`,
		`{"tags":{"a":"b"},"group":"","transfer_lock":false}`, `{"tags":null,"status":"active"}`, `{"status":"lost"}`, `{"tags":{"\u0000":"x"}}`,
		`{"a":1,"a":2}`, "\xff\xfe", `{"group":"` + "\xff" + `"}`,
	}
	for i := range routes {
		for j, body := range bodies {
			f.Add(byte(i), byte(j), []byte(body)) // the role varies with the body
			f.Add(byte(i), byte(len(all.keys)-1-j%len(all.keys)), []byte(body))
		}
	}
	was := all.written()
	f.Fuzz(func(t *testing.T, route, role byte, body []byte) {
		r, z := routes[int(route)%len(routes)], all.to(t)
		a := z.do(apiCall{method: r.Method, path: z.path(r), key: z.keys[int(role)%len(z.keys)], body: string(body)})
		if a.status >= 500 && r.Path != "/readyz" { // the service is stopping, so it is not ready
			t.Fatalf("%s %s answered %d %s", r.Method, r.Path, a.status, a.text)
		}
		is := z.written()
		if a.status >= 400 && is != was {
			t.Fatalf("%s %s answered %d and has changed something: %s", r.Method, r.Path, a.status, a.text)
		}
		if a.status < 300 && is != was {
			z.offer()
			all.request, is = z.request, z.written()
		}
		was = is
	})
}

// FuzzUploads sends any file, in any format, as an import and as a batch: it is
// taken whole, or refused and nothing has changed.
func FuzzUploads(f *testing.F) {
	all := newFuzzTest(f)
	types := []string{typeCSV, typeNDJSON, typeJSON, "text/plain"}
	columns := "iccid,imsis,msisdns,account,status,plan,tags,expiration,termination_protection,group,event_handlers,speed_class,containers,imei_lock,transfer_lock\n"
	row := `{"iccid":"` + iccid(50) + `","imsis":["` + imsi(50) + `"],"account":"` + sourceID + `","plan":"global-01"`
	to := `"destination_email":"` + emailOf(destinationID) + `","destination_operator_id":"` + destinationID + `"`
	for path, files := range [][]string{{
		columns + iccid(51) + "," + imsi(51) + ",+1202555,," + ",global-01,,,,,,,,,\n",
		columns + iccid(51) + "," + imsi(51) + ",+12025550," + sourceID + ",ready,global-01,a=b;c=d,2999-12-31T23:59:59+23:59,true,g,x;y,s,c,12345678901234,false\n",
		columns + iccid(52) + "," + imsi(52) + ",," + sourceID + ",ready,global-01,\xff=b,10000-01-01T00:00:00Z,maybe,\x00,,,,1,2\n",
		columns + iccid(1) + "," + imsi(1) + ",," + sourceID + ",lost,none,=,,,,,,,,\n",
		row + `}` + "\n" + row + `,"tags":{"a":"\u0000"}}`, row + `,"expiration":"0000-01-01T00:00:00-23:59"}`, row + `,"group":"\ud800"}`, row + `,"tags":{"":""}}`,
		"[" + row + `}]`, "[" + row + `,"imsis":null}]`, "[" + row + `,"containers":["a;b"],"transfer_lock":1}]`, `[]`, `[{}]`, `{}`, `[1]`, "\xff", "",
	}, {
		batchCSV(iccid(1), imsi(2)), batchCSV("1", iccid(1), iccid(1)), "\ufeff" + batchCSV(iccid(1)), strings.ToUpper(batchCSV(iccid(2))), "sim\n1",
		`{"sim":"` + iccid(1) + `",` + to + `}`, `{"sim":null,` + to + `}`, `{"sim":1,` + to + `}`, `[{"sim":"` + iccid(1) + `",` + to + `}]`, `[{"sim":"\u0000",` + to + `},null]`,
	}} {
		for _, file := range files {
			for i := range types {
				f.Add(path == 1, byte(i), []byte(file))
			}
		}
	}
	was := all.written()
	f.Fuzz(func(t *testing.T, batch bool, kind byte, file []byte) {
		z, path := all.to(t), "/v1/sims"
		if batch {
			path = "/v1/batches?on_behalf_of=" + sourceID
		}
		a := z.do(apiCall{method: "POST", path: path, key: z.admin, body: string(file), header: map[string]string{"Content-Type": types[int(kind)%len(types)]}})
		is := z.written()
		if a.status >= 500 || a.status >= 400 && is != was {
			t.Fatalf("%s answered %d, and the database changed: %t: %s", path, a.status, is != was, a.text)
		}
		was = is
	})
}

// FuzzQueries asks every route that reads for anything, with any Last-Event-ID,
// by any role. Its seeds give every parameter of the document values at the
// edge, such as cursors that are no number of the database's.
func FuzzQueries(f *testing.F) {
	all := newFuzzTest(f)
	routes := slices.DeleteFunc(Routes(), func(r Route) bool { return r.Method != http.MethodGet })
	values := []string{
		"", "0", "-1", "+1", "2147483648", "9223372036854775807", "9223372036854775808", "0x1", "\x00", "\xff", "'", "=", "a=\x00",
		"1-1", "-", "1-", "9223372036854775807-9223372036854775807", "9223372036854775808-0", "18446744073709551615-1",
		all.request, strings.ToUpper(all.request), "{" + all.request + "}", "urn:uuid:" + all.request, strings.ReplaceAll(all.request, "-", ""),
		"0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "2026-01-31T12:00:00.123456789Z", "2026-01-31",
		iccid(1), sourceID, "both", "completed", "true", strings.Repeat("9", 64), strings.Repeat("x", 65),
	}
	document := newServer(Config{}).register(http.NewServeMux())
	for i, r := range routes {
		f.Add(byte(i), byte(i), "", "")
		f.Add(byte(i), byte(i), "nonsense=1", "")
		for _, p := range operationOf(document.Paths[r.Path], r.Method).Parameters {
			for j, v := range values {
				switch p.In {
				case "query":
					f.Add(byte(i), byte(j%2), url.Values{p.Name: {v}}.Encode(), "")
					f.Add(byte(i), byte(2+j%2), url.Values{p.Name: {v}, "account": {sourceID}}.Encode(), "")
				case "header":
					f.Add(byte(i), byte(j), "", v)
				}
			}
		}
	}
	was := all.written()
	f.Fuzz(func(t *testing.T, route, role byte, query, last string) {
		r, z := routes[int(route)%len(routes)], all.to(t)
		if strings.ContainsFunc(last, func(c rune) bool { return c < ' ' || c == 0x7f }) || strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
			t.Skip("no client could send that")
		}
		a := z.do(apiCall{
			method: r.Method, path: z.path(r) + "?" + query, key: z.keys[int(role)%len(z.keys)], header: map[string]string{"Last-Event-ID": last},
		})
		if a.status >= 500 && r.Path != "/readyz" { // the service is stopping, so it is not ready
			t.Fatalf("%s %s?%s answered %d %s", r.Method, r.Path, query, a.status, a.text)
		}
	})
	if is := all.written(); is != was {
		f.Error("reading has changed something")
	}
}
