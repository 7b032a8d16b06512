package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// WebhookLane is a webhook endpoint as a worker needs it to send to it.
type WebhookLane struct {
	Endpoint  uuid.UUID `db:"endpoint"`
	Account   *int64    `db:"account"`
	URL       string    `db:"url"`
	Secret    []byte    `db:"secret"`
	OldSecret []byte    `db:"old_secret"` // nil unless it is still valid
	Failures  int       `db:"failures"`   // turns without a success, since the last success
	Proven    bool      `db:"proven"`     // it has taken a message before
	Slow      bool      `db:"slow"`
}

var selectLane = newStatement(statement{
	name:    "select_webhook_lane",
	does:    "Reads the webhook endpoint of a piece of work, with its secrets.",
	given:   "The @lane.",
	returns: "The endpoint; no row if it was deleted or is disabled.",
	text: `
SELECT
	id AS endpoint,
	account,
	url,
	secret,
	CASE WHEN old_secret_until > clock_timestamp() THEN old_secret END AS old_secret,
	failures,
	last_success_at IS NOT NULL AS proven,
	slow
FROM webhook_endpoints
WHERE lane = @lane AND disabled_at IS NULL`,
})

// WebhookLane returns the endpoint of a piece of work, or ErrNotFound if it was
// deleted or is disabled.
func (db *DB) WebhookLane(ctx context.Context, w Work) (WebhookLane, error) {
	var l WebhookLane
	if err := db.get(ctx, &l, selectLane, args{"lane": w.Items[0]}); err != nil {
		return l, fmt.Errorf("reading the webhook endpoint of work %d: %w", w.ID, err)
	}
	return l, nil
}

// DueDelivery is a message to be sent to an endpoint now.
type DueDelivery struct {
	ID       int64  `db:"id"`
	Attempts int    `db:"attempts"` // that were made
	Event    string `db:"event"`    // names the message
	Body     string `db:"body"`
}

var selectDueDeliveries = newStatement(statement{
	name:     "select_due_deliveries",
	does:     "Reads the messages that are to be sent to a webhook endpoint now, those that are due longest first.",
	given:    "@endpoint, and the maximum number of rows: @limit.",
	returns:  "The deliveries.",
	prepared: true,
	text: `
SELECT d.id, d.attempts, m.event, m.body
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
WHERE d.endpoint = @endpoint AND d.state = 'pending' AND d.not_before <= clock_timestamp()
ORDER BY d.not_before, d.id
LIMIT @limit`,
})

// DueDeliveries returns up to limit messages that are to be sent to an endpoint
// now. Only the worker that has the lease of the endpoint's work may send them.
func (db *DB) DueDeliveries(ctx context.Context, endpoint uuid.UUID, limit int) ([]DueDelivery, error) {
	var list []DueDelivery
	if err := db.list(ctx, &list, selectDueDeliveries, args{"endpoint": endpoint, "limit": limit}); err != nil {
		return nil, fmt.Errorf("reading what is due to webhook endpoint %s: %w", endpoint, err)
	}
	return list, nil
}

// WebhookAttempt is what happened when a message was sent.
type WebhookAttempt struct {
	Delivery        int64
	Attempts        int // with this one
	At              time.Time
	Took            time.Duration
	Status          int               // zero: there was no answer
	Error           string            // empty: it was delivered
	RequestHeaders  map[string]string //
	ResponseHeaders map[string]string // nil: there was no answer
	Response        []byte            // its beginning
	Wait            time.Duration     // until the next attempt
	Last            bool              // there is none
}

// WebhookHealth is what some attempts say of their endpoint.
type WebhookHealth struct {
	Succeeded bool          // one of them was delivered
	Failure   string        // what the last one that was not delivered got; empty: all were delivered
	Gone      bool          // the receiver does not want the endpoint any more
	Slow      bool          // the receiver did not answer in time
	Pause     time.Duration // nothing is to be sent before
}

