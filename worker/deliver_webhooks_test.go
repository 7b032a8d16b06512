package worker_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
	"simtransfer/webhook/webhooktest"
	"simtransfer/worker"
)

// receiver is a webhook receiver that counts what it got.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex
	ids map[string]int // how often it got each message
}

// newReceiver returns a receiver that answers with handle, or 200 if it is nil.
func newReceiver(t *testing.T, handle http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{ids: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.ids[q.Header.Get("webhook-id")]++
		r.mu.Unlock()
		if handle != nil {
			handle(w, q)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// got returns how many different messages arrived, and the most often one did.
func (r *receiver) got() (messages, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.ids {
		most = max(most, n)
	}
	return len(r.ids), most
}

func answers(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, strings.Repeat("answer ", 1000))
	}
}

// deliver runs the work of webhook endpoints until none is due.
func (s *testService) deliver() {
	s.t.Helper()
	for range 100 {
		ids := storagetest.All[int64](s.DB, `SELECT id FROM work WHERE kind = 'deliver_webhooks' AND not_before <= clock_timestamp()`)
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			process(s.t, s.DB, s.handler, id)
		}
	}
	s.t.Error("the deliveries do not end")
}

// hurry makes every pending delivery due, and ends all pauses.
func (s *testService) hurry() {
	s.t.Helper()
	s.Exec(`UPDATE webhook_deliveries SET not_before = clock_timestamp() WHERE state = 'pending'`)
	s.Exec(`UPDATE webhook_endpoints SET paused_until = NULL`)
	s.Exec(`UPDATE work SET not_before = clock_timestamp() WHERE kind = 'deliver_webhooks'`)
}

func (s *testService) deliveries() []string {
	s.t.Helper()
	return storagetest.All[string](s.DB, `
		SELECT format('%s %s %s', state, attempts, coalesce(status::text, 'no answer')) FROM webhook_deliveries ORDER BY id`)
}

func (s *testService) endpoint(e storage.WebhookEndpoint) storage.WebhookEndpoint {
	s.t.Helper()
	is, err := s.WebhookEndpoint(s.t.Context(), e.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return is
}

// A message is sent up to ten times, with the same id and body, and then it has
// failed. When the receiver answers again, its failures are forgotten.
func TestDeliveryAttempts(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	var mu sync.Mutex
	code, bodies := 500, map[string]bool{}
	r := newReceiver(t, func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies[string(body)] = true
		answers(code)(w, q)
	})
	e, _ := s.Webhook(s.from.ID, r.URL)
	s.TestMessages(e, 1)
	for n := 1; n <= transfer.MaxDeliveryAttempts; n++ {
		if got := s.deliveries(); n > 1 && got[0] != fmt.Sprintf("pending %d 500", n-1) {
			t.Errorf("before attempt %d: %s", n, got)
		}
		s.deliver()
		s.hurry()
	}
	if got := s.deliveries(); got[0] != "failed 10 500" {
		t.Errorf("after the last attempt: %s", got)
	}
	if messages, most := r.got(); messages != 1 || most != 10 || len(bodies) != 1 {
		t.Errorf("%d messages with %d bodies, one of them %d times", messages, len(bodies), most)
	}
	if is := s.endpoint(e); is.FailingSince == nil || is.LastFailure == nil || !strings.Contains(*is.LastFailure, "500") || is.DisabledAt != nil {
		t.Errorf("endpoint: %+v", is)
	}
	s.noWorkLeft()
	d, err := s.WebhookDeliveries(t.Context(), e.ID, storage.DeliveryFilter{Limit: 10})
	if err != nil || len(d) != 1 || len(d[0].Response) != 4096 || !strings.HasPrefix(string(d[0].Response), "answer") {
		t.Errorf("the log has %+v, %v", d, err)
	}
	mu.Lock()
	code = 200
	mu.Unlock()
	s.replay(e, storage.Replay{States: []transfer.DeliveryState{transfer.DeliveryFailed}}, 1)
	s.deliver()
	if got := s.deliveries(); got[0] != "delivered 1 200" {
		t.Errorf("after the replay: %s", got)
	}
	if is := s.endpoint(e); is.FailingSince != nil || is.LastSuccessAt == nil {
		t.Errorf("endpoint: %+v", is)
	}
	if messages, most := r.got(); messages != 1 || most != 11 {
		t.Errorf("%d messages, one of them %d times: a replay has the id of the message", messages, most)
	}
	s.noWorkLeft()
}

