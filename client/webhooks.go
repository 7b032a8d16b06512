package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"simtransfer/transfer"
)

// WebhookEndpoint is an address to which the service sends messages. Its secret is
// never read.
type WebhookEndpoint struct {
	ID             uuid.UUID               `json:"id"`
	Account        transfer.OperatorID     `json:"account,omitempty"` // empty: of staff
	URL            string                  `json:"url"`
	Description    string                  `json:"description,omitempty"`
	Types          []transfer.MessageType  `json:"types"` // empty: all
	State          string                  `json:"state"` // enabled or disabled
	DisabledAt     *time.Time              `json:"disabled_at,omitempty"`
	DisabledReason transfer.DisabledReason `json:"disabled_reason,omitempty"`
	Remedy         string                  `json:"remedy,omitempty"`
	SecretSetAt    time.Time               `json:"secret_set_at"`
	OldSecretUntil *time.Time              `json:"previous_secret_until,omitempty"`
	CreatedAt      time.Time               `json:"created_at"`
	LastSuccessAt  *time.Time              `json:"last_success_at,omitempty"`
	FailingSince   *time.Time              `json:"failing_since,omitempty"`
	LastFailureAt  *time.Time              `json:"last_failure_at,omitempty"`
	LastFailure    string                  `json:"last_failure,omitempty"`
	PausedUntil    *time.Time              `json:"paused_until,omitempty"`
	Pending        int                     `json:"pending"` // deliveries, up to 1,000

	// The secret, which only the answers of CreateWebhookEndpoint and
	// RotateWebhookSecret have.
	Secret string `json:"secret,omitempty"`
}

// NewWebhookEndpoint is what CreateWebhookEndpoint needs.
type NewWebhookEndpoint struct {
	URL         string                 `json:"url"`
	Description string                 `json:"description,omitempty"`
	Types       []transfer.MessageType `json:"types,omitempty"`   // none: all
	Account     transfer.AccountRef    `json:"account,omitempty"` // for administrators; empty: of staff
}

// WebhookChange is what UpdateWebhookEndpoint changes; nil fields and empty texts
// stay as they are.
type WebhookChange struct {
	URL         string                  `json:"url,omitempty"`
	Description *RemovableText          `json:"description,omitempty"`
	Types       *[]transfer.MessageType `json:"types,omitempty"` // empty: all
	State       string                  `json:"state,omitempty"` // disabled
}

// WebhookRotation is the body of RotateWebhookSecret.
type WebhookRotation struct {
	OverlapSeconds *int64 `json:"overlap_seconds,omitempty"` // how long the old secret stays valid; nil: one day
}

// WebhookDelivery is the delivery of a message to a webhook endpoint.
type WebhookDelivery struct {
	ID              int64                  `json:"id"`
	Message         string                 `json:"message"` // the header webhook-id
	Type            transfer.MessageType   `json:"type"`
	Timestamp       time.Time              `json:"timestamp"`
	State           transfer.DeliveryState `json:"state"`
	Attempts        int                    `json:"attempts"`
	CreatedAt       time.Time              `json:"created_at"`
	ReplayedAt      *time.Time             `json:"replayed_at,omitempty"`
	NextAttemptAt   *time.Time             `json:"next_attempt_at,omitempty"`
	AttemptedAt     *time.Time             `json:"attempted_at,omitempty"` // the fields below are of this attempt
	TookMS          *int                   `json:"took_ms,omitempty"`
	Status          *int                   `json:"status,omitempty"` // nil: there was no answer
	Error           string                 `json:"error,omitempty"`
	RequestHeaders  map[string]string      `json:"request_headers,omitempty"`
	ResponseHeaders map[string]string      `json:"response_headers,omitempty"`
	Response        string                 `json:"response,omitempty"`
	Body            string                 `json:"body,omitempty"` // empty in lists
}

// DeliveryFilter selects deliveries. A zero field selects all.
type DeliveryFilter struct {
	States  []transfer.DeliveryState
	Types   []transfer.MessageType
	Message string // the header webhook-id
}

// WebhookReplay is the body of ReplayWebhookDeliveries.
type WebhookReplay struct {
	State []transfer.DeliveryState `json:"state,omitempty"` // none: failed
	Since *time.Time               `json:"since,omitempty"`
	Until *time.Time               `json:"until,omitempty"`
}

// WebhookReplayed is the answer to a replay.
type WebhookReplayed struct {
	Replayed int  `json:"replayed"`
	More     bool `json:"more"` // whether there may be more: a call replays up to 10,000
}

// WebhookFilter selects webhook endpoints. A zero field selects all.
type WebhookFilter struct {
	Account transfer.AccountRef // for staff
	Staff   bool                // only those of staff
}

