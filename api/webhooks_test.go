package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"simtransfer/api/problem"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// fillOutbox makes messages of all events.
func (s *testService) fillOutbox() {
	s.t.Helper()
	storagetest.Await(s.t, "messages of all events", func() bool {
		more, err := s.db.FillOutbox(s.t.Context(), 1000)
		if err != nil {
			s.t.Fatal(err)
		}
		return !more && s.queryInt(`SELECT count(*) FROM outbox o WHERE o.tx IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events e WHERE (e.tx, e.id) > (o.tx, o.id))`) == 1
	})
}

func (s *testService) webhook(key string, body map[string]any) WebhookEndpoint {
	s.t.Helper()
	return read[WebhookEndpoint](s.post(key, "/v1/webhook-endpoints", body).is(201))
}

func webhookURL(e WebhookEndpoint, then string) string {
	return "/v1/webhook-endpoints/" + e.ID.String() + then
}

// The secret is in the response that creates the endpoint or rotates the secret,
// and nowhere else.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	call := apiCall{method: "POST", path: "/v1/webhook-endpoints", key: s.source, body: map[string]any{"url": "https://example.com/a", "description": "ERP"}, header: map[string]string{"Idempotency-Key": "one"}}
	made := read[WebhookEndpoint](s.do(call).is(201))
	again := read[WebhookEndpoint](s.do(call).is(201))
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.Secret, "whsec_"))
	if err != nil || !strings.HasPrefix(made.Secret, "whsec_") || len(secret) < 24 || again.Secret != made.Secret || again.ID != made.ID {
		t.Errorf("endpoint: %+v, %v", made, err)
	}
	rotated := read[WebhookEndpoint](s.post(s.source, webhookURL(made, "/rotate"), map[string]any{"overlap_seconds": 3600}).is(200))
	if rotated.Secret == "" || rotated.Secret == made.Secret || rotated.OldSecretUntil == nil {
		t.Errorf("rotated: %+v", rotated)
	}
	if none := read[WebhookEndpoint](s.post(s.source, webhookURL(made, "/rotate"), map[string]any{"overlap_seconds": 0}).is(200)); none.OldSecretUntil != nil {
		t.Errorf("rotated without overlap: %+v", none)
	}
	s.post(s.source, webhookURL(made, "/rotate"), map[string]any{"overlap_seconds": 604801}).is(422)
	s.post(s.source, webhookURL(made, "/test"), nil).is(202)
	for _, path := range []string{"/v1/webhook-endpoints", webhookURL(made, ""), webhookURL(made, "/deliveries"), "/v1/audit"} {
		text := s.get(s.source, path).is(200).text
		for _, secret := range []string{made.Secret, rotated.Secret, "whsec_"} {
			if strings.Contains(text, secret) {
				t.Errorf("GET %s shows a secret: %s", path, text)
			}
		}
	}
}

