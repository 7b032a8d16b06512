package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"simtransfer/api/problem"
	"simtransfer/storage"
	"simtransfer/transfer"
)

// WebhookEndpoint is an address to which messages are sent, as the API shows it.
type WebhookEndpoint struct {
	ID             uuid.UUID                `json:"id" format:"uuid"`
	Account        *transfer.OperatorID     `json:"account,omitempty" doc:"The operator id of the account whose requests it hears of. Left out for an endpoint of staff, which hears of all accounts."`
	URL            string                   `json:"url" format:"uri"`
	Description    string                   `json:"description,omitempty"`
	Types          []transfer.MessageType   `json:"types" nullable:"false" doc:"The types of messages that it gets. Empty: all."`
	State          string                   `json:"state" enum:"enabled,disabled" doc:"What happens while an endpoint is disabled is not sent to it later; the event feed has it."`
	DisabledAt     *time.Time               `json:"disabled_at,omitempty"`
	DisabledReason *transfer.DisabledReason `json:"disabled_reason,omitempty" doc:"by_owner: a call disabled it. gone: the receiver answered 410. failing: every attempt of five days failed."`
	Remedy         string                   `json:"remedy,omitempty" doc:"What to do, if it is disabled or fails."`
	SecretSetAt    time.Time                `json:"secret_set_at"`
	OldSecretUntil *time.Time               `json:"previous_secret_until,omitempty" doc:"Until when messages are also signed with the secret before the last rotation."`
	CreatedAt      time.Time                `json:"created_at"`
	LastSuccessAt  *time.Time               `json:"last_success_at,omitempty" doc:"When the receiver last took a message."`
	FailingSince   *time.Time               `json:"failing_since,omitempty" doc:"The first failure since the last success. The endpoint is disabled five days later if every attempt fails until then."`
	LastFailureAt  *time.Time               `json:"last_failure_at,omitempty"`
	LastFailure    *string                  `json:"last_failure,omitempty" example:"the receiver answered 500 Internal Server Error"`
	PausedUntil    *time.Time               `json:"paused_until,omitempty" doc:"Nothing is sent before: the receiver did not answer, or asked for it."`
	Pending        int                      `json:"pending" doc:"How many deliveries are pending, counted up to 1,000."`

	Secret string `json:"secret,omitempty" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" doc:"The secret with which messages are signed. Only in the response that creates the endpoint or rotates its secret."`
}

func viewWebhook(e storage.WebhookEndpoint) WebhookEndpoint {
	v := WebhookEndpoint{
		ID: e.ID, Account: e.Account, URL: e.URL, Description: e.Description, Types: []transfer.MessageType{}, State: "enabled",
		DisabledAt: utc(e.DisabledAt), DisabledReason: e.DisabledReason, SecretSetAt: e.SecretSetAt.UTC(), OldSecretUntil: utc(e.OldSecretUntil),
		CreatedAt: e.CreatedAt.UTC(), LastSuccessAt: utc(e.LastSuccessAt), FailingSince: utc(e.FailingSince), LastFailureAt: utc(e.LastFailureAt),
		LastFailure: e.LastFailure, PausedUntil: utc(e.PausedUntil), Pending: e.Pending,
	}
	for _, t := range e.Types {
		v.Types = append(v.Types, transfer.MessageType(t))
	}
	switch {
	case e.DisabledReason != nil:
		v.State, v.Remedy = "disabled", e.DisabledReason.Remedy()
	case e.FailingSince != nil:
		v.Remedy = "Make the receiver answer with a status from 200 to 299 within 15 seconds. Messages are tried again for three days; the deliveries say what it answered."
	}
	return v
}

// webhookTag is what the ETag of an endpoint is computed from: the endpoint
// without what changes while messages are sent.
func webhookTag(e WebhookEndpoint) WebhookEndpoint {
	e.LastSuccessAt, e.FailingSince, e.LastFailureAt, e.LastFailure, e.PausedUntil, e.OldSecretUntil = nil, nil, nil, nil, nil, nil
	e.Pending, e.Remedy, e.Secret = 0, "", ""
	return e
}

// mayReachWebhook returns whether a caller reaches an endpoint: an account its
// own, staff every one.
func mayReachWebhook(ctx context.Context) func(storage.WebhookEndpoint) bool {
	c := callerOf(ctx)
	return func(e storage.WebhookEndpoint) bool {
		return isStaff(c) || e.AccountID != nil && reachOf(c).includes(*e.AccountID)
	}
}

