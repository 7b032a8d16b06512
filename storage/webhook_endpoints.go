package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// WebhookEndpoint is an address to which messages are sent. Its secret is only
// read to sign them.
type WebhookEndpoint struct {
	ID             uuid.UUID                `db:"id"`
	AccountID      *int64                   `db:"account_id"` // nil: of staff
	Account        *transfer.OperatorID     `db:"account"`
	URL            string                   `db:"url"`
	Description    string                   `db:"description"`
	Types          pq.StringArray           `db:"types"` // empty: all
	SecretSetAt    time.Time                `db:"secret_set_at"`
	OldSecretUntil *time.Time               `db:"old_secret_until"` // nil: there is no other valid secret
	CreatedAt      time.Time                `db:"created_at"`
	DisabledAt     *time.Time               `db:"disabled_at"`
	DisabledReason *transfer.DisabledReason `db:"disabled_reason"`
	LastSuccessAt  *time.Time               `db:"last_success_at"`
	LastFailureAt  *time.Time               `db:"last_failure_at"`
	LastFailure    *string                  `db:"last_failure"`
	FailingSince   *time.Time               `db:"failing_since"`
	PausedUntil    *time.Time               `db:"paused_until"`
	Pending        int                      `db:"pending"` // deliveries, up to a thousand
}

const webhookColumns = `
	e.id,
	e.account AS account_id,
	a.operator_id AS account,
	e.url,
	e.description,
	e.types,
	e.secret_set_at,
	CASE WHEN e.old_secret_until > clock_timestamp() THEN e.old_secret_until END AS old_secret_until,
	e.created_at,
	e.disabled_at,
	e.disabled_reason,
	e.last_success_at,
	e.last_failure_at,
	e.last_failure,
	e.failing_since,
	CASE WHEN e.paused_until > clock_timestamp() THEN e.paused_until END AS paused_until,
	(SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE endpoint = e.id AND state = 'pending' LIMIT 1000) p) AS pending
FROM webhook_endpoints e
LEFT JOIN accounts a ON a.id = e.account`

var selectWebhooks = newStatement(statement{
	name: "select_webhooks",
	does: "Lists webhook endpoints, the latest first.",
	given: `@account (0: any); @staff: only those of staff; @before: only endpoints with lower ids (null: all); @limit: maximum
		number of rows.`,
	returns: "The endpoints.",
	text: `
SELECT` + webhookColumns + `
WHERE (@account::bigint = 0 OR e.account = @account)
  AND (NOT @staff OR e.account IS NULL)
  AND (@before::uuid IS NULL OR e.id < @before)
ORDER BY e.id DESC
LIMIT @limit`,
})

// WebhookFilter selects webhook endpoints. A zero field selects all.
type WebhookFilter struct {
	Account int64
	Staff   bool       // only those of staff
	Before  *uuid.UUID // only endpoints with lower ids: the cursor
	Limit   int        // maximum number of rows; required
}

// WebhookEndpoints lists webhook endpoints, the latest first.
func (db *DB) WebhookEndpoints(ctx context.Context, f WebhookFilter) ([]WebhookEndpoint, error) {
	return webhooks(ctx, db, f)
}

func webhooks(ctx context.Context, q querier, f WebhookFilter) ([]WebhookEndpoint, error) {
	list := []WebhookEndpoint{}
	if err := q.list(ctx, &list, selectWebhooks, args{"account": f.Account, "staff": f.Staff, "before": f.Before, "limit": f.Limit}); err != nil {
		return nil, fmt.Errorf("listing webhook endpoints: %w", err)
	}
	return list, nil
}

var selectWebhook = newStatement(statement{
	name:    "select_webhook",
	does:    "Reads a webhook endpoint.",
	given:   "@id.",
	returns: "The endpoint; no row if there is none.",
	text: `
SELECT` + webhookColumns + `
WHERE e.id = @id`,
})

// WebhookEndpoint returns a webhook endpoint, or ErrNotFound.
func (db *DB) WebhookEndpoint(ctx context.Context, id uuid.UUID) (WebhookEndpoint, error) {
	return webhookBy(ctx, db, id)
}

func webhookBy(ctx context.Context, q querier, id uuid.UUID) (WebhookEndpoint, error) {
	var e WebhookEndpoint
	if err := q.get(ctx, &e, selectWebhook, args{"id": id}); err != nil {
		return e, fmt.Errorf("reading webhook endpoint %s: %w", id, err)
	}
	return e, nil
}

