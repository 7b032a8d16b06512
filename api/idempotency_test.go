package api

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

func withKey(key string) map[string]string { return map[string]string{"Idempotency-Key": key} }

// A client whose variable is empty must not believe that it is protected.
func TestEmptyHeadersThatProtectAreRefused(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(1, transfer.Ready)
	for _, value := range []string{"", " "} {
		for _, c := range []struct {
			call   apiCall
			header string
		}{
			{apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(sims[0])}, "Idempotency-Key"},
			{apiCall{method: "PATCH", path: "/v1/sims/" + sims[0], key: s.source, body: map[string]any{"group": "x"}}, "If-Match"},
			{apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(sims[0])}, "If-Match"},
		} {
			c.call.header = map[string]string{c.header: value}
			p := s.do(c.call).problem(422, problem.Invalid)
			if len(p.Errors) != 1 || p.Errors[0].Location != "header."+c.header {
				t.Errorf("%s %q: %+v", c.header, value, p.Errors)
			}
		}
	}
}

func TestRepeatedCallGetsTheStoredResponse(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(3, transfer.Ready)
	request := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims[0])).is(202))
	canceled := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims[1])).is(202))
	s.work()
	simCSV := func(n int) string {
		return fmt.Sprintf("iccid,imsis,account,plan\n%s,%s,%s,global-01\n", iccid(n), imsi(n), sourceID)
	}
	type m = map[string]any
	for name, test := range map[string]struct {
		path, key   string
		body, other any // of the call, and of another one with the same key
	}{
		"account": {
			"/v1/accounts", s.admin,
			m{"operator_id": "OP0000000009", "email": "nine@example.com", "currency": "JPY", "coverage": "global"},
			m{"operator_id": "OP0000000008", "email": "nine@example.com", "currency": "JPY", "coverage": "global"},
		},
		"fee": {
			"/v1/fees", s.admin,
			m{"method": "support_assisted", "fee": m{"currency": "USD", "minor": 5}},
			m{"method": "support_assisted", "fee": m{"currency": "USD", "minor": 6}},
		},
		"key":     {"/v1/keys", s.admin, m{"role": "admin", "name": "second"}, m{"role": "support", "name": "second"}},
		"import":  {"/v1/sims", s.admin, simCSV(50), simCSV(51)},
		"request": {"/v1/transfer-requests", s.source, requestBody(sims[2]), requestBody(sims[0])},
		"batch":   {"/v1/batches", s.source, batchCSV(iccid(9)), batchCSV(iccid(8))},
		"accept":  {requestPath(request.ID) + "/accept", s.destination, nil, m{"sims": sims[:1]}},
		"cancel":  {requestPath(canceled.ID) + "/cancel", s.source, m{}, nil},
	} {
		call := apiCall{method: "POST", path: test.path, key: test.key, body: test.body, header: withKey("once " + name)}
		if _, ok := test.body.(string); ok {
			call.header["Content-Type"] = "text/csv"
		}
		first := s.do(call)
		if first.status >= 300 || first.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: first %d: %s", name, first.status, first.text)
		}
		again := s.do(call)
		if again.status != first.status || again.text != first.text || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: first %d %s\nagain %d %s", name, first.status, first.text, again.status, again.text)
		}
		if again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s: not marked as an earlier answer", name)
		}
		call.body = test.other
		s.do(call).problem(422, problem.IdempotencyKeyReused)
	}
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 4 {
		t.Errorf("%d requests, not 4", n)
	}
}

func TestIdempotencyKeyBelongsToOneCall(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	sims := s.sims(4, transfer.Ready)
	call := func(key string, sim string, idempotencyKey string) testResponse {
		return s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: key, body: requestBody(sim), header: withKey(idempotencyKey)})
	}
	call(s.source, sims[0], "k").is(202)
	call(s.source, sims[1], "k").problem(422, problem.IdempotencyKeyReused)
	second := s.key(storage.NewKey{Role: storage.RoleAccount, OperatorID: sourceID, Name: "second"})
	if a := call(second, sims[0], "k").is(202); a.header.Get("Idempotent-Replayed") != "true" {
		t.Error("two keys of one account have idempotency keys of their own")
	}
	body := requestBody(sims[2])
	body["on_behalf_of"] = sourceID
	s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.support, body: body, header: withKey("k")}).is(202)
	call(s.source, sims[3], strings.Repeat("k", 255)).is(202)
	call(s.source, sims[3], strings.Repeat("k", 256)).problem(422, problem.Invalid)
	call(s.source, sims[3], "k\xff").problem(422, problem.Invalid)
	s.exec(`UPDATE idempotency SET created_at = created_at - interval '25 hours'`)
	call(s.source, sims[1], "k").is(202) // what is older than a day is forgotten, purged or not
}

func TestErrorsAreNotStored(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	accept := apiCall{method: "POST", path: requestPath(r.ID) + "/accept", key: s.destination, header: withKey("a")}
	s.do(accept).problem(404, problem.NotFound) // it is not validated yet
	s.work()
	s.do(accept).is(202)
}

func TestSecondCallWhileTheFirstRunsIsAConflict(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	call := apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(iccid(1)), header: withKey("held")}
	end := s.holdTx(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "account "+sourceID+"\nheld")
	if a := s.do(call); a.problem(409, problem.StillRunning).Status == 0 || a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	end(false)
	s.do(call).is(202)
}

func TestManyCallsWithOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	const n = 8
	var wg sync.WaitGroup
	answers := make([]testResponse, n)
	for i := range n {
		wg.Go(func() {
			answers[i] = s.do(apiCall{method: "POST", path: "/v1/transfer-requests", key: s.source, body: requestBody(iccid(1)), header: withKey("many")})
		})
	}
	wg.Wait()
	text := ""
	for _, a := range answers {
		switch {
		case a.status == 409:
		case a.status != 202 || text != "" && text != a.text:
			t.Errorf("answered %d %s", a.status, a.text)
		default:
			text = a.text
		}
	}
	if n := s.queryInt(`SELECT count(*) FROM requests`); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestStoredResponseDoesNotContainTheKey(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	call := apiCall{method: "POST", path: "/v1/keys", key: s.admin, body: map[string]any{"role": "support", "name": "secret"}, header: withKey("k")}
	k := read[Key](s.do(call).is(201))
	if again := read[Key](s.do(call).is(201)); again.Token != k.Token {
		t.Errorf("another token: %+v", again)
	}
	s.get(k.Token, "/v1/accounts").is(200)
	var stored []byte
	if err := s.db.Pool().GetContext(t.Context(), &stored, `SELECT answer FROM idempotency`); err != nil {
		t.Fatal(err)
	}
	for _, clear := range []string{k.Token, k.Token[len(k.Token)-8:], "support", "secret"} {
		if bytes.Contains(stored, []byte(clear)) {
			t.Errorf("%q can be read in the database: %s", clear, stored)
		}
	}
	if n := s.queryInt(`SELECT count(*) FROM api_keys WHERE name = 'secret'`); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestBusyDatabaseIsRetriedThenReported(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.sims(1, transfer.Ready)
	r := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).is(202))
	s.work()
	end := s.holdTx(`SELECT 1 FROM requests WHERE id = $1 FOR UPDATE`, r.ID)
	quick := s.withShortLockTimeout()
	if a := quick.post(s.destination, requestPath(r.ID)+"/accept", nil); a.problem(503, problem.Busy).Status == 0 || a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	end(false)
	quick.post(s.destination, requestPath(r.ID)+"/accept", nil).is(202)
}