// WebhookPath is embedded in the input of routes for one endpoint.
type WebhookPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The id of the webhook endpoint."`
}

// reachedWebhook returns an endpoint that the caller reaches, or ErrNotFound.
func (s *server) reachedWebhook(ctx context.Context, id uuid.UUID) (storage.WebhookEndpoint, error) {
	e, err := s.db.WebhookEndpoint(ctx, id)
	if err == nil && !mayReachWebhook(ctx)(e) {
		err = storage.ErrNotFound
	}
	return e, err
}

// parseWebhookTypes checks the types that an endpoint is to get.
func parseWebhookTypes(p *problem.Problem, types []transfer.MessageType, staff bool) []transfer.MessageType {
	allowed, seen := map[transfer.MessageType]bool{}, map[transfer.MessageType]bool{}
	for _, t := range transfer.ChosenMessageTypes(staff) {
		allowed[t] = true
	}
	for i, t := range types {
		at := fmt.Sprintf("body.types[%d]", i)
		switch {
		case t == transfer.MessageTest:
			p.Add(problem.FieldError{Location: at, Message: "every endpoint gets tests: leave it out", Value: string(t)})
		case !allowed[t]:
			p.Add(problem.FieldError{Location: at, Message: "only endpoints of staff get this type", Value: string(t)})
		case seen[t]:
			p.Add(problem.FieldError{Location: at, Message: "given twice", Value: string(t)})
		}
		seen[t] = true
	}
	return types
}

func (s *server) parseWebhookURL(text string) (string, error) {
	return transfer.ParseWebhookURL(text, s.WebhookAllowNetworks)
}

type createWebhookInput struct {
	Idempotent
	Body struct {
		URL         string                 `json:"url" minLength:"1" maxLength:"1000" example:"https://example.com/simtransfer" doc:"Where messages are sent to, by POST. https only; private addresses are refused, unless the service allows their network."`
		Description string                 `json:"description,omitempty" maxLength:"200"`
		Types       []transfer.MessageType `json:"types,omitempty" nullable:"false" maxItems:"50" doc:"The types of messages that it gets. Default: all. An endpoint gets batch.updated about events of the types that it has chosen."`
		Account     string                 `json:"account,omitempty" maxLength:"132" doc:"The operator id or the external id of the account whose requests it hears of. For administrators; left out: all accounts. An account's key can leave it out."`
	}
}

func (s *server) createWebhook(ctx context.Context, in *createWebhookInput) (*reply[WebhookEndpoint], error) {
	c := callerOf(ctx)
	p := problem.New(problem.Invalid, "")
	n := storage.NewWebhook{
		URL:         parsed(p, "body.url", in.Body.URL, s.parseWebhookURL),
		Description: parsed(p, "body.description", in.Body.Description, transfer.ParseLine),
		Types:       parseWebhookTypes(p, in.Body.Types, !isAccount(c) && in.Body.Account == ""),
	}
	if isAccount(c) && in.Body.Account != "" && !names(in.Body.Account, c.Account) {
		p.Add(problem.FieldError{Location: "body.account", Message: "an account can only create endpoints of its own: leave it out", Value: in.Body.Account})
	}
	if len(p.Errors) > 0 {
		return nil, p
	}
	switch {
	case isAccount(c):
		n.Account = c.Account.ID
	case in.Body.Account != "":
		a, err := s.namedAccount(ctx, "body.account", in.Body.Account)
		if err != nil {
			return nil, err
		}
		n.Account = a.ID
	}
	return onceSealed(ctx, s, func(t *storage.Tx, out *reply[WebhookEndpoint]) error {
		made, secret, err := t.CreateWebhook(ctx, actingCaller(ctx), n)
		if errors.Is(err, storage.ErrTooManyWebhooks) {
			return problem.New(problem.AccountLimit, fmt.Sprintf("there can be up to %d webhook endpoints of an account, and as many of staff: delete one that is not needed any more", transfer.MaxWebhookEndpoints))
		}
		if err != nil {
			return err
		}
		out.Status, out.Location, out.Body = 201, "/v1/webhook-endpoints/"+made.ID.String(), viewWebhook(made)
		out.ETag, err = entityTag(webhookTag(out.Body))
		out.Body.Secret = transfer.WebhookSecretText(secret)
		return err
	})
}

type listWebhooksInput struct {
	Paging
	Account string `query:"account" maxLength:"132" doc:"Only endpoints of the account with this operator id or external id. For staff."`
	Staff   bool   `query:"staff" doc:"Only endpoints of staff. For staff."`
}