var lockWebhookWork = newStatement(statement{
	name:    "lock_webhook_work",
	does:    "Locks the work of a webhook endpoint, if there is any.",
	given:   "@id of the endpoint.",
	returns: "The id of the work; no row if there is none.",
	locks:   "Takes the row of work, as the first lock of the transaction.",
	text: `
SELECT w.id
FROM webhook_endpoints e
JOIN work w ON w.kind = 'deliver_webhooks' AND w.items[1] = e.lane
WHERE e.id = @id
FOR UPDATE OF w`,
})

var lockWebhook = newStatement(statement{
	name:    "lock_webhook",
	does:    "Locks a webhook endpoint.",
	given:   "@id.",
	returns: "The id; no row if there is none.",
	locks:   "Takes the endpoint, after its work.",
	text:    `SELECT id FROM webhook_endpoints WHERE id = @id FOR NO KEY UPDATE`,
})

// lockWebhook locks an endpoint, after its work as a worker does, and reads it.
// It returns ErrNotFound if may returns false for the endpoint.
func (t *Tx) lockWebhook(ctx context.Context, id uuid.UUID, may func(WebhookEndpoint) bool) (WebhookEndpoint, error) {
	if err := t.get(ctx, new(int64), lockWebhookWork, args{"id": id}); err != nil && !errors.Is(err, ErrNotFound) {
		return WebhookEndpoint{}, fmt.Errorf("locking the work of webhook endpoint %s: %w", id, err)
	}
	if err := t.get(ctx, new(uuid.UUID), lockWebhook, args{"id": id}); err != nil {
		return WebhookEndpoint{}, err
	}
	e, err := webhookBy(ctx, t, id)
	if err == nil && !may(e) {
		err = ErrNotFound
	}
	return e, err
}

var insertWebhook = newStatement(statement{
	name: "insert_webhook",
	does: "Creates a webhook endpoint, which gets messages about the changes that come from now on.",
	given: `@id, the @account (0: staff), @url, @description, the @types of messages (empty: all), the @secret, and how many
		endpoints the account can have: @limit.`,
	returns: "A row, unless there are too many.",
	locks:   "The caller holds the account, or the advisory lock of staff, which an earlier statement has taken.",
	text: `
INSERT INTO webhook_endpoints (id, account, url, description, types, secret, changes_seq)
SELECT @id, nullif(@account::bigint, 0), @url, @description, @types, @secret, coalesce((SELECT max(seq) FROM changes), 0)
WHERE (SELECT count(*) FROM webhook_endpoints WHERE coalesce(account, 0) = @account) < @limit
RETURNING id`,
})

var lockWebhookOwner = newStatement(statement{
	name:    "lock_webhook_owner",
	does:    "Waits until no other transaction creates webhook endpoints of an account.",
	given:   "@account (0: staff).",
	returns: "A row.",
	locks:   "Takes an advisory lock.",
	text:    `SELECT pg_advisory_xact_lock(1936289141, hashint8(@account::bigint))`,
})

// NewWebhook is what a webhook endpoint is made from.
type NewWebhook struct {
	Account     int64 // zero: staff
	URL         string
	Description string
	Types       []transfer.MessageType // empty: all
}

// ErrTooManyWebhooks is returned when an account, or staff, has as many webhook
// endpoints as it can have.
var ErrTooManyWebhooks = errors.New("too many webhook endpoints")

// CreateWebhook creates an endpoint and returns it with its secret, which cannot
// be read again.
func (t *Tx) CreateWebhook(ctx context.Context, by Actor, n NewWebhook) (WebhookEndpoint, []byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return WebhookEndpoint{}, nil, fmt.Errorf("making the id of a webhook endpoint: %w", err)
	}
	secret, err := newWebhookSecret()
	if err != nil {
		return WebhookEndpoint{}, nil, err
	}
	if _, err := t.exec(ctx, lockWebhookOwner, args{"account": n.Account}); err != nil {
		return WebhookEndpoint{}, nil, fmt.Errorf("locking the webhook endpoints of account %d: %w", n.Account, err)
	}
	switch err := t.get(ctx, new(uuid.UUID), insertWebhook, args{
		"id": id, "account": n.Account, "url": n.URL, "description": n.Description, "types": typeArray(n.Types), "secret": secret,
		"limit": transfer.MaxWebhookEndpoints,
	}); {
	case errors.Is(err, ErrNotFound):
		return WebhookEndpoint{}, nil, ErrTooManyWebhooks
	case err != nil:
		return WebhookEndpoint{}, nil, fmt.Errorf("creating a webhook endpoint: %w", err)
	}
	e, err := webhookBy(ctx, t, id)
	if err != nil {
		return e, nil, err
	}
	return e, secret, t.auditWebhook(ctx, by, transfer.AuditWebhookCreate, e, nil, webhookFields(e))
}