func webhookPath(id uuid.UUID, more ...string) string {
	return path(append([]string{"webhook-endpoints", id.String()}, more...)...)
}

// CreateWebhookEndpoint creates an endpoint, for owners of an account and for
// administrators.
func (c *Client) CreateWebhookEndpoint(ctx context.Context, n NewWebhookEndpoint, options ...Option) (WebhookEndpoint, error) {
	return post[WebhookEndpoint](ctx, c, path("webhook-endpoints"), n, options)
}

// ListWebhookEndpoints returns a page of endpoints, the latest first.
func (c *Client) ListWebhookEndpoints(ctx context.Context, f WebhookFilter, p Paging, options ...Option) (Page[WebhookEndpoint], error) {
	q := p.query()
	q.set("account", string(f.Account))
	if f.Staff {
		q.set("staff", "true")
	}
	return get[Page[WebhookEndpoint]](ctx, c, q.of(path("webhook-endpoints")), options)
}

// GetWebhookEndpoint returns an endpoint.
func (c *Client) GetWebhookEndpoint(ctx context.Context, id uuid.UUID, options ...Option) (WebhookEndpoint, error) {
	return get[WebhookEndpoint](ctx, c, webhookPath(id), options)
}

// UpdateWebhookEndpoint changes or disables an endpoint.
func (c *Client) UpdateWebhookEndpoint(ctx context.Context, id uuid.UUID, change WebhookChange, options ...Option) (WebhookEndpoint, error) {
	var e WebhookEndpoint
	err := c.callJSON(ctx, http.MethodPatch, webhookPath(id), change, &e, options...)
	return e, err
}

// DeleteWebhookEndpoint deletes an endpoint with the log of its deliveries.
func (c *Client) DeleteWebhookEndpoint(ctx context.Context, id uuid.UUID, options ...Option) error {
	return c.callJSON(ctx, http.MethodDelete, webhookPath(id), nil, nil, options...)
}

// RotateWebhookSecret gives an endpoint a new secret.
func (c *Client) RotateWebhookSecret(ctx context.Context, id uuid.UUID, r WebhookRotation, options ...Option) (WebhookEndpoint, error) {
	return post[WebhookEndpoint](ctx, c, webhookPath(id, "rotate"), r, options)
}

// EnableWebhookEndpoint enables an endpoint that was disabled.
func (c *Client) EnableWebhookEndpoint(ctx context.Context, id uuid.UUID, options ...Option) (WebhookEndpoint, error) {
	return post[WebhookEndpoint](ctx, c, webhookPath(id, "enable"), nil, options)
}

// TestWebhookEndpoint sends a test to an endpoint and returns its delivery.
func (c *Client) TestWebhookEndpoint(ctx context.Context, id uuid.UUID, options ...Option) (WebhookDelivery, error) {
	return post[WebhookDelivery](ctx, c, webhookPath(id, "test"), nil, options)
}

// ListWebhookDeliveries returns a page of deliveries to an endpoint, the latest
// first.
func (c *Client) ListWebhookDeliveries(ctx context.Context, id uuid.UUID, f DeliveryFilter, p Paging, options ...Option) (Page[WebhookDelivery], error) {
	q := p.query()
	q.set("state", commaSeparated(f.States))
	q.set("type", commaSeparated(f.Types))
	q.set("message", f.Message)
	return get[Page[WebhookDelivery]](ctx, c, q.of(webhookPath(id, "deliveries")), options)
}

// GetWebhookDelivery returns a delivery, with what is sent.
func (c *Client) GetWebhookDelivery(ctx context.Context, id uuid.UUID, delivery int64, options ...Option) (WebhookDelivery, error) {
	return get[WebhookDelivery](ctx, c, webhookPath(id, "deliveries", strconv.FormatInt(delivery, 10)), options)
}

// ReplayWebhookDelivery sends a message to an endpoint again.
func (c *Client) ReplayWebhookDelivery(ctx context.Context, id uuid.UUID, delivery int64, options ...Option) (WebhookReplayed, error) {
	return post[WebhookReplayed](ctx, c, webhookPath(id, "deliveries", strconv.FormatInt(delivery, 10), "replay"), nil, options)
}

// ReplayWebhookDeliveries sends messages to an endpoint again: those that failed,
// unless the body says otherwise.
func (c *Client) ReplayWebhookDeliveries(ctx context.Context, id uuid.UUID, r WebhookReplay, options ...Option) (WebhookReplayed, error) {
	return post[WebhookReplayed](ctx, c, webhookPath(id, "replay"), r, options)
}