func (s *server) listWebhooks(ctx context.Context, in *listWebhooksInput) (*listOf[WebhookEndpoint], error) {
	account, err := s.listedAccount(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	f := storage.WebhookFilter{Account: account, Staff: in.Staff, Limit: in.Limit + 1}
	if f.Before, err = idCursor(in.Cursor); err != nil {
		return nil, err
	}
	rows, err := s.db.WebhookEndpoints(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Limit, func(e storage.WebhookEndpoint) string { return e.ID.String() }, viewWebhook)
}

type webhookOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   WebhookEndpoint
}

func webhookResponse(e storage.WebhookEndpoint) (out *webhookOutput, err error) {
	out = &webhookOutput{Status: 200, Body: viewWebhook(e)}
	out.ETag, err = entityTag(webhookTag(out.Body))
	return out, err
}

func (s *server) getWebhook(ctx context.Context, in *WebhookPath) (*webhookOutput, error) {
	e, err := s.reachedWebhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return webhookResponse(e)
}

type updateWebhookInput struct {
	IfMatch
	WebhookPath
	Body struct {
		URL         *string                 `json:"url,omitempty" minLength:"1" maxLength:"1000"`
		Description patch[string]           `json:"description,omitempty" maxLength:"200" doc:"Null removes it."`
		Types       *[]transfer.MessageType `json:"types,omitempty" maxItems:"50" doc:"The types of messages that it gets. Empty: all."`
		State       *string                 `json:"state,omitempty" enum:"disabled" doc:"Disables the endpoint. Its pending deliveries fail, and can be replayed. The call enable enables it again."`
	}
}