// typeArray returns types as an array, empty for none.
func typeArray(types []transfer.MessageType) pq.StringArray {
	return textArray(append([]transfer.MessageType{}, types...))
}

func newWebhookSecret() ([]byte, error) {
	secret := make([]byte, transfer.WebhookSecretBytes)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("making a webhook secret: %w", err)
	}
	return secret, nil
}

var updateWebhook = newStatement(statement{
	name:  "update_webhook",
	does:  "Changes a webhook endpoint.",
	given: "@id, and the new @url, @description and @types.",
	locks: "The caller holds the endpoint.",
	text:  `UPDATE webhook_endpoints SET url = @url, description = @description, types = @types WHERE id = @id`,
})

// WebhookSettings are what can be changed of a webhook endpoint.
type WebhookSettings struct {
	URL         string
	Description string
	Types       []transfer.MessageType
	Disabled    bool // Enable enables it again
}

// UpdateWebhook changes an endpoint. It calls edit with the endpoint as it is and
// stores what edit returns; if edit returns an error, nothing is changed. It
// returns ErrNotFound if may returns false for the endpoint.
func (t *Tx) UpdateWebhook(
	ctx context.Context, by Actor, id uuid.UUID, may func(WebhookEndpoint) bool, edit func(was WebhookEndpoint) (WebhookSettings, error),
) (WebhookEndpoint, error) {
	was, err := t.lockWebhook(ctx, id, may)
	if err != nil {
		return was, err
	}
	s, err := edit(was)
	if err != nil {
		return was, err
	}
	if _, err := t.exec(ctx, updateWebhook, args{"id": id, "url": s.URL, "description": s.Description, "types": typeArray(s.Types)}); err != nil {
		return was, fmt.Errorf("changing webhook endpoint %s: %w", id, err)
	}
	if s.Disabled && was.DisabledAt == nil {
		if err := t.disableWebhook(ctx, by, id, was.AccountID, transfer.DisabledByOwner); err != nil {
			return was, err
		}
	}
	is, err := webhookBy(ctx, t, id)
	if err != nil {
		return is, err
	}
	before, after := webhookFields(was), webhookFields(is)
	for name, value := range after {
		if reflect.DeepEqual(before[name], value) {
			delete(before, name)
			delete(after, name)
		}
	}
	if len(before) == 0 && len(after) == 0 {
		return is, nil
	}
	return is, t.auditWebhook(ctx, by, transfer.AuditWebhookUpdate, is, before, after)
}

var deleteWebhookWork = newStatement(statement{
	name:  "delete_webhook_work",
	does:  "Deletes the work of a webhook endpoint.",
	given: "@id of the endpoint.",
	locks: "The caller holds the work and the endpoint.",
	text: `
DELETE FROM work w
USING webhook_endpoints e
WHERE e.id = @id AND w.kind = 'deliver_webhooks' AND w.items[1] = e.lane`,
})

var deleteWebhook = newStatement(statement{
	name:  "delete_webhook",
	does:  "Deletes a webhook endpoint with its deliveries.",
	given: "@id.",
	locks: "The caller holds the endpoint. Takes the deliveries.",
	text:  `DELETE FROM webhook_endpoints WHERE id = @id`,
})

// DeleteWebhook deletes an endpoint with the log of its deliveries. It returns
// ErrNotFound if may returns false for the endpoint, and the error of condition.
func (t *Tx) DeleteWebhook(ctx context.Context, by Actor, id uuid.UUID, may func(WebhookEndpoint) bool, condition func(WebhookEndpoint) error) error {
	was, err := t.lockWebhook(ctx, id, may)
	if err != nil {
		return err
	}
	if err := condition(was); err != nil {
		return err
	}
	if _, err := t.exec(ctx, deleteWebhookWork, args{"id": id}); err != nil {
		return fmt.Errorf("deleting the work of webhook endpoint %s: %w", id, err)
	}
	if _, err := t.exec(ctx, deleteWebhook, args{"id": id}); err != nil {
		return fmt.Errorf("deleting webhook endpoint %s: %w", id, err)
	}
	return t.auditWebhook(ctx, by, transfer.AuditWebhookDelete, was, webhookFields(was), nil)
}

