package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"simtransfer/storage"
	"simtransfer/storage/storagetest"
	"simtransfer/transfer"
)

// stored is a message as it is stored, with who gets it.
type stored struct {
	Event, Type, Body, URL string
}

func (svc *testService) messages() []stored {
	svc.t.Helper()
	return storagetest.All[stored](svc.DB, `
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

// What happened while there was no endpoint is not told later, and an endpoint
// that is disabled hears nothing.
func TestNothingFromBefore(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	request := func() {
		svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	}
	svc.FillOutbox()
	request()
	svc.FillOutbox()
	e, _ := svc.Webhook(from.ID, "https://one.example/")
	svc.FillOutbox()
	if list := svc.messages(); len(list) > 0 {
		t.Errorf("messages: %v", list)
	}
	request()
	svc.FillOutbox()
	svc.Exec(`UPDATE webhook_endpoints SET disabled_at = clock_timestamp(), disabled_reason = 'by_owner' WHERE id = $1`, e.ID)
	request()
	svc.FillOutbox()
	if list := svc.messages(); len(list) != 1 {
		t.Errorf("messages: %v", list)
	}
}

// Schedulers that work at the same time, and that are killed in the middle, lose
// no message and make none twice.
func TestManySchedulers(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	svc.once(svc.scheduler(svc.redis).Notify)
	svc.Webhook(from.ID, "https://one.example/")
	const requests = 40
	sims := svc.SIMs(requests, storagetest.SIM{Account: from.ID})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 3 {
		db := svc.Connect(storage.Options{})
		wg.Go(func() {
			for n := 0; ; n++ {
				var err error
				if i == 0 && n%2 == 0 { // killed before it commits
					err = db.InTx(t.Context(), func(tx *storage.Tx) error {
						if _, err := tx.FillOutbox(t.Context(), 10); err != nil {
							return err
						}
						return errKilled
					})
					if errors.Is(err, errKilled) {
						err = nil
					}
				} else {
					_, err = db.FillOutbox(t.Context(), 7)
				}
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range requests {
		svc.Request(storagetest.Request{From: from, To: to, SIMs: sims[i : i+1]})
	}
	close(done)
	wg.Wait()
	svc.FillOutbox()
	counts := storagetest.One[string](svc.DB, `SELECT count(*) || ' ' || count(DISTINCT m.event) FROM webhook_deliveries d JOIN messages m ON m.id = d.message`)
	if want := fmt.Sprintf("%d %d", requests, requests); counts != want {
		t.Errorf("deliveries and events: %s, want %s", counts, want)
	}
	if n := storagetest.One[int](svc.DB, `SELECT count(*) FROM work WHERE kind = 'deliver_webhooks'`); n != 1 {
		t.Errorf("%d rows of work for one endpoint", n)
	}
}

var errKilled = errors.New("killed")

// A batch of 20,000 requests makes a few messages for its source and for staff,
// and one for each destination; the numbers add up.
func TestFlood(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from, to := svc.Account(), svc.Account()
	svc.FillOutbox()
	svc.Webhook(from.ID, "https://source.example/")
	svc.Webhook(0, "https://staff.example/", transfer.MessageCreated)
	svc.Webhook(to.ID, "https://destination.example/")
	const requests = 20000
	batch := storagetest.One[string](svc.DB, `INSERT INTO batches (id, account, size) VALUES (gen_random_uuid(), $1, $2) RETURNING id`, from.ID, requests)
	svc.Request(storagetest.Request{From: from, To: to, SIMs: svc.SIMs(1, storagetest.SIM{Account: from.ID})})
	svc.Exec(`
		WITH model AS (SELECT * FROM requests LIMIT 1), made AS (
			INSERT INTO requests
			SELECT r.*
			FROM model
			CROSS JOIN generate_series(1, $2) AS n
			CROSS JOIN LATERAL jsonb_populate_record(NULL::requests,
				to_jsonb(model) || jsonb_build_object('id', md5(n::text)::uuid, 'batch', $1::uuid)) r
			RETURNING id
		)
		INSERT INTO events (request, source, seq, kind, party, to_state, detail)
		SELECT id, $3, 1, 'create', 'source', 'validating', '{"size": 3}' FROM made`, batch, requests, from.ID)
	for range 3 { // the first message is due after two seconds
		svc.FillOutbox()
		svc.Exec(`UPDATE message_groups SET due_at = clock_timestamp() WHERE requests > 0`)
	}
	svc.FillOutbox()
	type sum struct {
		URL            string
		Messages, N    int
		SIMs           int `db:"sims"`
		Size, Distinct int
	}
	got := storagetest.All[sum](svc.DB, `
		SELECT e.url, count(*) AS messages, sum((m.body::jsonb->'data'->>'requests')::int) AS n, sum((m.body::jsonb->'data'->>'sims')::int) AS sims,
			max(octet_length(m.body)) AS size, count(DISTINCT m.event) AS distinct
		FROM webhook_deliveries d
		JOIN messages m ON m.id = d.message
		JOIN webhook_endpoints e ON e.id = d.endpoint
		WHERE m.type = 'batch.updated'
		GROUP BY e.url
		ORDER BY e.url`)
	if len(got) != 2 {
		t.Fatalf("messages: %+v", got)
	}
	for _, s := range got {
		if s.N != requests || s.SIMs != 3*requests || s.Messages > 4 || s.Size > 1000 || s.Distinct != s.Messages {
			t.Errorf("messages: %+v", s)
		}
	}
	if n := len(typesOf(svc.messages(), "https://destination.example/")); n != 0 {
		t.Errorf("the destination hears of %d requests that were not offered to it", n)
	}
}

// Endpoints of staff get one message that there are new changes, and the next only
// after they have received it.
func TestChangesAvailable(t *testing.T) {
	t.Parallel()
	svc := newTestService(t)
	from := svc.Account()
	svc.FillOutbox()
	svc.Webhook(0, "https://staff.example/", transfer.MessageChanges)
	svc.Webhook(from.ID, "https://account.example/")
	count := func(want int) {
		t.Helper()
		svc.FillOutbox()
		if got := typesOf(svc.messages(), "https://staff.example/"); len(got) != want {
			t.Errorf("%d messages, want %d", len(got), want)
		}
		if got := typesOf(svc.messages(), "https://account.example/"); len(got) != 0 {
			t.Errorf("an account hears of changes: %v", got)
		}
	}
	change := func() {
		t.Helper()
		svc.Exec(`INSERT INTO changes (kind, source, destination, sims) SELECT 'owner_corrected', $1, $1, ARRAY[1]`, from.ID)
		if _, err := svc.NumberChanges(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count(0)
	change()
	count(1)
	change()
	count(1) // a second has not passed
	svc.Exec(`UPDATE webhook_endpoints SET changes_at = changes_at - interval '1 minute'`)
	count(1) // the first was not received
	svc.Exec(`UPDATE webhook_deliveries SET state = 'delivered'`)
	count(2)
	svc.Exec(`UPDATE webhook_deliveries SET state = 'delivered'`)
	svc.Exec(`UPDATE webhook_endpoints SET changes_at = changes_at - interval '1 minute'`)
	count(2) // nothing new
	now, err := svc.ChangesNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := svc.messages()
	if last := list[len(list)-1]; !strings.Contains(last.Body, `"cursor":"`+now.String()+`"`) || last.Event != "changes-"+now.String() {
		t.Errorf("the last message: %+v, and the feed ends at %s", last, now)
	}
}