var recordDeliveries = newStatement(statement{
	name: "record_deliveries",
	does: "Records attempts to deliver messages.",
	given: `Arrays with a row for each attempt: @ids of the deliveries, how many @attempts there were, @ats, how many
		milliseconds it @took, @statuses (0: no answer), @errors (empty: delivered), the headers of the request
		(@requests) and of the response (@answers) as JSON (empty: none), the beginning of the @responses, and after how
		many seconds the next attempt is due (@waits; negative: there is none).`,
	locks: "The caller holds the row of work. Takes the deliveries.",
	text: `
UPDATE webhook_deliveries d
SET state = CASE WHEN u.error = '' THEN 'delivered' WHEN u.wait < 0 THEN 'failed' ELSE 'pending' END,
	attempts = u.attempts,
	not_before = CASE WHEN u.error <> '' AND u.wait >= 0 THEN clock_timestamp() + make_interval(secs => u.wait) ELSE d.not_before END,
	attempted_at = u.at,
	took_ms = u.took,
	status = nullif(u.status, 0),
	error = nullif(u.error, ''),
	request_headers = u.request::jsonb,
	response_headers = nullif(u.answer, '')::jsonb,
	response = nullif(u.response, '')
FROM unnest(@ids::bigint[], @attempts::int[], @ats::timestamptz[], @took::int[], @statuses::int[], @errors::text[], @requests::text[],
	@answers::text[], @responses::bytea[], @waits::float8[]) AS u (id, attempts, at, took, status, error, request, answer, response, wait)
WHERE d.id = u.id AND d.state = 'pending'`,
})

var recordHealth = newStatement(statement{
	name: "record_webhook_health",
	does: "Records at a webhook endpoint how the last attempts went.",
	given: `@endpoint; whether one has @succeeded; the last @failure (empty: none); whether the endpoint is @slow; for how many
		seconds to @pause; @patience: after how many seconds of failures it is to be disabled.`,
	returns: "Whether it has failed for too long.",
	locks:   "The caller holds the row of work. Takes the endpoint.",
	text: `
UPDATE webhook_endpoints
SET last_success_at = CASE WHEN @succeeded THEN clock_timestamp() ELSE last_success_at END,
	last_failure_at = CASE WHEN @failure <> '' THEN clock_timestamp() ELSE last_failure_at END,
	last_failure = coalesce(nullif(@failure, ''), last_failure),
	failing_since = CASE WHEN NOT @succeeded THEN coalesce(failing_since, clock_timestamp()) END,
	failures = CASE WHEN @succeeded THEN 0 ELSE failures + 1 END,
	slow = @slow,
	paused_until = CASE WHEN @pause::float8 > 0 THEN clock_timestamp() + make_interval(secs => @pause) END
WHERE id = @endpoint
RETURNING coalesce(failing_since < clock_timestamp() - make_interval(secs => @patience), false)`,
})

// RecordDeliveries records attempts to deliver messages to an endpoint, in one
// transaction, and disables the endpoint if it is gone or has failed for too
// long; it then returns true. It returns ErrNotFound if the lease was lost: another
// worker then sends the messages again.
func (db *DB) RecordDeliveries(ctx context.Context, w Work, l WebhookLane, list []WebhookAttempt, h WebhookHealth) (disabled bool, err error) {
	a, err := arraysOf(list)
	if err != nil {
		return false, err
	}
	err = db.InTx(ctx, func(t *Tx) error {
		if _, err := t.LockLeased(ctx, w); err != nil {
			return err
		}
		if _, err := t.exec(ctx, recordDeliveries, args{
			"ids": pq.Array(a.ids), "attempts": pq.Array(a.attempts), "ats": pq.Array(a.ats), "took": pq.Array(a.took),
			"statuses": pq.Array(a.statuses), "errors": pq.Array(a.errors), "requests": pq.Array(a.requests), "answers": pq.Array(a.answers),
			"responses": pq.Array(a.responses), "waits": pq.Array(a.waits),
		}); err != nil {
			return fmt.Errorf("recording %d deliveries: %w", len(list), err)
		}
		var exhausted bool
		if err := t.get(ctx, &exhausted, recordHealth, args{
			"endpoint": l.Endpoint, "succeeded": h.Succeeded, "failure": h.Failure, "slow": h.Slow, "pause": h.Pause.Seconds(),
			"patience": transfer.WebhookPatience.Seconds(),
		}); err != nil {
			return fmt.Errorf("recording the state of webhook endpoint %s: %w", l.Endpoint, err)
		}
		switch {
		case h.Gone:
			disabled = true
			return t.disableWebhook(ctx, System(), l.Endpoint, l.Account, transfer.DisabledGone)
		case exhausted:
			disabled = true
			return t.disableWebhook(ctx, System(), l.Endpoint, l.Account, transfer.DisabledFailing)
		case !h.Succeeded && l.Account != nil:
			return t.mailAboutWebhook(ctx, l.Endpoint, *l.Account, "")
		}
		return nil
	})
	return disabled && err == nil, err
}