func (s *testService) replay(e storage.WebhookEndpoint, r storage.Replay, want int) {
	s.t.Helper()
	if err := s.InTx(s.t.Context(), func(tx *storage.Tx) error {
		n, err := tx.ReplayDeliveries(s.t.Context(), storage.System(), e.ID, r, func(storage.WebhookEndpoint) bool { return true })
		if n != want {
			s.t.Errorf("%d deliveries are replayed, want %d", n, want)
		}
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
}

// After an answer 410 the endpoint is disabled, and what was on its way can be
// replayed when it is enabled again.
func TestGoneDisables(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	r := newReceiver(t, answers(410))
	e, _ := s.Webhook(s.from.ID, r.URL)
	s.TestMessages(e, 5)
	s.deliver()
	is := s.endpoint(e)
	if is.DisabledReason == nil || *is.DisabledReason != transfer.DisabledGone {
		t.Errorf("endpoint: %+v", is)
	}
	if messages, _ := r.got(); messages != 1 {
		t.Errorf("%d messages were sent", messages)
	}
	want := []string{"failed 1 410", "failed 0 no answer", "failed 0 no answer", "failed 0 no answer", "failed 0 no answer"}
	if got := s.deliveries(); !slices.Equal(got, want) {
		t.Errorf("deliveries: %v", got)
	}
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM audit WHERE action = 'webhook.disable' AND after->>'reason' = 'gone' AND actor = 'system'`); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	s.noWorkLeft()
	if err := s.InTx(t.Context(), func(tx *storage.Tx) error {
		_, err := tx.EnableWebhook(t.Context(), storage.System(), e.ID, func(storage.WebhookEndpoint) bool { return true })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.replay(e, storage.Replay{States: []transfer.DeliveryState{transfer.DeliveryFailed}}, 5)
	if is := s.endpoint(e); is.DisabledAt != nil || is.Pending != 5 {
		t.Errorf("endpoint: %+v", is)
	}
}

// An endpoint is disabled when every attempt of five days has failed, and not
// before.
func TestFailingDisables(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	e, _ := s.Webhook(0, newReceiver(t, answers(500)).URL)
	for _, days := range []float64{4.9, 5.1} {
		s.TestMessages(e, 1)
		s.deliver()
		s.Exec(`UPDATE webhook_endpoints SET failing_since = clock_timestamp() - make_interval(secs => $1)`, days*24*3600)
		s.hurry()
		s.deliver()
		is := s.endpoint(e)
		if disabled := is.DisabledReason != nil && *is.DisabledReason == transfer.DisabledFailing; disabled != (days > 5) {
			t.Errorf("after %v days: %+v", days, is)
		}
	}
	s.noWorkLeft()
}

// A receiver that asks to be left alone is left alone, but not forever.
func TestRetryAfterPauses(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	for header, want := range map[string][2]float64{"90": {80, 95}, "999999999": {3500, 3605}} {
		r := newReceiver(t, answers(503, "Retry-After", header))
		e, _ := s.Webhook(s.from.ID, r.URL)
		s.TestMessages(e, 4)
		s.deliver()
		wait := storagetest.One[float64](s.DB, `
			SELECT extract(epoch FROM w.not_before - clock_timestamp())::float8
			FROM work w JOIN webhook_endpoints e ON e.lane = w.items[1] WHERE e.id = $1`, e.ID)
		if messages, _ := r.got(); messages != 1 || wait < want[0] || wait > want[1] {
			t.Errorf("Retry-After %s: %d messages were sent, and the next is due in %v s", header, messages, wait)
		}
	}
}

// The messages of an endpoint are sent several at once; a message that a receiver
// refuses does not hold up the others.
func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	first := true
	var mu sync.Mutex
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if first {
			w.WriteHeader(http.StatusBadRequest)
		}
		first = false
	})
	e, _ := s.Webhook(s.from.ID, r.URL)
	s.TestMessages(e, 30)
	s.deliver()
	counts := storagetest.One[string](s.DB, `SELECT count(*) FILTER (WHERE state = 'delivered') || ' ' || count(*) FILTER (WHERE state = 'pending') FROM webhook_deliveries`)
	if counts != "29 1" {
		t.Errorf("delivered and pending: %s", counts)
	}
	if messages, most := r.got(); messages != 30 || most != 1 {
		t.Errorf("%d messages, one of them %d times", messages, most)
	}
}

// A new endpoint, and one whose receiver did not answer in time, are in the queue
// of slow endpoints until a message arrives.
func TestSlowEndpoints(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.handler = handlerWith(s.DB.DB, droppingGateways(), worker.Config{WebhookAllowNetworks: loopback(), WebhookTimeout: 300 * time.Millisecond})
	var mu sync.Mutex
	hang := false
	r := newReceiver(t, func(_ http.ResponseWriter, q *http.Request) {
		mu.Lock()
		waits := hang
		mu.Unlock()
		if waits {
			_, _ = io.Copy(io.Discard, q.Body)
			<-q.Context().Done()
		}
	})
	e, _ := s.Webhook(s.from.ID, r.URL)
	queue := func(want transfer.Queue) {
		t.Helper()
		if got := storagetest.One[transfer.Queue](s.DB, `SELECT queue FROM work WHERE kind = 'deliver_webhooks'`); got != want {
			t.Errorf("the work is in the queue %s, want %s", got, want)
		}
	}
	s.TestMessages(e, 1)
	queue(transfer.QueueWebhookSlow)
	s.deliver()
	s.TestMessages(e, 20)
	queue(transfer.QueueWebhook)
	mu.Lock()
	hang = true
	mu.Unlock()
	s.deliver()
	queue(transfer.QueueWebhookSlow)
	sent, _ := r.got()
	if sent > 1+8 {
		t.Errorf("%d messages were sent to a receiver that does not answer", sent)
	}
	s.hurry()
	s.deliver()
	if again, _ := r.got(); again > sent+1 {
		t.Errorf("%d messages were sent to find out whether it answers", again-sent)
	}
	mu.Lock()
	hang = false
	mu.Unlock()
	s.hurry()
	s.deliver()
	if got := s.deliveries(); slices.ContainsFunc(got, func(d string) bool { return !strings.HasPrefix(d, "delivered") }) {
		t.Errorf("deliveries: %v", got)
	}
	s.noWorkLeft()
}

// A worker that is killed between sending and recording makes the message be sent
// a second time, and not a third.
func TestKilledWhileSending(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	ctx, kill := context.WithCancel(t.Context())
	r := newReceiver(t, func(http.ResponseWriter, *http.Request) { kill() })
	e, secret := s.Webhook(s.from.ID, r.URL)
	s.TestMessages(e, 1)
	work := s.onlyWork(transfer.WorkDeliverWebhooks)
	lease, err := s.TakeLease(t.Context(), work) // of the worker that is killed
	if err != nil {
		t.Fatal(err)
	}
	lane, err := s.WebhookLane(ctx, lease)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lane.Secret, secret) {
		t.Error("the lane has another secret")
	}
	due, err := s.DueDeliveries(ctx, lane.Endpoint, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d messages are due, %v", len(due), err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL, strings.NewReader(due[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set(standardwebhooks.HeaderWebhookID, due[0].Event)
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	process(t, s.DB, s.handler, work) // has no lease yet
	if _, most := r.got(); most != 1 {
		t.Errorf("the message was sent %d times while another worker has the lease", most)
	}
	s.Exec(`UPDATE work SET lease_until = clock_timestamp() - interval '1 s', dispatched_at = NULL`)
	s.deliver()
	if messages, most := r.got(); messages != 1 || most != 2 {
		t.Errorf("%d messages, one of them %d times", messages, most)
	}
	if _, err := s.RecordDeliveries(t.Context(), lease, lane, []storage.WebhookAttempt{{Delivery: due[0].ID, Error: "late"}}, storage.WebhookHealth{Failure: "late"}); err == nil {
		t.Error("the worker that was killed has recorded something")
	}
	if got := s.deliveries(); !slices.Equal(got, []string{"delivered 1 200"}) {
		t.Errorf("deliveries: %v", got)
	}
	s.noWorkLeft()
}

// A library that shares no code with the service verifies what is sent about a request,
// and both secrets during a rotation.
func TestLibraryVerifiesDeliveries(t *testing.T) {
	t.Parallel()
	library := webhooktest.Start(t)
	s := newTestService(t)
	e, first := s.Webhook(s.from.ID, "https://example.com/")
	receiverHas := func(secret []byte) {
		s.Exec(`UPDATE webhook_endpoints SET url = $1`, library.URL("whsec_"+base64.StdEncoding.EncodeToString(secret)))
	}
	statuses := func() string {
		return storagetest.One[string](s.DB, `SELECT string_agg(DISTINCT coalesce(status::text, error), ' ') FROM webhook_deliveries`)
	}
	receiverHas(first)
	s.FillOutbox()
	r := s.request(s.sims(transfer.Ready)...)
	r.run()
	s.Decide(r.id, transfer.Accept)
	r.run()
	s.FillOutbox()
	s.deliver()
	if n := storagetest.One[int](s.DB, `SELECT count(*) FROM webhook_deliveries`); n < 4 || statuses() != "204" {
		t.Fatalf("%d messages are answered by %s", n, statuses())
	}
	var second []byte
	if err := s.InTx(t.Context(), func(tx *storage.Tx) (err error) {
		_, second, err = tx.RotateWebhook(t.Context(), storage.System(), e.ID, time.Hour, func(storage.WebhookEndpoint) bool { return true })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{first, second} {
		receiverHas(secret)
		s.TestMessages(e, 1)
		s.deliver()
		if statuses() != "204" {
			t.Errorf("during the rotation, messages are answered by %s", statuses())
		}
	}
	s.Exec(`UPDATE webhook_endpoints SET old_secret_until = clock_timestamp()`)
	receiverHas(first)
	s.TestMessages(e, 1)
	s.deliver()
	if statuses() != "204 401" {
		t.Errorf("after the rotation, messages are answered by %s", statuses())
	}
}

// A receiver at a private address that is not allowed is not reached, and the
// endpoint says why.
func TestPrivateReceiver(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	s.handler = handlerWith(s.DB.DB, droppingGateways(), worker.Config{})
	r := newReceiver(t, nil)
	e, _ := s.Webhook(s.from.ID, strings.Replace(r.URL, "http", "https", 1))
	s.TestMessages(e, 1)
	s.deliver()
	if is := s.endpoint(e); is.LastFailure == nil || !strings.Contains(*is.LastFailure, "is a private or special address") {
		t.Errorf("endpoint: %+v", is)
	}
	if n, _ := r.got(); n != 0 {
		t.Error("the receiver was reached")
	}
}

// stored is a message as it is stored, with who gets it.
type stored struct {
	Event, Type, Body, URL string
}

func (s *testService) messages() []stored {
	s.t.Helper()
	return storagetest.All[stored](s.DB, `
		SELECT m.event, m.type, m.body, e.url
		FROM webhook_deliveries d
		JOIN messages m ON m.id = d.message
		JOIN webhook_endpoints e ON e.id = d.endpoint
		ORDER BY e.url, d.id`)
}

// typesOf returns the types of the messages that an endpoint gets.
func typesOf(list []stored, url string) []string {
	types := []string{}
	for _, m := range list {
		if m.URL == url {
			types = append(types, strings.TrimPrefix(m.Type, "transfer_request."))
		}
	}
	return types
}

// Everyone who is involved in a request hears of it, and no one else does: the
// source from the start, the destination from the offer on, even after it owns
// the SIMs, and staff of all requests. The id of a message is the position of its
// event in the feed.
func TestWhoHearsOfRequest(t *testing.T) {
	t.Parallel()
	s := newTestService(t)
	other := s.Account()
	s.FillOutbox()
	for account, name := range map[int64]string{s.from.ID: "source", s.to.ID: "destination", other.ID: "other", 0: "staff"} {
		s.Webhook(account, "https://"+name+".example/")
	}
	s.Webhook(s.from.ID, "https://chosen.example/", transfer.MessageAccepted)
	r := s.accepted(s.sims(transfer.Ready, transfer.Active)...)
	r.run()
	s.FillOutbox()
	list := s.messages()
	for url, want := range map[string][]string{
		"https://source.example/":      {"created", "in_review", "awaiting_acceptance", "accepted", "completed"},
		"https://destination.example/": {"awaiting_acceptance", "accepted", "completed"},
		"https://staff.example/":       {"created", "in_review", "awaiting_acceptance", "accepted", "completed"},
		"https://chosen.example/":      {"accepted"},
		"https://other.example/":       {},
	} {
		if got := typesOf(list, url); !slices.Equal(got, want) {
			t.Errorf("%s hears %v, want %v", url, got, want)
		}
	}
	feed, err := s.Feed(t.Context(), s.from.ID, 0, storage.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, e := range feed {
		ids[e.String()] = true
	}
	for _, m := range list {
		var body struct {
			Type string `json:"type"`
			Data struct {
				Request string `json:"request"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil || body.Type != m.Type || body.Data.Request != r.id.String() || !ids[m.Event] {
			t.Errorf("message %s: %s, %v", m.Event, m.Body, err)
		}
	}
	s.FillOutbox()
	if again := s.messages(); len(again) != len(list) {
		t.Errorf("%d messages after another turn, %d before", len(again), len(list))
	}
}