var rotateWebhook = newStatement(statement{
	name:  "rotate_webhook",
	does:  "Gives a webhook endpoint a new secret. The one before stays valid for some time.",
	given: "@id, the @secret, and for how many @seconds the old one stays valid (0: not at all).",
	locks: "The caller holds the endpoint.",
	text: `
UPDATE webhook_endpoints
SET secret = @secret,
	secret_set_at = clock_timestamp(),
	old_secret = CASE WHEN @seconds::float8 > 0 THEN secret END,
	old_secret_until = CASE WHEN @seconds::float8 > 0 THEN clock_timestamp() + make_interval(secs => @seconds) END
WHERE id = @id`,
})

// RotateWebhook gives an endpoint a new secret and returns it. The old one stays
// valid for some time, in which messages are signed with both. It returns
// ErrNotFound if may returns false for the endpoint.
func (t *Tx) RotateWebhook(ctx context.Context, by Actor, id uuid.UUID, overlap time.Duration, may func(WebhookEndpoint) bool) (WebhookEndpoint, []byte, error) {
	was, err := t.lockWebhook(ctx, id, may)
	if err != nil {
		return was, nil, err
	}
	secret, err := newWebhookSecret()
	if err != nil {
		return was, nil, err
	}
	if _, err := t.exec(ctx, rotateWebhook, args{"id": id, "secret": secret, "seconds": overlap.Seconds()}); err != nil {
		return was, nil, fmt.Errorf("rotating the secret of webhook endpoint %s: %w", id, err)
	}
	is, err := webhookBy(ctx, t, id)
	if err != nil {
		return is, nil, err
	}
	after := map[string]any{"secret_set_at": is.SecretSetAt.UTC()}
	if is.OldSecretUntil != nil {
		after["previous_secret_until"] = is.OldSecretUntil.UTC()
	}
	return is, secret, t.auditWebhook(ctx, by, transfer.AuditWebhookRotate, is, map[string]any{"secret_set_at": was.SecretSetAt.UTC()}, after)
}

var enableWebhook = newStatement(statement{
	name:  "enable_webhook",
	does:  "Enables a webhook endpoint, as if it had never failed. It gets messages about the changes that come from now on.",
	given: "@id.",
	locks: "The caller holds the endpoint.",
	text: `
UPDATE webhook_endpoints
SET disabled_at = NULL,
	disabled_reason = NULL,
	failing_since = NULL,
	failures = 0,
	paused_until = NULL,
	slow = true,
	changes_seq = coalesce((SELECT max(seq) FROM changes), 0)
WHERE id = @id`,
})

// EnableWebhook enables an endpoint. It returns ErrNotFound if may returns false
// for the endpoint. One that is enabled stays so.
func (t *Tx) EnableWebhook(ctx context.Context, by Actor, id uuid.UUID, may func(WebhookEndpoint) bool) (WebhookEndpoint, error) {
	was, err := t.lockWebhook(ctx, id, may)
	if err != nil || was.DisabledAt == nil {
		return was, err
	}
	if _, err := t.exec(ctx, enableWebhook, args{"id": id}); err != nil {
		return was, fmt.Errorf("enabling webhook endpoint %s: %w", id, err)
	}
	is, err := webhookBy(ctx, t, id)
	if err != nil {
		return is, err
	}
	return is, t.auditWebhook(ctx, by, transfer.AuditWebhookEnable, is,
		map[string]any{"state": "disabled", "reason": string(*was.DisabledReason)}, map[string]any{"state": "enabled"})
}

// webhookFields returns the fields of an endpoint for the audit trail.
func webhookFields(e WebhookEndpoint) map[string]any {
	fields := map[string]any{"url": e.URL, "types": []string(e.Types)}
	if e.Description != "" {
		fields["description"] = e.Description
	}
	return fields
}

// auditWebhook records an act. Fields that are nil or empty are left out.
func (t *Tx) auditWebhook(ctx context.Context, by Actor, action transfer.AuditAction, e WebhookEndpoint, before, after map[string]any) error {
	entry := AuditEntry{By: by, Action: action, Object: "webhook_endpoint", ObjectID: e.ID.String()}
	if e.AccountID != nil {
		entry.Account = *e.AccountID
	}
	if len(before) > 0 {
		entry.Before = before
	}
	if len(after) > 0 {
		entry.After = after
	}
	return t.Audit(ctx, entry)
}
