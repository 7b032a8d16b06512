package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"simtransfer/client"
	"simtransfer/transfer"
)

type webhooksCommand struct {
	List       webhooksListCommand       `cmd:"" help:"List webhook endpoints."`
	Create     webhooksCreateCommand     `cmd:"" help:"Create a webhook endpoint and print its secret once."`
	Show       webhooksShowCommand       `cmd:"" help:"Show a webhook endpoint: whether it works, and if not, why."`
	Update     webhooksUpdateCommand     `cmd:"" help:"Change the address, description or types of a webhook endpoint, or disable it."`
	Enable     webhooksEnableCommand     `cmd:"" help:"Enable a webhook endpoint that was disabled."`
	Rotate     webhooksRotateCommand     `cmd:"" help:"Give a webhook endpoint a new secret and print it once."`
	Test       webhooksTestCommand       `cmd:"" help:"Send a test to a webhook endpoint."`
	Deliveries webhooksDeliveriesCommand `cmd:"" help:"List the messages of a webhook endpoint, or show one with what the receiver answered."`
	Replay     webhooksReplayCommand     `cmd:"" help:"Send messages to a webhook endpoint again."`
	Delete     webhooksDeleteCommand     `cmd:"" help:"Delete a webhook endpoint."`
}

// webhookArgument is embedded in the commands for one endpoint.
type webhookArgument struct {
	ID uuid.UUID `arg:"" name:"id" help:"Id of the webhook endpoint, as in webhooks list."`
}

func printWebhook(l *connection, e client.WebhookEndpoint) error {
	t := newTable(l.Out)
	t.add("Webhook endpoint", e.ID.String())
	t.add("Account", webhookAccountText(e))
	t.add("URL", e.URL)
	for _, row := range [][2]string{
		{"Description", e.Description},
		{"Types", webhookTypesText(e.Types)},
		{"State", webhookStateText(e)},
		{"Disabled", timeText(valueOrZero(e.DisabledAt))},
		{"Failing since", timeText(valueOrZero(e.FailingSince))},
		{"Last failure", strings.TrimSpace(timeText(valueOrZero(e.LastFailureAt)) + " " + e.LastFailure)},
		{"Last success", timeText(valueOrZero(e.LastSuccessAt))},
		{"Paused until", timeText(valueOrZero(e.PausedUntil))},
		{"Pending", strconv.Itoa(e.Pending)},
		{"Secret set", timeText(e.SecretSetAt)},
		{"Previous secret until", timeText(valueOrZero(e.OldSecretUntil))},
		{"What to do", e.Remedy},
	} {
		if row[1] != "" {
			t.add(row[0], row[1])
		}
	}
	return t.flush()
}

func webhookAccountText(e client.WebhookEndpoint) string {
	if e.Account == "" {
		return "all (staff)"
	}
	return string(e.Account)
}

func webhookTypesText(types []transfer.MessageType) string {
	if len(types) == 0 {
		return "all"
	}
	return commaSeparated(types)
}

func webhookStateText(e client.WebhookEndpoint) string {
	switch {
	case e.DisabledReason != "":
		return e.State + ": " + string(e.DisabledReason)
	case e.FailingSince != nil:
		return e.State + ", failing"
	}
	return e.State
}

// printSecret writes the secret of an endpoint to standard output, and what it is
// to standard error.
func printSecret(l *connection, e client.WebhookEndpoint) error {
	return l.show(func() error {
		l.note("Webhook endpoint %s sends to %s. Its secret cannot be shown again:", e.ID, e.URL)
		_, err := fmt.Fprintln(l.Out, e.Secret)
		return err
	})
}

type webhooksListCommand struct {
	Account accountRef `placeholder:"OP…" help:"Only endpoints of this account (staff)."`
	Staff   bool       `help:"Only endpoints of staff (staff)."`
	paging
	remote
}

// Help returns the detailed help.
func (webhooksListCommand) Help() string {
	return `Example:

    simtransfer webhooks list`
}