// attemptArrays are attempts, column by column.
type attemptArrays struct {
	ids, attempts, took, statuses []int64
	ats                           []time.Time
	errors, requests, answers     []string
	responses                     [][]byte
	waits                         []float64
}

func arraysOf(list []WebhookAttempt) (a attemptArrays, err error) {
	for _, m := range list {
		sent, err := json.Marshal(m.RequestHeaders)
		if err != nil {
			return a, fmt.Errorf("writing headers: %w", err)
		}
		answer := []byte{}
		if m.ResponseHeaders != nil {
			if answer, err = json.Marshal(m.ResponseHeaders); err != nil {
				return a, fmt.Errorf("writing headers: %w", err)
			}
		}
		wait := m.Wait.Seconds()
		if m.Last {
			wait = -1
		}
		a.ids, a.attempts, a.took = append(a.ids, m.Delivery), append(a.attempts, int64(m.Attempts)), append(a.took, m.Took.Milliseconds())
		a.statuses, a.ats, a.errors = append(a.statuses, int64(m.Status)), append(a.ats, m.At), append(a.errors, m.Error)
		a.requests, a.answers = append(a.requests, string(sent)), append(a.answers, string(answer))
		a.responses, a.waits = append(a.responses, append([]byte{}, m.Response...)), append(a.waits, wait)
	}
	return a, nil
}

var closeLane = newStatement(statement{
	name: "close_webhook_lane",
	does: `Ends the work of a webhook endpoint that has no pending delivery, or makes it due when the next delivery is and the
		endpoint is not paused.`,
	given:   "@id of the work, and its @lane.",
	returns: "A row if there was something to end or to postpone.",
	locks:   "The caller holds the row of work, which an earlier statement has taken.",
	text: `
WITH next AS MATERIALIZED (
	SELECT e.slow, greatest(e.paused_until, d.not_before) AS at
	FROM webhook_endpoints e
	CROSS JOIN LATERAL (
		SELECT not_before
		FROM webhook_deliveries
		WHERE endpoint = e.id AND state = 'pending'
		ORDER BY not_before
		LIMIT 1
	) d
	WHERE e.lane = @lane AND e.disabled_at IS NULL
` + endOrPostponeSQL(`
		queue = CASE WHEN next.slow THEN 'notify_webhook_slow' ELSE 'notify_webhook' END,`),
})

// CloseLane ends the work of a webhook endpoint, or postpones it until the next
// delivery is due.
func (db *DB) CloseLane(ctx context.Context, w Work) error {
	return db.InTx(ctx, func(t *Tx) error {
		if _, err := t.LockLeased(ctx, w); err != nil {
			return err
		}
		if err := t.get(ctx, new(int64), closeLane, args{"id": w.ID, "lane": w.Items[0]}); err != nil {
			return fmt.Errorf("ending work %d of a webhook endpoint: %w", w.ID, err)
		}
		return nil
	})
}

