package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// redeemsAtOnce lets wrong codes not wait.
func redeemsAtOnce(c *Config) { c.CodePause = time.Nanosecond }

func TestTransferCode(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, redeemsAtOnce, func(c *Config) { c.CodeLink = "https://sims.example.com/redeem#" })
	s.sims(3, transfer.Ready)
	create := func(header map[string]string) testResponse {
		return s.do(apiCall{
			method: "POST", path: "/v1/transfer-codes", key: s.source, header: header,
			body: m{"sims": []string{iccid(1), imsi(2)}, "reference": "PO-1", "message": "as agreed", "valid_seconds": 600},
		})
	}
	made := read[TransferCode](create(map[string]string{"Idempotency-Key": "1"}).is(201))
	if again := read[TransferCode](create(map[string]string{"Idempotency-Key": "1"}).is(201)); again.Code != made.Code || again.ID != made.ID {
		t.Errorf("%+v and %+v", again, made)
	}
	if made.State != transfer.CodeOpen || made.Size != 2 || made.QR.Content != "https://sims.example.com/redeem#"+made.Code ||
		made.ExpiresAt.Sub(made.CreatedAt).Round(time.Second) != 10*time.Minute || !strings.HasPrefix(made.QR.SVG, "<svg ") {
		t.Errorf("%+v", made)
	}
	picture, err := base64.StdEncoding.DecodeString(made.QR.PNG)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
	path := "/v1/transfer-codes/" + made.ID.String()
	for _, key := range []string{s.source, s.support} {
		got := read[TransferCode](s.get(key, path).is(200))
		if got.Code != "" || got.QR != nil || len(got.SIMs) != 2 {
			t.Errorf("%+v", got)
		}
		if list := read[List[TransferCode]](s.get(key, "/v1/transfer-codes?state=open&reference=PO-1").is(200)); len(list.Items) != 1 || list.Items[0].Code != "" {
			t.Errorf("%+v", list)
		}
	}
	for _, key := range []string{s.destination, s.bystander} {
		s.get(key, path).problem(404, problem.NotFound)
		s.do(apiCall{method: "DELETE", path: path, key: key}).problem(404, problem.NotFound)
		if list := read[List[TransferCode]](s.get(key, "/v1/transfer-codes").is(200)); len(list.Items) != 0 {
			t.Errorf("%+v", list)
		}
	}
	for _, text := range []string{made.Code, strings.ReplaceAll(made.Code, "-", "")} { // of no answer, and of no row
		for _, table := range []string{"transfer_codes", "idempotency", "audit", "events"} {
			if n := s.queryInt(fmt.Sprintf(`SELECT count(*) FROM %[1]s WHERE to_jsonb(%[1]s)::text LIKE '%%%[2]s%%'`, table, text)); n != 0 {
				t.Errorf("%s has the code", table)
			}
		}
	}

	redeem := func() testResponse {
		return s.do(apiCall{
			method: "POST", path: "/v1/transfer-codes/redeem", key: s.destination,
			body: m{"code": strings.ToLower(made.QR.Content)}, header: map[string]string{"Idempotency-Key": "2"},
		})
	}
	got := redeem().is(202)
	redeemed := read[Redemption](got)
	if *redeemed.Reference != "PO-1" || *redeemed.Message != "as agreed" || got.header.Get("Location") != "/v1/transfer-requests/"+redeemed.Request.String() {
		t.Errorf("%+v", redeemed)
	}
	if again := redeem().is(202); read[Redemption](again).Request != redeemed.Request || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%+v", again)
	}
	if n := s.queryInt(`SELECT count(*) FROM code_attempts`); n != 0 {
		t.Errorf("%d attempts are counted", n)
	}
	s.work()
	request := read[Request](s.get(s.destination, got.header.Get("Location")).is(200))
	if request.State != transfer.AwaitingAcceptance || request.Source != sourceID || request.Counts.Eligible != 2 {
		t.Errorf("%+v", request)
	}
	if e := read[List[Event]](s.get(s.source, got.header.Get("Location")+"/events").is(200)).Items[0]; fmt.Sprint(e.Detail["selection"]) != fmt.Sprint(m{"transfer_code": made.ID}) {
		t.Errorf("%+v", e)
	}
	s.post(s.destination, got.header.Get("Location")+"/accept", nil).is(202)
	s.work()
	s.get(s.destination, "/v1/sims/"+iccid(2)).is(200)
	after := read[TransferCode](s.get(s.source, path).is(200))
	if after.State != transfer.CodeRedeemed || *after.Request != redeemed.Request || *after.Destination != destinationID {
		t.Errorf("%+v", after)
	}
	if p := s.do(apiCall{method: "DELETE", path: path, key: s.source}).problem(409, problem.TransferCodeState); p.State != "redeemed" {
		t.Errorf("%+v", p)
	}
}