// Run runs the command.
func (c *webhooksListCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	filter := client.WebhookFilter{Account: c.Account.ref(), Staff: c.Staff}
	list := func(p client.Paging) (client.Page[client.WebhookEndpoint], error) {
		return l.client.ListWebhookEndpoints(ctx, filter, p, l.options()...)
	}
	head := []string{"ID", "ACCOUNT", "STATE", "PENDING", "TYPES", "URL"}
	return printList(l, c.paging, maxPage, list, head, func(e client.WebhookEndpoint) []string {
		return []string{e.ID.String(), webhookAccountText(e), webhookStateText(e), strconv.Itoa(e.Pending), webhookTypesText(e.Types), e.URL}
	})
}

type webhooksCreateCommand struct {
	URL         string     `arg:"" name:"url" help:"Where messages are sent to, such as https://example.com/simtransfer."`
	Types       []string   `enum:"${message_types}" placeholder:"TYPE" help:"Only messages of these types: ${message_types}. Separate several with commas. Default: all."`
	Description string     `help:"A description for people."`
	Account     accountRef `placeholder:"OP…" help:"The account whose requests it hears of (administrators). Default: your own; for administrators, all accounts."`
	post
}

// Help returns the detailed help.
func (webhooksCreateCommand) Help() string {
	return `Standard output has only the secret, with which receivers verify the signature of messages (Standard Webhooks). It is not shown again.

Examples:

    simtransfer webhooks create https://example.com/simtransfer
    simtransfer webhooks create https://example.com/simtransfer --types=transfer_request.awaiting_acceptance,transfer_request.completed > secret.txt`
}