// WebhookDelivery is the delivery of a message to an endpoint as the API shows it.
type WebhookDelivery struct {
	ID              int64                  `db:"id"`
	Event           string                 `db:"event"`
	Type            transfer.MessageType   `db:"type"`
	At              time.Time              `db:"at"` // when it happened
	State           transfer.DeliveryState `db:"state"`
	Attempts        int                    `db:"attempts"`
	CreatedAt       time.Time              `db:"created_at"`
	ReplayedAt      *time.Time             `db:"replayed_at"`
	NextAttempt     *time.Time             `db:"next_attempt"`
	AttemptedAt     *time.Time             `db:"attempted_at"`
	TookMS          *int                   `db:"took_ms"`
	Status          *int                   `db:"status"`
	Error           *string                `db:"error"`
	RequestHeaders  *json.RawMessage       `db:"request_headers"`
	ResponseHeaders *json.RawMessage       `db:"response_headers"`
	Response        []byte                 `db:"response"`
	Body            *string                `db:"body"` // what is sent
}

const deliveryColumns = `
	d.id,
	m.event,
	m.type,
	m.at,
	d.state,
	d.attempts,
	d.created_at,
	d.replayed_at,
	CASE WHEN d.state = 'pending' THEN greatest(d.not_before, e.paused_until) END AS next_attempt,
	d.attempted_at,
	d.took_ms,
	d.status,
	d.error,
	d.request_headers,
	d.response_headers,
	d.response`

var selectDeliveries = newStatement(statement{
	name: "select_webhook_deliveries",
	does: "Lists the deliveries to a webhook endpoint, the latest first.",
	given: `@endpoint; @states and @types (null: any); @event: only of this message (empty: any); @before: only with lower ids (0:
		all); @limit: maximum number of rows.`,
	returns: "The deliveries, without what was sent.",
	text: `
SELECT` + deliveryColumns + `
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
JOIN webhook_endpoints e ON e.id = d.endpoint
WHERE d.endpoint = @endpoint
  AND (@before::bigint = 0 OR d.id < @before)
  AND (@states::text[] IS NULL OR d.state = ANY (@states))
  AND (@types::text[] IS NULL OR m.type = ANY (@types))
  AND (@event = '' OR m.event = @event)
ORDER BY d.id DESC
LIMIT @limit`,
})

// DeliveryFilter selects deliveries to an endpoint. A zero field selects all.
type DeliveryFilter struct {
	States []transfer.DeliveryState
	Types  []transfer.MessageType
	Event  string
	Before int64 // only deliveries with lower ids: the cursor
	Limit  int   // maximum number of rows; required
}

// WebhookDeliveries lists deliveries to an endpoint, the latest first, without
// what was sent.
func (db *DB) WebhookDeliveries(ctx context.Context, endpoint uuid.UUID, f DeliveryFilter) ([]WebhookDelivery, error) {
	list := []WebhookDelivery{}
	if err := db.list(ctx, &list, selectDeliveries, args{
		"endpoint": endpoint, "states": textArray(f.States), "types": textArray(f.Types), "event": f.Event, "before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing the deliveries to webhook endpoint %s: %w", endpoint, err)
	}
	return list, nil
}

var selectDelivery = newStatement(statement{
	name:    "select_webhook_delivery",
	does:    "Reads a delivery to a webhook endpoint.",
	given:   "@endpoint and @id.",
	returns: "The delivery; no row if there is none.",
	text: `
SELECT` + deliveryColumns + `,
	m.body
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
JOIN webhook_endpoints e ON e.id = d.endpoint
WHERE d.endpoint = @endpoint AND d.id = @id`,
})

// WebhookDelivery returns a delivery to an endpoint, or ErrNotFound.
func (db *DB) WebhookDelivery(ctx context.Context, endpoint uuid.UUID, id int64) (WebhookDelivery, error) {
	return webhookDelivery(ctx, db, endpoint, id)
}

func webhookDelivery(ctx context.Context, q querier, endpoint uuid.UUID, id int64) (WebhookDelivery, error) {
	var d WebhookDelivery
	if err := q.get(ctx, &d, selectDelivery, args{"endpoint": endpoint, "id": id}); err != nil {
		return d, fmt.Errorf("reading delivery %d to webhook endpoint %s: %w", id, endpoint, err)
	}
	return d, nil
}