func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	type m = map[string]any
	for name, c := range map[string]struct {
		key  string
		body m
		at   string // the location of the error
	}{
		"plain http":          {s.source, m{"url": "http://example.com/"}, "body.url"},
		"another scheme":      {s.source, m{"url": "ftp://example.com/"}, "body.url"},
		"no host":             {s.source, m{"url": "https:///a"}, "body.url"},
		"a password":          {s.source, m{"url": "https://user:password@example.com/"}, "body.url"},
		"a fragment":          {s.source, m{"url": "https://example.com/#a"}, "body.url"},
		"a private address":   {s.source, m{"url": "https://10.0.0.1/"}, "body.url"},
		"a loopback address":  {s.source, m{"url": "https://[::1]/"}, "body.url"},
		"a mapped address":    {s.source, m{"url": "https://[::ffff:127.0.0.1]/"}, "body.url"},
		"a metadata address":  {s.source, m{"url": "https://169.254.169.254/latest"}, "body.url"},
		"localhost":           {s.source, m{"url": "https://localhost/"}, "body.url"},
		"another account":     {s.source, m{"url": "https://example.com/", "account": destinationID}, "body.account"},
		"no such account":     {s.admin, m{"url": "https://example.com/", "account": "OP9999999999"}, "body.account"},
		"a type of staff":     {s.source, m{"url": "https://example.com/", "types": []string{"changes.available"}}, "body.types[0]"},
		"a test":              {s.admin, m{"url": "https://example.com/", "types": []string{"endpoint.test"}}, "body.types[0]"},
		"a type given twice":  {s.admin, m{"url": "https://example.com/", "types": []string{"batch.updated", "batch.updated"}}, "body.types[1]"},
		"a type for accounts": {s.admin, m{"url": "https://example.com/", "types": []string{"changes.available"}, "account": sourceID}, "body.types[0]"},
	} {
		p := s.post(c.key, "/v1/webhook-endpoints", c.body).problem(422, problem.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Location != c.at || strings.Contains(p.Errors[0].Message, "password@") {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	s.post(s.support, "/v1/webhook-endpoints", m{"url": "https://example.com/"}).is(403)
	of := s.webhook(s.admin, m{"url": "https://example.com/", "account": sourceID})
	staff := s.webhook(s.admin, m{"url": "https://example.com/", "types": []string{"changes.available"}})
	if of.Account == nil || *of.Account != sourceID || staff.Account != nil {
		t.Errorf("endpoints: %+v, %+v", of, staff)
	}
	s.get(s.source, webhookURL(of, "")).is(200)
	s.get(s.source, webhookURL(staff, "")).is(404)
	if list := read[List[WebhookEndpoint]](s.get(s.support, "/v1/webhook-endpoints?staff=true").is(200)); len(list.Items) != 1 || list.Items[0].ID != staff.ID {
		t.Errorf("endpoints of staff: %+v", list)
	}
	etag := s.get(s.source, webhookURL(of, "")).is(200).header.Get("ETag")
	s.post(s.source, webhookURL(of, "/test"), nil).is(202)
	change := func(tag string) testResponse {
		return s.do(apiCall{method: "PATCH", path: webhookURL(of, ""), key: s.source, body: m{"types": []string{"batch.updated"}, "description": "x"}, header: map[string]string{"If-Match": tag}})
	}
	if is := read[WebhookEndpoint](change(etag).is(200)); len(is.Types) != 1 || is.Description != "x" || is.URL != of.URL {
		t.Errorf("changed: %+v", is)
	}
	change(etag).is(412)
	if is := read[WebhookEndpoint](s.do(apiCall{method: "PATCH", path: webhookURL(of, ""), key: s.source, body: m{"state": "disabled"}}).is(200)); is.State != "disabled" || is.Remedy == "" {
		t.Errorf("disabled: %+v", is)
	}
	s.post(s.source, webhookURL(of, "/test"), nil).problem(409, problem.WebhookDisabled)
	s.post(s.source, webhookURL(of, "/replay"), nil).problem(409, problem.WebhookDisabled)
	if is := read[WebhookEndpoint](s.post(s.source, webhookURL(of, "/enable"), nil).is(200)); is.State != "enabled" || is.DisabledAt != nil {
		t.Errorf("enabled: %+v", is)
	}
	if got := read[Replayed](s.post(s.source, webhookURL(of, "/replay"), nil).is(202)); got != (Replayed{1, false}) { // the test failed because the endpoint was disabled
		t.Errorf("replayed: %+v", got)
	}
	for _, since := range []string{"2020-01-01", "2999-01-01"} {
		s.exec(`UPDATE webhook_deliveries SET state = 'delivered'`)
		got := read[Replayed](s.post(s.source, webhookURL(of, "/replay"), m{"state": []string{"delivered"}, "since": since}).is(202))
		if want := map[string]int{"2020-01-01": 1}[since]; got.Replayed != want {
			t.Errorf("since %s: %d were replayed", since, got.Replayed)
		}
	}
	s.post(s.source, webhookURL(of, "/replay"), m{"since": "2026-01-02", "until": "2026-01-01"}).is(422)
	for range transfer.MaxWebhookEndpoints - 1 {
		s.webhook(s.source, m{"url": "https://example.com/"})
	}
	s.post(s.source, "/v1/webhook-endpoints", m{"url": "https://example.com/"}).problem(409, problem.AccountLimit)
	s.do(apiCall{method: "DELETE", path: webhookURL(of, ""), key: s.source}).is(204)
	s.get(s.source, webhookURL(of, "")).is(404)
	if n := s.queryInt(`SELECT count(*) FROM work WHERE kind = 'deliver_webhooks'`); n != 0 {
		t.Errorf("%d rows of work are left", n)
	}
}

// Private receivers are possible where the operator allows their network.
func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	s := newTestService(t, func(c *Config) { c.WebhookAllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")} })
	for url, status := range map[string]int{"http://10.1.2.3:8080/a": 201, "https://10.1.2.3/": 201, "http://erp.internal/": 201, "http://10.2.0.1/": 422, "https://10.2.0.1/": 422, "https://example.com:65535/": 201, "https://example.com:65536/": 422, "https://example.com:0/": 422} {
		s.post(s.source, "/v1/webhook-endpoints", map[string]any{"url": url}).is(status)
	}
}

// What is sent is what the document says.
func TestMessagesMatchTheDocument(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.fillOutbox()
	staff, source := s.webhook(s.admin, map[string]any{"url": "https://staff.example/"}), s.webhook(s.source, map[string]any{"url": "https://source.example/"})
	destination := s.webhook(s.destination, map[string]any{"url": "https://destination.example/"})
	s.sims(6, transfer.Active)
	ask := func(sims ...string) string {
		id := read[Request](s.post(s.source, "/v1/transfer-requests", requestBody(sims...)).is(202)).ID.String()
		s.work()
		return "/v1/transfer-requests/" + id
	}
	type m = map[string]any
	first := ask(iccid(1), iccid(2))
	s.post(s.source, first+"/comments", m{"text": "please"}).is(201)
	s.post(s.support, first+"/approve", m{"ticket": "T-1"}).is(202)
	s.post(s.source, first+"/extend", m{"seconds": 60}).is(202)
	s.post(s.destination, first+"/decline", m{"sims": []string{iccid(1)}, "code": "duplicate"}).is(202)
	s.post(s.destination, first+"/accept", nil).is(202)
	s.work()
	second := ask(iccid(3))
	s.post(s.support, second+"/deny", m{"reason": "no"}).is(202)
	s.work()
	third := ask(iccid(4))
	s.post(s.source, third+"/cancel", nil).is(202)
	s.work()
	s.post(s.source, third+"/take-back", nil).is(202)
	s.post(s.source, third+"/cancel", nil).is(202)
	s.work()
	s.do(apiCall{method: "POST", path: "/v1/batches", key: s.source, body: batchCSV(iccid(5)), header: csvHeader()}).is(202)
	s.work()
	s.exec(`INSERT INTO changes (kind, source, destination, sims) SELECT 'owner_corrected', id, id, ARRAY[1] FROM accounts LIMIT 1`)
	if _, err := s.db.NumberChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.post(s.source, webhookURL(source, "/test"), nil).is(202)
	s.fillOutbox()
	s.exec(`UPDATE message_groups SET due_at = clock_timestamp()`)
	s.fillOutbox()

	document := newServer(Config{}).register(http.NewServeMux())
	seen := map[string]bool{}
	for key, e := range map[string]WebhookEndpoint{s.admin: staff, s.source: source, s.destination: destination} {
		list := read[List[WebhookDelivery]](s.get(key, webhookURL(e, "/deliveries?limit=200")).is(200)).Items
		if len(list) == 0 {
			t.Errorf("endpoint %s gets nothing", e.URL)
		}
		for _, d := range list {
			d := read[WebhookDelivery](s.get(key, webhookURL(e, "/deliveries/"+itoa(d.ID))).is(200))
			seen[string(d.Type)] = true
			var body any
			if err := json.Unmarshal([]byte(d.Body), &body); err != nil {
				t.Fatal(err)
			}
			schema := document.Webhooks[string(d.Type)].Post.RequestBody.Content[typeJSON].Schema
			schema.PrecomputeMessages()
			var result huma.ValidateResult
			huma.Validate(document.Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &result)
			if len(result.Errors) > 0 || len(d.Body) > 20000 {
				t.Errorf("%s: %s: %v", d.Type, d.Body, result.Errors)
			}
			if strings.Contains(d.Body, "please") || strings.Contains(d.Body, "T-1") {
				t.Errorf("%s has words of a party: %s", d.Type, d.Body)
			}
		}
	}
	for _, want := range []transfer.MessageType{
		transfer.MessageCreated, transfer.MessageInReview, transfer.MessageAwaiting, transfer.MessageCommented, transfer.MessageExtended, transfer.MessageSIMsEnded,
		transfer.MessageAccepted, transfer.MessageCompleted, transfer.MessageDenied, transfer.MessageCanceled, transfer.MessageReleased, transfer.MessageTakenBack,
		transfer.MessageBatch, transfer.MessageChanges, transfer.MessageTest,
	} {
		if !seen[string(want)] {
			t.Errorf("no message of the type %s", want)
		}
	}
	for _, kind := range transfer.MessageTypes() {
		o := document.Webhooks[string(kind)].Post
		text, err := json.Marshal(o.RequestBody.Content[typeJSON].Example)
		if err != nil {
			t.Fatal(err)
		}
		var example any
		if err := json.Unmarshal(text, &example); err != nil {
			t.Fatal(err)
		}
		schema := o.RequestBody.Content[typeJSON].Schema
		schema.PrecomputeMessages()
		var result huma.ValidateResult
		huma.Validate(document.Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, example, &result)
		if len(result.Errors) > 0 || o.Description == "" {
			t.Errorf("the example of %s: %v", kind, result.Errors)
		}
	}
}