// Run runs the command.
func (c *webhooksCreateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	e, err := l.client.CreateWebhookEndpoint(ctx, client.NewWebhookEndpoint{
		URL: c.URL, Description: c.Description, Types: typed[transfer.MessageType](c.Types), Account: c.Account.ref(),
	}, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return printSecret(l, e)
}

type webhooksShowCommand struct {
	webhookArgument
	showsETag
	remote
}

// Help returns the detailed help.
func (webhooksShowCommand) Help() string {
	return `The secret is never shown.

Example:

    simtransfer webhooks show 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *webhooksShowCommand) Run(ctx context.Context, s *Session) error {
	return showEach(s, c.remote, c.showsETag, []uuid.UUID{c.ID}, func(l *connection, id uuid.UUID, options ...client.Option) (client.WebhookEndpoint, error) {
		return l.client.GetWebhookEndpoint(ctx, id, options...)
	}, printWebhook)
}

type webhooksUpdateCommand struct {
	webhookArgument
	SendTo      string   `placeholder:"URL" help:"Where messages are sent to."`
	Types       []string `enum:"${message_types},all" placeholder:"TYPE" help:"Only messages of these types, or all. Separate several with commas."`
	Description *string  `help:"A description for people. An empty value removes it."`
	Disable     bool     `help:"Disable the endpoint. Its pending messages fail, and can be replayed."`
	condition
	remote
}

// Validate implements kong's validation.
func (c *webhooksUpdateCommand) Validate() error {
	switch {
	case c.SendTo == "" && len(c.Types) == 0 && c.Description == nil && !c.Disable:
		return usageError("nothing to change: set --send-to, --types, --description or --disable")
	case len(c.Types) > 1 && slices.Contains(c.Types, "all"):
		return usageError("--types: all excludes the others")
	}
	return nil
}

// Help returns the detailed help.
func (webhooksUpdateCommand) Help() string {
	return `Settings that are not given stay as they are.

Examples:

    simtransfer webhooks update 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --send-to=https://example.com/new
    simtransfer webhooks update 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --types=all
    simtransfer webhooks update 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --disable`
}

// Run runs the command.
func (c *webhooksUpdateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	change := client.WebhookChange{URL: c.SendTo, Description: (*client.RemovableText)(c.Description)}
	if len(c.Types) > 0 {
		types := slices.DeleteFunc(typed[transfer.MessageType](c.Types), func(t transfer.MessageType) bool { return t == "all" })
		change.Types = &types
	}
	if c.Disable {
		change.State = "disabled"
	}
	e, err := l.client.UpdateWebhookEndpoint(ctx, c.ID, change, l.options(c.ifMatch())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printWebhook(l, e) })
}

type webhooksEnableCommand struct {
	webhookArgument
	post
}

// Help returns the detailed help.
func (webhooksEnableCommand) Help() string {
	return `What failed before can be sent again with webhooks replay.

Example:

    simtransfer webhooks enable 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *webhooksEnableCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	e, err := l.client.EnableWebhookEndpoint(ctx, c.ID, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error { return printWebhook(l, e) })
}

type webhooksRotateCommand struct {
	webhookArgument
	Overlap *time.Duration `min:"0s" max:"7d" placeholder:"24h" help:"How long messages are also signed with the old secret, up to 7 days. 0s for a secret that leaked. Default: 1 day."`
	post
}

// Help returns the detailed help.
func (webhooksRotateCommand) Help() string {
	return `Standard output has only the new secret. It is not shown again.

Example:

    simtransfer webhooks rotate 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --overlap=2h > secret.txt`
}

// Run runs the command.
func (c *webhooksRotateCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	var r client.WebhookRotation
	if c.Overlap != nil {
		overlap := int64(*c.Overlap / time.Second)
		r.OverlapSeconds = &overlap
	}
	e, err := l.client.RotateWebhookSecret(ctx, c.ID, r, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return printSecret(l, e)
}

type webhooksTestCommand struct {
	webhookArgument
	post
}

// Help returns the detailed help.
func (webhooksTestCommand) Help() string {
	return `The message is sent within a second. webhooks deliveries shows what the receiver answered.

Example:

    simtransfer webhooks test 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *webhooksTestCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	d, err := l.client.TestWebhookEndpoint(ctx, c.ID, l.options(c.idempotent())...)
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		l.note("A test is on its way. To see what the receiver answers: simtransfer webhooks deliveries %s %d", c.ID, d.ID)
		return nil
	})
}

type webhooksDeliveriesCommand struct {
	webhookArgument
	Delivery int64    `arg:"" optional:"" help:"Id of a delivery: show this one, with what was sent and answered."`
	State    []string `enum:"${delivery_states}" placeholder:"STATE" help:"Only deliveries in this state: ${delivery_states}. Separate several with commas."`
	Types    []string `enum:"${message_types}" placeholder:"TYPE" help:"Only messages of these types."`
	Message  string   `placeholder:"ID" help:"Only this message: its header webhook-id."`
	paging
	remote
}

// Validate implements kong's validation.
func (c *webhooksDeliveriesCommand) Validate() error {
	if c.Delivery != 0 && (len(c.State) > 0 || len(c.Types) > 0 || c.Message != "") {
		return usageError("--state, --types and --message cannot be used with a delivery")
	}
	return nil
}

// Help returns the detailed help.
func (webhooksDeliveriesCommand) Help() string {
	return `The latest first. They are kept for 30 days.

Examples:

    simtransfer webhooks deliveries 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --state=failed
    simtransfer webhooks deliveries 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 4711`
}

// Run runs the command.
func (c *webhooksDeliveriesCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Delivery != 0 {
		d, err := l.client.GetWebhookDelivery(ctx, c.ID, c.Delivery, l.options()...)
		if err != nil {
			return l.explain(err)
		}
		return l.show(func() error { return printDelivery(l, d) })
	}
	filter := client.DeliveryFilter{States: typed[transfer.DeliveryState](c.State), Types: typed[transfer.MessageType](c.Types), Message: c.Message}
	list := func(p client.Paging) (client.Page[client.WebhookDelivery], error) {
		return l.client.ListWebhookDeliveries(ctx, c.ID, filter, p, l.options()...)
	}
	head := []string{"ID", "STATE", "ATTEMPTS", "STATUS", "TYPE", "MESSAGE", "LAST ATTEMPT", "NEXT ATTEMPT"}
	return printList(l, c.paging, maxPage, list, head, func(d client.WebhookDelivery) []string {
		return []string{
			strconv.FormatInt(d.ID, 10), string(d.State), strconv.Itoa(d.Attempts), deliveryStatusText(d), string(d.Type), d.Message,
			timeText(valueOrZero(d.AttemptedAt)), timeText(valueOrZero(d.NextAttemptAt)),
		}
	})
}

func deliveryStatusText(d client.WebhookDelivery) string {
	switch {
	case d.Status != nil:
		return strconv.Itoa(*d.Status)
	case d.AttemptedAt != nil:
		return "no answer"
	}
	return ""
}

func printDelivery(l *connection, d client.WebhookDelivery) error {
	t := newTable(l.Out)
	t.add("Delivery", strconv.FormatInt(d.ID, 10))
	t.add("Message", d.Message)
	t.add("Type", string(d.Type))
	t.add("State", string(d.State))
	t.add("Attempts", strconv.Itoa(d.Attempts))
	for _, row := range [][2]string{
		{"Made", timeText(d.CreatedAt)},
		{"Replayed", timeText(valueOrZero(d.ReplayedAt))},
		{"Last attempt", timeText(valueOrZero(d.AttemptedAt))},
		{"Next attempt", timeText(valueOrZero(d.NextAttemptAt))},
		{"Status", deliveryStatusText(d)},
		{"Error", d.Error},
		{"Sent", d.Body},
	} {
		if row[1] != "" {
			t.add(row[0], row[1])
		}
	}
	for _, headers := range []struct {
		name string
		list map[string]string
	}{{"Sent header", d.RequestHeaders}, {"Answer header", d.ResponseHeaders}} {
		names := make([]string, 0, len(headers.list))
		for name := range headers.list {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			t.add(headers.name, name+": "+headers.list[name])
		}
	}
	if d.Response != "" {
		t.add("Answer", d.Response)
	}
	return t.flush()
}

type webhooksReplayCommand struct {
	webhookArgument
	Delivery int64     `arg:"" optional:"" help:"Id of a delivery: send only this one."`
	State    []string  `enum:"delivered,failed" placeholder:"STATE" help:"Deliveries in this state: delivered or failed. Separate several with commas. Default: failed."`
	Since    time.Time `placeholder:"TIME" help:"Only messages that were made at this time or later, such as 2030-01-31 or 2030-01-31T14:30+01:00. Without a zone, the time is in UTC."`
	Until    time.Time `placeholder:"TIME" help:"Only messages that were made before."`
	post
}

// Validate implements kong's validation.
func (c *webhooksReplayCommand) Validate() error {
	if c.Delivery != 0 && (len(c.State) > 0 || !c.Since.IsZero() || !c.Until.IsZero()) {
		return usageError("--state, --since and --until cannot be used with a delivery")
	}
	return nil
}

// Help returns the detailed help.
func (webhooksReplayCommand) Help() string {
	return `A message that is sent again has the same webhook-id, so a receiver that has it already can ignore it.

Examples:

    simtransfer webhooks replay 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071
    simtransfer webhooks replay 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 4711
    simtransfer webhooks replay 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071 --state=delivered,failed --since=2030-01-31T14:00 --until=2030-01-31T15:00`
}

// Run runs the command.
func (c *webhooksReplayCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	var done client.WebhookReplayed
	if c.Delivery != 0 {
		done, err = l.client.ReplayWebhookDelivery(ctx, c.ID, c.Delivery, l.options(c.idempotent())...)
	} else {
		r := client.WebhookReplay{State: typed[transfer.DeliveryState](c.State), Since: timeOrNil(c.Since), Until: timeOrNil(c.Until)}
		done, err = l.client.ReplayWebhookDeliveries(ctx, c.ID, r, l.options(c.idempotent())...)
	}
	if err != nil {
		return l.explain(err)
	}
	return l.show(func() error {
		more := ""
		if done.More {
			more = " There may be more: run the command again."
		}
		l.note("%d messages will be sent again.%s", done.Replayed, more)
		return nil
	})
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type webhooksDeleteCommand struct {
	webhookArgument
	condition
	remote
}

// Help returns the detailed help.
func (webhooksDeleteCommand) Help() string {
	return `The log of its deliveries is deleted, too.

Example:

    simtransfer webhooks delete 0198c5f2-3e21-7d4f-9b52-6cad4e8f2071`
}

// Run runs the command.
func (c *webhooksDeleteCommand) Run(ctx context.Context, s *Session) error {
	l, err := c.connect(s)
	if err != nil {
		return err
	}
	if err := l.client.DeleteWebhookEndpoint(ctx, c.ID, l.options(c.ifMatch())...); err != nil {
		return l.explain(err)
	}
	l.note("Webhook endpoint %s was deleted.", c.ID)
	return nil
}