var replayDeliveries = newStatement(statement{
	name: "replay_deliveries",
	does: "Makes deliveries to a webhook endpoint due again, as if they had never been tried. Those that are pending stay as they are.",
	given: `@endpoint; @id: only this one (0: all); @states; only of messages that were made from @since to before @until (null:
		any); @limit: maximum number of rows, the oldest first.`,
	returns: "The number of deliveries.",
	locks:   "Takes the deliveries.",
	text: `
WITH chosen AS MATERIALIZED (
	SELECT id
	FROM webhook_deliveries
	WHERE endpoint = @endpoint
	  AND (@id::bigint = 0 OR id = @id)
	  AND state <> 'pending'
	  AND state = ANY (@states::text[])
	  AND (@since::timestamptz IS NULL OR created_at >= @since)
	  AND (@until::timestamptz IS NULL OR created_at < @until)
	ORDER BY id
	LIMIT @limit
	FOR UPDATE
), replayed AS (
	UPDATE webhook_deliveries d
	SET state = 'pending', attempts = 0, not_before = clock_timestamp(), replayed_at = clock_timestamp()
	FROM chosen
	WHERE d.id = chosen.id
	RETURNING 1
)
SELECT count(*) FROM replayed`,
})

// Replay selects deliveries to be sent again.
type Replay struct {
	ID           int64 // only this one; zero: all
	States       []transfer.DeliveryState
	Since, Until *time.Time // of messages that were made from Since to before Until; nil: any
}

// MaxReplayed is the maximum number of deliveries that one call sends again.
const MaxReplayed = 10000

// WebhookDisabledError is returned for a call that needs an enabled endpoint.
type WebhookDisabledError struct{ Reason transfer.DisabledReason }

func (e *WebhookDisabledError) Error() string {
	return "the webhook endpoint is disabled (" + string(e.Reason) + "): enable it first"
}

// ReplayDeliveries makes up to MaxReplayed deliveries to an endpoint due again,
// and returns how many. It returns ErrNotFound if may returns false for the
// endpoint, and a *WebhookDisabledError if it is disabled.
func (t *Tx) ReplayDeliveries(ctx context.Context, by Actor, endpoint uuid.UUID, r Replay, may func(WebhookEndpoint) bool) (int, error) {
	e, err := t.lockWebhook(ctx, endpoint, may)
	switch {
	case err != nil:
		return 0, err
	case e.DisabledReason != nil:
		return 0, &WebhookDisabledError{*e.DisabledReason}
	}
	if r.ID != 0 {
		if _, err := webhookDelivery(ctx, t, endpoint, r.ID); err != nil {
			return 0, err
		}
	}
	var n int
	if err := t.get(ctx, &n, replayDeliveries, args{
		"endpoint": endpoint, "id": r.ID, "states": textArray(r.States), "since": r.Since, "until": r.Until, "limit": MaxReplayed,
	}); err != nil {
		return 0, fmt.Errorf("replaying deliveries to webhook endpoint %s: %w", endpoint, err)
	}
	if n == 0 {
		return 0, nil
	}
	if err := t.openLanes(ctx, []uuid.UUID{endpoint}); err != nil {
		return 0, err
	}
	after := map[string]any{"deliveries": n}
	if r.ID != 0 {
		after["delivery"] = r.ID
	}
	return n, t.auditWebhook(ctx, by, transfer.AuditWebhookReplay, e, nil, after)
}

