package console

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"simtransfer/client"
	"simtransfer/transfer"
)

// webhooksView is the list of webhook endpoints, with the form of a new one.
type webhooksView struct {
	base
	webhookTypes

	Endpoints []client.WebhookEndpoint
	Next      string
	Account   string                  // filter of staff: an operator id or an external id
	Staff     bool                    // only endpoints of staff
	Made      *client.WebhookEndpoint // with its secret, which is shown once
}

// webhooks lists the webhook endpoints of the account or, to staff, of everyone.
func (v *visit) webhooks() error { return v.showWebhooks(nil) }

func (v *visit) showWebhooks(made *client.WebhookEndpoint) error {
	q := v.r.URL.Query()
	view := webhooksView{base: base{v}, Made: made}
	if v.me.has("support") {
		view.Account, view.Staff = strings.TrimSpace(q.Get("account")), q.Get("staff") != ""
	}
	page, err := v.api.ListWebhookEndpoints(v.ctx(), client.WebhookFilter{Account: transfer.AccountRef(view.Account), Staff: view.Staff}, client.Paging{Limit: 50, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	view.Endpoints, view.Next = page.Items, page.NextCursor
	return v.show("webhooks", "Webhooks", view)
}

// createWebhook creates an endpoint and shows its secret once.
func (v *visit) createWebhook() error {
	f := v.posted("webhook")
	types, err := f.messageTypes()
	if bad := (*badField)(nil); errors.As(err, &bad) {
		return v.wrong(f, v.webhooks, bad.name, bad.message)
	}
	made, err := v.api.CreateWebhookEndpoint(v.ctx(), client.NewWebhookEndpoint{
		URL: f.Value("url"), Description: f.Value("description"), Types: types, Account: transfer.AccountRef(f.Value("account")),
	}, f.Option())
	if err != nil {
		return v.refused(f, err, v.webhooks)
	}
	return v.showWebhooks(&made)
}

// messageTypes returns the types of messages that a form has chosen; none means all.
func (f form) messageTypes() ([]transfer.MessageType, error) {
	types := []transfer.MessageType{}
	if f.Value("which") != "listed" {
		return types, nil
	}
	for _, name := range f.Values("types") {
		types = append(types, transfer.MessageType(name))
	}
	if len(types) == 0 {
		return nil, &badField{"types", "tick at least one type, or choose all types"}
	}
	return types, nil
}

// webhookTypes is embedded in the views with a form of an endpoint.
type webhookTypes struct{}

// NoTypes returns the types that a new endpoint asks for: none, which means all.
func (webhookTypes) NoTypes() []transfer.MessageType { return nil }

// messageChoice is a type of message that an endpoint can choose.
type messageChoice struct {
	Type    transfer.MessageType
	Meaning string
	Chosen  bool
}

// TypeChoices returns the types of messages that an endpoint can choose, with those
// ticked that a form or, if it is new, the endpoint has.
func (webhookTypes) TypeChoices(f form, has []transfer.MessageType, staff bool) []messageChoice {
	var list []messageChoice
	for _, t := range transfer.ChosenMessageTypes(staff) {
		chosen := slices.Contains(has, t)
		if f.Sent() {
			chosen = f.Has("types", string(t))
		}
		list = append(list, messageChoice{t, t.Meaning(), chosen})
	}
	return list
}

// Some reports whether a form or, if it is new, an endpoint asks for some types only.
func (webhookTypes) Some(f form, has []transfer.MessageType) bool {
	if f.Sent() {
		return f.Value("which") == "listed"
	}
	return len(has) > 0
}

// webhookView is the page of a webhook endpoint, with the log of its deliveries.
type webhookView struct {
	base
	webhookTypes

	Endpoint   client.WebhookEndpoint
	ETag       string
	Deliveries client.Page[client.WebhookDelivery]
	Rotated    bool // Endpoint has a new secret, which is shown once
}

// webhookID returns the id of the endpoint in the address.
func (v *visit) webhookID() (uuid.UUID, error) {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return id, notFoundProblem()
	}
	return id, nil
}

// webhook shows an endpoint.
func (v *visit) webhook() error {
	view, err := v.readWebhook()
	if err != nil {
		return err
	}
	return v.show("webhook", "Webhook endpoint", view)
}

// webhookLive returns the log of deliveries, to htmx.
func (v *visit) webhookLive() error {
	view, err := v.readWebhook()
	if err != nil {
		return err
	}
	return v.fragment("webhook", view)
}

func (v *visit) readWebhook() (webhookView, error) {
	view := webhookView{base: base{v}}
	id, err := v.webhookID()
	if err != nil {
		return view, err
	}
	filter := client.DeliveryFilter{Message: view.Query("message")}
	if state := view.Query("state"); state != "" {
		filter.States = []transfer.DeliveryState{transfer.DeliveryState(state)}
	}
	g, ctx := errgroup.WithContext(v.ctx())
	g.Go(func() (err error) {
		view.Endpoint, err = v.api.GetWebhookEndpoint(ctx, id, client.ETag(&view.ETag))
		return err
	})
	g.Go(func() (err error) {
		view.Deliveries, err = v.api.ListWebhookDeliveries(ctx, id, filter, client.Paging{Limit: 30, Cursor: view.Query("cursor")})
		return err
	})
	return view, g.Wait()
}

// Name returns the address of an endpoint without its scheme, as the title of its page.
func (w webhookView) Name() string {
	_, name, _ := strings.Cut(w.Endpoint.URL, "://")
	return truncate(80, name)
}

// Disabled reports whether nothing is sent to the endpoint.
func (w webhookView) Disabled() bool { return w.Endpoint.DisabledAt != nil }

// Live reports whether a delivery may change soon, so that the page looks again.
func (w webhookView) Live() bool {
	return slices.ContainsFunc(w.Deliveries.Items, func(d client.WebhookDelivery) bool {
		return d.State == transfer.DeliveryPending && (d.NextAttemptAt == nil || time.Until(*d.NextAttemptAt) < time.Minute)
	})
}

// Waiting returns the instant before which nothing is sent to the endpoint; nil: there
// is none.
func (w webhookView) Waiting() *time.Time {
	if until := w.Endpoint.PausedUntil; until != nil && time.Until(*until) > 0 {
		return until
	}
	return nil
}

// Tabs returns the states by which deliveries are filtered.
func (webhookView) Tabs() []choice {
	return []choice{{"", "All"}, {string(transfer.DeliveryPending), "Pending"}, {string(transfer.DeliveryDelivered), "Delivered"}, {string(transfer.DeliveryFailed), "Failed"}}
}

// Of returns the address of the endpoint's page with a state of deliveries.
func (w webhookView) Of(state string) string {
	path := "/webhooks/" + w.Endpoint.ID.String()
	if state != "" {
		path += "?" + url.Values{"state": {state}}.Encode()
	}
	return path + "#deliveries"
}

// Older returns the address of the page with older deliveries.
func (w webhookView) Older() string {
	q := url.Values{"cursor": {w.Deliveries.NextCursor}}
	for _, name := range []string{"state", "message"} {
		if value := w.Query(name); value != "" {
			q.Set(name, value)
		}
	}
	return "/webhooks/" + w.Endpoint.ID.String() + "?" + q.Encode() + "#deliveries"
}

// LivePath returns the address of the log of deliveries.
func (w webhookView) LivePath() string {
	path := "/webhooks/" + w.Endpoint.ID.String() + "/live"
	if q := w.visit.r.URL.RawQuery; q != "" {
		path += "?" + q
	}
	return path
}

// Overlaps returns how long the secret before a rotation can stay valid.
func (webhookView) Overlaps() []choice {
	return []choice{{"86400", "for a day"}, {"3600", "for an hour"}, {"604800", "for a week"}, {"0", "not at all: it has leaked"}}
}

// Replays returns what can be sent again.
func (webhookView) Replays() []choice {
	return []choice{{"failed", "What failed"}, {"delivered,failed", "Everything, also what was delivered"}}
}

// actOnWebhook does something with an endpoint, and shows its page with what was done.
func (v *visit) actOnWebhook(name string, act func(uuid.UUID, form) (done string, err error)) error {
	id, err := v.webhookID()
	if err != nil {
		return err
	}
	f := v.posted(name)
	done, err := act(id, f)
	if bad := (*badField)(nil); errors.As(err, &bad) {
		return v.wrong(f, v.webhook, bad.name, bad.message)
	}
	if err != nil {
		return v.refused(f, err, v.webhook)
	}
	return v.redirect("/webhooks/"+id.String(), done)
}

// updateWebhook changes the address, the description and the types of an endpoint.
func (v *visit) updateWebhook() error {
	return v.actOnWebhook("change", func(id uuid.UUID, f form) (string, error) {
		types, err := f.messageTypes()
		if err != nil {
			return "", err
		}
		description := client.RemovableText(f.Value("description"))
		_, err = v.api.UpdateWebhookEndpoint(v.ctx(), id, client.WebhookChange{URL: f.Value("url"), Description: &description, Types: &types}, client.IfMatch(f.Value("etag")))
		return "The endpoint is saved. Send a test to see whether it works.", err
	})
}

// disableWebhook stops sending messages to an endpoint.
func (v *visit) disableWebhook() error {
	return v.actOnWebhook("disable", func(id uuid.UUID, _ form) (string, error) {
		_, err := v.api.UpdateWebhookEndpoint(v.ctx(), id, client.WebhookChange{State: "disabled"})
		return "The endpoint is disabled: nothing is sent to it.", err
	})
}

// enableWebhook sends messages to an endpoint again.
func (v *visit) enableWebhook() error {
	return v.actOnWebhook("enable", func(id uuid.UUID, f form) (string, error) {
		_, err := v.api.EnableWebhookEndpoint(v.ctx(), id, f.Option())
		return "The endpoint is enabled. Messages from now on are sent to it.", err
	})
}

// testWebhook sends a test to an endpoint.
func (v *visit) testWebhook() error {
	return v.actOnWebhook("test", func(id uuid.UUID, f form) (string, error) {
		_, err := v.api.TestWebhookEndpoint(v.ctx(), id, f.Option())
		return "A test is on its way. Its result appears under Deliveries.", err
	})
}

// rotateWebhook gives an endpoint a new secret and shows it once.
func (v *visit) rotateWebhook() error {
	id, err := v.webhookID()
	if err != nil {
		return err
	}
	f := v.posted("rotate")
	overlap, err := strconv.ParseInt(f.Value("overlap_seconds"), 10, 64)
	if err != nil {
		return v.wrong(f, v.webhook, "overlap_seconds", "choose how long the old secret stays valid")
	}
	made, err := v.api.RotateWebhookSecret(v.ctx(), id, client.WebhookRotation{OverlapSeconds: &overlap}, f.Option())
	if err != nil {
		return v.refused(f, err, v.webhook)
	}
	view, err := v.readWebhook()
	if err != nil {
		return err
	}
	view.Endpoint.Secret, view.Rotated = made.Secret, true
	return v.show("webhook", "Webhook endpoint", view)
}

// replayWebhook sends messages to an endpoint again.
func (v *visit) replayWebhook() error {
	return v.actOnWebhook("replay", func(id uuid.UUID, f form) (string, error) {
		var r client.WebhookReplay
		for state := range strings.SplitSeq(cmp.Or(f.Value("state"), string(transfer.DeliveryFailed)), ",") {
			r.State = append(r.State, transfer.DeliveryState(state))
		}
		for name, at := range map[string]**time.Time{"since": &r.Since, "until": &r.Until} {
			var err error
			if *at, err = parseTime(f.Value(name)); err != nil {
				return "", &badField{name, err.Error()}
			}
		}
		got, err := v.api.ReplayWebhookDeliveries(v.ctx(), id, r, f.Option())
		if err != nil {
			return "", err
		}
		done := plural(got.Replayed, "message") + " will be sent again."
		if got.More {
			done += " There may be more: send again to continue."
		}
		return done, nil
	})
}

// deleteWebhook deletes an endpoint.
func (v *visit) deleteWebhook() error {
	id, err := v.webhookID()
	if err != nil {
		return err
	}
	f := v.posted("delete")
	if err := v.api.DeleteWebhookEndpoint(v.ctx(), id); err != nil {
		return v.refused(f, err, v.webhook)
	}
	return v.redirect("/webhooks", "The endpoint is deleted, with the log of its deliveries.")
}

// deliveryView is the page of a delivery: what was sent, and what the receiver answered.
type deliveryView struct {
	base

	Endpoint client.WebhookEndpoint
	Delivery client.WebhookDelivery
}

// deliveryID returns the ids of the endpoint and the delivery in the address.
func (v *visit) deliveryID() (uuid.UUID, int64, error) {
	endpoint, err := v.webhookID()
	if err != nil {
		return endpoint, 0, err
	}
	id, err := strconv.ParseInt(v.r.PathValue("delivery"), 10, 64)
	if err != nil {
		return endpoint, 0, notFoundProblem()
	}
	return endpoint, id, nil
}

// delivery shows the delivery of a message.
func (v *visit) delivery() error {
	endpoint, id, err := v.deliveryID()
	if err != nil {
		return err
	}
	view := deliveryView{base: base{v}}
	g, ctx := errgroup.WithContext(v.ctx())
	g.Go(func() (err error) {
		view.Endpoint, err = v.api.GetWebhookEndpoint(ctx, endpoint)
		return err
	})
	g.Go(func() (err error) {
		view.Delivery, err = v.api.GetWebhookDelivery(ctx, endpoint, id)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return v.show("delivery", "Delivery", view)
}

// replayDelivery sends one message again.
func (v *visit) replayDelivery() error {
	endpoint, id, err := v.deliveryID()
	if err != nil {
		return err
	}
	f := v.posted("replay")
	got, err := v.api.ReplayWebhookDelivery(v.ctx(), endpoint, id, f.Option())
	if err != nil {
		return v.refused(f, err, v.delivery)
	}
	done := "The message will be sent again."
	if got.Replayed == 0 {
		done = "The message is on its way already."
	}
	return v.redirect(fmt.Sprintf("/webhooks/%s/deliveries/%d", endpoint, id), done)
}

// Pending reports whether the message will be sent, or sent again.
func (d deliveryView) Pending() bool { return d.Delivery.State == transfer.DeliveryPending }

// HeaderLines writes HTTP headers one per line, in their order by name.
func (deliveryView) HeaderLines(headers map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b.WriteString(name + ": " + headers[name] + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