func (s *server) updateWebhook(ctx context.Context, in *updateWebhookInput) (*webhookOutput, error) {
	var is storage.WebhookEndpoint
	err := s.db.InRetriedTx(ctx, func(t *storage.Tx) (err error) {
		is, err = t.UpdateWebhook(ctx, actingCaller(ctx), in.ID, mayReachWebhook(ctx), func(was storage.WebhookEndpoint) (storage.WebhookSettings, error) {
			settings := storage.WebhookSettings{URL: was.URL, Description: was.Description, Disabled: was.DisabledAt != nil || in.Body.State != nil}
			for _, name := range was.Types {
				settings.Types = append(settings.Types, transfer.MessageType(name))
			}
			if err := matches(ctx, webhookTag(viewWebhook(was))); err != nil {
				return settings, err
			}
			p := problem.New(problem.Invalid, "")
			if in.Body.URL != nil {
				settings.URL = parsed(p, "body.url", *in.Body.URL, s.parseWebhookURL)
			}
			if in.Body.Description.given {
				settings.Description = parsed(p, "body.description", in.Body.Description.value, transfer.ParseLine)
			}
			if in.Body.Types != nil {
				settings.Types = parseWebhookTypes(p, *in.Body.Types, was.AccountID == nil)
			}
			if len(p.Errors) > 0 {
				return settings, p
			}
			return settings, nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return webhookResponse(is)
}

type deleteWebhookInput struct {
	IfMatch
	WebhookPath
}

func (s *server) deleteWebhook(ctx context.Context, in *deleteWebhookInput) (*struct{}, error) {
	return nil, s.db.InRetriedTx(ctx, func(t *storage.Tx) error {
		return t.DeleteWebhook(ctx, actingCaller(ctx), in.ID, mayReachWebhook(ctx), func(was storage.WebhookEndpoint) error {
			return matches(ctx, webhookTag(viewWebhook(was)))
		})
	})
}

// defaultOverlap is how long a secret stays valid after a rotation that does not say.
const defaultOverlap = 24 * time.Hour

type rotateWebhookInput struct {
	Idempotent
	WebhookPath
	Body *struct {
		OverlapSeconds *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long messages are also signed with the old secret, up to 7 days. Default: one day."`
	}
}

func (s *server) rotateWebhook(ctx context.Context, in *rotateWebhookInput) (*reply[WebhookEndpoint], error) {
	overlap := defaultOverlap
	if in.Body != nil && in.Body.OverlapSeconds != nil {
		overlap = time.Duration(*in.Body.OverlapSeconds) * time.Second
	}
	return onceSealed(ctx, s, func(t *storage.Tx, out *reply[WebhookEndpoint]) error {
		e, secret, err := t.RotateWebhook(ctx, actingCaller(ctx), in.ID, overlap, mayReachWebhook(ctx))
		if err != nil {
			return err
		}
		out.Status, out.Body = 200, viewWebhook(e)
		out.ETag, err = entityTag(webhookTag(out.Body))
		out.Body.Secret = transfer.WebhookSecretText(secret)
		return err
	})
}

type enableWebhookInput struct {
	Idempotent
	WebhookPath
	Body *struct{}
}

func (s *server) enableWebhook(ctx context.Context, in *enableWebhookInput) (*reply[WebhookEndpoint], error) {
	return once(ctx, s, func(t *storage.Tx, out *reply[WebhookEndpoint]) error {
		e, err := t.EnableWebhook(ctx, actingCaller(ctx), in.ID, mayReachWebhook(ctx))
		if err != nil {
			return err
		}
		out.Status, out.Body = 200, viewWebhook(e)
		out.ETag, err = entityTag(webhookTag(out.Body))
		return err
	})
}

type testWebhookInput struct {
	Idempotent
	WebhookPath
	Body *struct{}
}

func (s *server) testWebhook(ctx context.Context, in *testWebhookInput) (*reply[WebhookDelivery], error) {
	return once(ctx, s, func(t *storage.Tx, out *reply[WebhookDelivery]) error {
		d, err := t.TestWebhook(ctx, actingCaller(ctx), in.ID, mayReachWebhook(ctx))
		if err != nil {
			return err
		}
		out.Status, out.Location = 202, fmt.Sprintf("/v1/webhook-endpoints/%s/deliveries/%d", in.ID, d.ID)
		out.Body, err = viewDelivery(d)
		return err
	})
}

// WebhookDelivery is the delivery of a message to an endpoint.
type WebhookDelivery struct {
	ID              int64                  `json:"id"`
	Message         string                 `json:"message" doc:"The header webhook-id, which is the same in each attempt. For a message about requests it is the cursor of the event in the event feed."`
	Type            transfer.MessageType   `json:"type"`
	Timestamp       time.Time              `json:"timestamp" doc:"When it happened."`
	State           transfer.DeliveryState `json:"state" doc:"pending: it will be tried, or tried again. delivered: the receiver answered with a status from 200 to 299. failed: the last attempt failed, or the endpoint was disabled."`
	Attempts        int                    `json:"attempts" doc:"How often it was tried, since it was made or replayed. There are up to 10 attempts in three days."`
	CreatedAt       time.Time              `json:"created_at"`
	ReplayedAt      *time.Time             `json:"replayed_at,omitempty"`
	NextAttemptAt   *time.Time             `json:"next_attempt_at,omitempty" doc:"The earliest time of the next attempt, if it is pending."`
	AttemptedAt     *time.Time             `json:"attempted_at,omitempty" doc:"When it was last tried. The fields below are of this attempt."`
	TookMS          *int                   `json:"took_ms,omitempty"`
	Status          *int                   `json:"status,omitempty" doc:"The HTTP status of the answer. Left out: there was none."`
	Error           *string                `json:"error,omitempty" doc:"Why it is not delivered."`
	RequestHeaders  map[string]string      `json:"request_headers,omitempty" nullable:"false"`
	ResponseHeaders map[string]string      `json:"response_headers,omitempty" nullable:"false" doc:"The first 4 kB of them."`
	Response        string                 `json:"response,omitempty" doc:"The first 4 kB of the answer, if it is text."`
	Body            string                 `json:"body,omitempty" doc:"What is sent. Not in lists."`
}

func viewDelivery(d storage.WebhookDelivery) (WebhookDelivery, error) {
	v := WebhookDelivery{
		ID: d.ID, Message: d.Event, Type: d.Type, Timestamp: d.At.UTC(), State: d.State, Attempts: d.Attempts, CreatedAt: d.CreatedAt.UTC(),
		ReplayedAt: utc(d.ReplayedAt), NextAttemptAt: utc(d.NextAttempt), AttemptedAt: utc(d.AttemptedAt), TookMS: d.TookMS, Status: d.Status, Error: d.Error,
	}
	for from, to := range map[*json.RawMessage]*map[string]string{d.RequestHeaders: &v.RequestHeaders, d.ResponseHeaders: &v.ResponseHeaders} {
		if from == nil {
			continue
		}
		if err := json.Unmarshal(*from, to); err != nil {
			return v, fmt.Errorf("reading the headers of delivery %d: %w", d.ID, err)
		}
	}
	if len(d.Response) > 0 {
		v.Response = responseText(d.Response)
	}
	if d.Body != nil {
		v.Body = *d.Body
	}
	return v, nil
}

// responseText returns the beginning of an answer as text. It was cut off in the
// middle of a character, perhaps.
func responseText(b []byte) string {
	for n := range min(utf8.UTFMax, len(b)) {
		if text := b[:len(b)-n]; utf8.Valid(text) {
			return string(text)
		}
	}
	return fmt.Sprintf("(%d bytes that are not text)", len(b))
}

type listDeliveriesInput struct {
	Paging
	WebhookPath
	State   []transfer.DeliveryState `query:"state" nullable:"false" doc:"Only deliveries in one of these states."`
	Type    []transfer.MessageType   `query:"type" nullable:"false" doc:"Only messages of one of these types."`
	Message string                   `query:"message" maxLength:"100" doc:"Only this message: its header webhook-id."`
}

func (s *server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*listOf[WebhookDelivery], error) {
	e, err := s.reachedWebhook(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f := storage.DeliveryFilter{States: in.State, Types: in.Type, Event: in.Message, Limit: in.Limit + 1}
	if f.Before, err = numberCursor(in.Cursor, 0, 64); err != nil {
		return nil, err
	}
	rows, err := s.db.WebhookDeliveries(ctx, e.ID, f)
	if err != nil {
		return nil, err
	}
	return tryPageOf(rows, in.Limit, func(d storage.WebhookDelivery) string { return itoa(d.ID) }, viewDelivery)
}

// DeliveryPath is embedded in the input of routes for one delivery.
type DeliveryPath struct {
	WebhookPath
	Delivery int64 `path:"delivery" minimum:"1" doc:"The id of the delivery."`
}

type deliveryOutput struct{ Body WebhookDelivery }

func (s *server) getDelivery(ctx context.Context, in *DeliveryPath) (*deliveryOutput, error) {
	if _, err := s.reachedWebhook(ctx, in.ID); err != nil {
		return nil, err
	}
	d, err := s.db.WebhookDelivery(ctx, in.ID, in.Delivery)
	if err != nil {
		return nil, err
	}
	v, err := viewDelivery(d)
	return &deliveryOutput{v}, err
}

// Replayed is the response to replaying deliveries.
type Replayed struct {
	Replayed int  `json:"replayed" doc:"How many deliveries will be sent again."`
	More     bool `json:"more" doc:"Whether there may be more: a call replays up to 10,000. Repeat it with a new Idempotency-Key."`
}

type replayDeliveryInput struct {
	Idempotent
	DeliveryPath
	Body *struct{}
}

func (s *server) replayDelivery(ctx context.Context, in *replayDeliveryInput) (*reply[Replayed], error) {
	return s.replay(ctx, in.ID, storage.Replay{ID: in.Delivery, States: transfer.DeliveryStates()})
}

type replayDeliveriesInput struct {
	Idempotent
	WebhookPath
	Body *struct {
		State []transfer.DeliveryState `json:"state,omitempty" nullable:"false" maxItems:"3" doc:"Which deliveries: failed or delivered. Default: failed. Those that are pending are sent anyway."`
		Since *time.Time               `json:"since,omitempty" doc:"Only messages that were made at this time or later. Default: all that are kept, which is 30 days."`
		Until *time.Time               `json:"until,omitempty" doc:"Only messages that were made before."`
	}
}

func (s *server) replayDeliveries(ctx context.Context, in *replayDeliveriesInput) (*reply[Replayed], error) {
	r := storage.Replay{States: []transfer.DeliveryState{transfer.DeliveryFailed}}
	if in.Body != nil {
		p := problem.New(problem.Invalid, "")
		r.Since, r.Until = instant(p, "body.since", in.Body.Since), instant(p, "body.until", in.Body.Until)
		if r.Since != nil && r.Until != nil && !r.Since.Before(*r.Until) {
			p.Add(problem.FieldError{Location: "body.until", Message: "not later than since"})
		}
		if len(p.Errors) > 0 {
			return nil, p
		}
		if len(in.Body.State) > 0 {
			r.States = in.Body.State
		}
	}
	return s.replay(ctx, in.ID, r)
}

func (s *server) replay(ctx context.Context, id uuid.UUID, r storage.Replay) (*reply[Replayed], error) {
	return once(ctx, s, func(t *storage.Tx, out *reply[Replayed]) error {
		n, err := t.ReplayDeliveries(ctx, actingCaller(ctx), id, r, mayReachWebhook(ctx))
		out.Status, out.Body = 202, Replayed{n, n == storage.MaxReplayed}
		return err
	})
}