// TestWebhook sends a test to an endpoint and returns its delivery. It returns
// ErrNotFound if may returns false for the endpoint, and a *WebhookDisabledError
// if it is disabled.
func (t *Tx) TestWebhook(ctx context.Context, by Actor, endpoint uuid.UUID, may func(WebhookEndpoint) bool) (WebhookDelivery, error) {
	e, err := t.lockWebhook(ctx, endpoint, may)
	switch {
	case err != nil:
		return WebhookDelivery{}, err
	case e.DisabledReason != nil:
		return WebhookDelivery{}, &WebhookDisabledError{*e.DisabledReason}
	}
	var now time.Time
	if err := t.get(ctx, &now, selectNow, args{}); err != nil {
		return WebhookDelivery{}, fmt.Errorf("reading the clock: %w", err)
	}
	body, err := transfer.MessageBody(transfer.MessageTest, now, transfer.TestNews{Endpoint: endpoint.String(), Test: true})
	if err != nil {
		return WebhookDelivery{}, err
	}
	m := outgoing{event: "test-" + uuid.NewString(), kind: transfer.MessageTest, at: now, body: body, endpoints: []uuid.UUID{endpoint}}
	if e.AccountID != nil {
		m.account = *e.AccountID
	}
	if err := t.send(ctx, []outgoing{m}); err != nil {
		return WebhookDelivery{}, err
	}
	var id int64
	if err := t.get(ctx, &id, selectDeliveryOf, args{"endpoint": endpoint, "event": m.event}); err != nil {
		return WebhookDelivery{}, fmt.Errorf("looking for a test of webhook endpoint %s: %w", endpoint, err)
	}
	if err := t.auditWebhook(ctx, by, transfer.AuditWebhookTest, e, nil, map[string]any{"delivery": id}); err != nil {
		return WebhookDelivery{}, err
	}
	return webhookDelivery(ctx, t, endpoint, id)
}

var selectNow = newStatement(statement{
	name:    "select_now",
	does:    "Reads the clock.",
	returns: "The time.",
	text:    `SELECT clock_timestamp()`,
})

var selectDeliveryOf = newStatement(statement{
	name:    "select_delivery_of",
	does:    "Finds the latest delivery of a message to a webhook endpoint.",
	given:   "@endpoint, and the @event that names the message.",
	returns: "Its id; no row if there is none.",
	text: `
SELECT d.id
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
WHERE d.endpoint = @endpoint AND m.event = @event
ORDER BY d.id DESC
LIMIT 1`,
})

var failDeliveries = newStatement(statement{
	name:  "fail_deliveries",
	does:  "Ends the pending deliveries to a webhook endpoint that was disabled.",
	given: "@endpoint.",
	locks: "Takes the deliveries. The caller holds the endpoint.",
	text: `
UPDATE webhook_deliveries
SET state = 'failed', error = CASE WHEN attempted_at IS NULL THEN 'not sent: the endpoint was disabled' ELSE error END
WHERE endpoint = @endpoint AND state = 'pending'`,
})

var disableWebhook = newStatement(statement{
	name:    "disable_webhook",
	does:    "Disables a webhook endpoint.",
	given:   "@id, and the @reason.",
	returns: "Since when it fails and how, and its address; no row if it is disabled already.",
	locks:   "Takes the endpoint.",
	text: `
UPDATE webhook_endpoints
SET disabled_at = clock_timestamp(), disabled_reason = @reason
WHERE id = @id AND disabled_at IS NULL
RETURNING url, failing_since, last_failure`,
})

// disableWebhook disables an endpoint and ends its pending deliveries, which can
// be replayed.
func (t *Tx) disableWebhook(ctx context.Context, by Actor, id uuid.UUID, account *int64, reason transfer.DisabledReason) error {
	var was struct {
		URL          string     `db:"url"`
		FailingSince *time.Time `db:"failing_since"`
		LastFailure  *string    `db:"last_failure"`
	}
	switch err := t.get(ctx, &was, disableWebhook, args{"id": id, "reason": reason}); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("disabling webhook endpoint %s: %w", id, err)
	}
	if _, err := t.exec(ctx, failDeliveries, args{"endpoint": id}); err != nil {
		return fmt.Errorf("ending the deliveries to webhook endpoint %s: %w", id, err)
	}
	if account != nil && reason != transfer.DisabledByOwner {
		if err := t.mailAboutWebhook(ctx, id, *account, reason); err != nil {
			return err
		}
	}
	after := map[string]any{"state": "disabled", "reason": string(reason)}
	if reason != transfer.DisabledByOwner && was.FailingSince != nil {
		after["failing_since"] = was.FailingSince.UTC()
	}
	e := WebhookEndpoint{ID: id, AccountID: account}
	return t.auditWebhook(ctx, by, transfer.AuditWebhookDisable, e, map[string]any{"state": "enabled"}, after)
}