// Every code that cannot be redeemed gets the same response, and is on record.
func TestInvalidTransferCodes(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, redeemsAtOnce)
	s.sims(1, transfer.Ready)
	code := func(key string) TransferCode {
		return read[TransferCode](s.post(key, "/v1/transfer-codes", m{"sims": []string{iccid(1)}}).is(201))
	}
	own, used, expired, revoked := code(s.destination), code(s.source), code(s.source), code(s.source)
	redeem := func(code string) testResponse {
		return s.post(s.destination, "/v1/transfer-codes/redeem", m{"code": code})
	}
	redeem(used.Code).is(202)
	s.exec(`UPDATE transfer_codes SET expires_at = clock_timestamp() WHERE id = $1`, expired.ID)
	for range 2 {
		s.do(apiCall{method: "DELETE", path: "/v1/transfer-codes/" + revoked.ID.String(), key: s.source}).is(204)
	}
	shape := func(a testResponse) string {
		p := a.problem(422, problem.InvalidTransferCode)
		p.Instance = ""
		text, _ := json.Marshal(p)
		return string(text)
	}
	want := ""
	for name, code := range map[string]string{"own": own.Code, "used": used.Code, "expired": expired.Code, "revoked": revoked.Code, "guessed": "0000-0000-0000-0000-0000"} {
		s.leaves(name, s.destination, func() {
			if got := shape(redeem(code)); want != "" && got != want {
				t.Errorf("%s: %s\n%s", name, got, want)
			} else {
				want = got
			}
		}, "code.denied")
	}
	p := redeem("0000-0000-0000-0000-0001").problem(422, problem.InvalidTransferCode)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.code" || p.Errors[0].Value != "" {
		t.Errorf("%+v", p)
	}
	last := code(s.source)
	for range storage.MaxCodeAttempts - 6 {
		redeem("0000-0000-0000-0000-0000").problem(422, problem.InvalidTransferCode)
	}
	if a := redeem(last.Code); a.problem(429, problem.RateLimited).Detail == "" || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
	s.post(s.bystander, "/v1/transfer-codes/redeem", m{"code": last.Code}).is(202)
	if n := s.queryInt(`SELECT count(*) FROM audit WHERE action = 'code.denied'`); n != storage.MaxCodeAttempts {
		t.Errorf("%d entries", n)
	}
}

// A wrong code is on record even if the caller hangs up before the answer.
func TestWrongCodeOfCallerThatHangsUp(t *testing.T) {
	t.Parallel()
	s := newTestService(t, redeemsAtOnce)
	release := s.holdTx(`LOCK TABLE audit IN EXCLUSIVE MODE`)
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/transfer-codes/redeem", strings.NewReader(`{"code":"0000-0000-0000-0000-0000"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.destination)
	r.Header.Set("Content-Type", "application/json")
	done := make(chan error, 1)
	go func() {
		a, err := s.client.Do(r)
		if err == nil {
			err = a.Body.Close()
		}
		done <- err
	}()
	await := func(query string) {
		for begun := time.Now(); s.queryInt(query) == 0; {
			if time.Since(begun) > 20*time.Second {
				t.Fatalf("not met: %s", query)
			}
		}
	}
	await(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
	hangUp()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	release(false)
	await(`SELECT count(*) FROM audit WHERE action = 'code.denied'`)
}

// Wrong codes of one network are limited across accounts, and each wrong code of
// an account waits longer than the one before.
func TestWrongTransferCodesAreSlow(t *testing.T) {
	t.Parallel()
	const pause = 10 * time.Millisecond
	s := newTestService(t, func(c *Config) { c.CodePause = pause })
	begun := time.Now()
	for range 3 {
		s.post(s.destination, "/v1/transfer-codes/redeem", map[string]any{"code": "0000-0000-0000-0000-0000"}).problem(422, problem.InvalidTransferCode)
	}
	if took := time.Since(begun); took < 7*pause {
		t.Errorf("took %s", took)
	}
	s.exec(`INSERT INTO code_attempts (account, network) SELECT 999, '127.0.0.1/32' FROM generate_series(1, $1)`, storage.MaxNetworkCodeAttempts-3)
	s.post(s.bystander, "/v1/transfer-codes/redeem", map[string]any{"code": "0000-0000-0000-0000-0000"}).problem(429, problem.RateLimited)
}

func TestBadTransferCodeInput(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	s := newTestService(t, redeemsAtOnce, func(c *Config) { c.MaxOpenRequests, c.MaxOpenSIMs = 2, 0 })
	s.sims(2, transfer.Ready)
	for _, body := range []m{
		{},
		{"sims": []string{}},
		{"sims": []string{"x"}},
		{"sims": []string{iccid(1), imsi(1)}},
		{"sims": []string{iccid(1)}, "valid_seconds": 599},
		{"sims": []string{iccid(1)}, "valid_seconds": 604801},
		{"sims": []string{iccid(1)}, "reference": "two\nlines"},
		{"sims": []string{iccid(1)}, "destination": m{}},
	} {
		s.post(s.source, "/v1/transfer-codes", body).problem(422, problem.Invalid)
	}
	for range 2 { // open codes count as unfinished requests
		s.post(s.source, "/v1/transfer-codes", m{"sims": []string{iccid(1)}}).is(201)
	}
	s.post(s.source, "/v1/transfer-codes", m{"sims": []string{iccid(1)}}).problem(409, problem.AccountLimit)
	s.post(s.source, "/v1/transfer-requests", requestBody(iccid(1))).problem(409, problem.AccountLimit)
	s.get(s.source, "/v1/transfer-codes/"+uuid.NewString()).problem(404, problem.NotFound)
	s.post(s.support, "/v1/transfer-codes/redeem", m{"code": "x"}).problem(403, problem.Forbidden)
	s.post(s.support, "/v1/transfer-codes", m{"sims": []string{iccid(1)}}).problem(403, problem.Forbidden)
}
