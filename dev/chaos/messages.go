package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"simtransfer/client"
	"simtransfer/dev/sample"
	"simtransfer/transfer"
)

// This file tests webhooks and mail: who has to hear of which event, and whether
// they did.

// messaging are the servers that hear of what happens.
type messaging struct {
	hooks *receivers
	mail  *mailServer
}

func newMessaging(ctx context.Context) (*messaging, error) {
	hooks, err := newReceivers(ctx)
	if err != nil {
		return nil, err
	}
	mail, err := newMailServer(ctx)
	if err != nil {
		return nil, errors.Join(err, hooks.close())
	}
	return &messaging{hooks, mail}, nil
}

func (m *messaging) close() error { return errors.Join(m.hooks.close(), m.mail.close()) }

// env are the settings of the processes.
func (m *messaging) env() []string {
	return []string{
		"SIMTRANSFER_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8",
		"SIMTRANSFER_SMTP_URL=smtp://" + m.mail.listener.Addr().String() + "?starttls=off",
		"SIMTRANSFER_MAIL_FROM=SIM transfers <sims@example.com>",
		"SIMTRANSFER_PUBLIC_URL=https://sims.example.com",
	}
}

// contacts are those for transfers of the accounts that have any, by the index of
// the account.
func contacts() map[int][]string {
	return map[int][]string{
		0: {"desk@north.example.com", "night@north.example.com"},
		1: {"desk@harbour.example.com", refusedContact},
	}
}

// contactsOf returns who gets the mails about the requests of an account.
func (v *verifier) contactsOf(account int) []string {
	if list := contacts()[account]; list != nil {
		return list
	}
	return []string{v.accounts[account].Email}
}

// mailLogSQL keeps what each mail says, which the service deletes when it was sent,
// and that it was made, even if its row is lost.
const mailLogSQL = `
	CREATE TABLE chaos_mails AS SELECT id, message_id, event, account, address, type, data FROM mails WITH NO DATA;
	CREATE FUNCTION chaos_mail() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO chaos_mails VALUES (NEW.id, NEW.message_id, NEW.event, NEW.account, NEW.address, NEW.type, NEW.data);
		RETURN NULL;
	END $$;
	CREATE TRIGGER chaos_log AFTER INSERT ON mails FOR EACH ROW EXECUTE FUNCTION chaos_mail();
	INSERT INTO chaos_mails SELECT id, message_id, event, account, address, type, data FROM mails;
	CREATE TRIGGER chaos AFTER INSERT ON mails FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();
	CREATE TRIGGER chaos AFTER INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();
	CREATE TRIGGER chaos AFTER UPDATE ON webhook_deliveries FOR EACH STATEMENT EXECUTE FUNCTION chaos_error();`

// subscribe creates the webhook endpoints, sets the contacts, and waits until
// messages and mails are made of what happens from now on.
func (c *chaos) subscribe(ctx context.Context) error {
	admin := c.stack.Admin
	for account, list := range contacts() {
		change := client.AccountChange{Contacts: &client.AccountContacts{Transfers: list}}
		if _, err := admin.UpdateAccount(ctx, c.accounts[account].OperatorID.Ref(), change); err != nil {
			return err
		}
	}
	for i, r := range c.messaging.hooks.list {
		e := client.NewWebhookEndpoint{URL: fmt.Sprintf("%s%d", c.messaging.hooks.url, i), Description: r.name, Types: r.types}
		if r.account != staff {
			e.Account = c.accounts[r.account].OperatorID.Ref()
		}
		created, err := admin.CreateWebhookEndpoint(ctx, e)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.verifier, err = standardwebhooks.NewWebhook(created.Secret)
		r.mu.Unlock()
		if err != nil {
			return fmt.Errorf("reading the secret of a webhook endpoint: %w", err)
		}
	}
	if _, err := c.stack.DB.Pool().ExecContext(ctx, mailLogSQL); err != nil {
		return fmt.Errorf("installing the log of mails: %w", err)
	}
	for {
		var ready bool
		if err := c.stack.DB.Pool().GetContext(ctx, &ready, `
			SELECT (SELECT tx IS NOT NULL FROM outbox WHERE feed = 'events') AND (SELECT active_until > clock_timestamp() FROM mail_sender)`); err != nil {
			return fmt.Errorf("waiting for messages and mails to be made: %w", err)
		}
		if ready {
			return nil
		}
		if err := pollPause(ctx); err != nil {
			return err
		}
	}
}

func (c *chaos) drawReceiver(r *rand.Rand) fault {
	list := c.messaging.hooks.list
	to, is, duration := list[r.IntN(len(list))], receiverConducts()[r.IntN(len(receiverConducts()))], millis(r, 500, 5000)
	return fault{fmt.Sprintf("webhooks: the receiver of %s %s for %s", to.name, is, duration), "receiver of " + to.name, func(ctx context.Context) error {
		to.behavior.set(is)
		pause(ctx, duration)
		to.behavior.set(answering)
		return nil
	}}
}

func (c *chaos) drawMailServer(r *rand.Rand) fault {
	is, duration := mailConducts()[r.IntN(len(mailConducts()))], millis(r, 1000, 6000)
	return fault{fmt.Sprintf("mail: the server %s for %s", is, duration), "mail server", func(ctx context.Context) error {
		c.messaging.mail.behavior.set(is)
		c.hurry(ctx) // so that mails meet it
		pause(ctx, duration)
		c.messaging.mail.behavior.set(answering)
		c.hurry(ctx)
		return nil
	}}
}

func (c *chaos) drawHurry(*rand.Rand) fault {
	return fault{"webhooks and mail: an hour passes", "waits", func(ctx context.Context) error {
		c.hurry(ctx)
		// An account gets a limited number of mails in an hour.
		_, _ = c.stack.DB.Pool().ExecContext(ctx, `UPDATE mails SET created_at = created_at - interval '1 hour' WHERE state <> 'pending'`)
		return nil
	}}
}

// hurry makes everything due that waits for a later attempt, or to be collected. A run
// does not last for hours. Each statement is a transaction of its own, and locks
// nothing for which a worker waits. While the database is down, nothing happens.
func (c *chaos) hurry(ctx context.Context) {
	for _, statement := range []string{
		`UPDATE message_groups SET due_at = clock_timestamp() WHERE requests > 0 AND due_at > clock_timestamp()`,
		`UPDATE mail_digests SET due_at = clock_timestamp() WHERE pending AND due_at > clock_timestamp()`,
		`UPDATE webhook_endpoints SET paused_until = NULL WHERE id IN (SELECT id FROM webhook_endpoints WHERE paused_until IS NOT NULL FOR UPDATE SKIP LOCKED)`,
		`UPDATE mail_sender SET paused_until = NULL WHERE paused_until IS NOT NULL`,
		`UPDATE webhook_deliveries SET not_before = clock_timestamp()
		WHERE id IN (SELECT id FROM webhook_deliveries WHERE state = 'pending' AND not_before > clock_timestamp() FOR UPDATE SKIP LOCKED)`,
		`UPDATE mails SET not_before = clock_timestamp()
		WHERE id IN (SELECT id FROM mails WHERE state = 'pending' AND not_before > clock_timestamp() FOR UPDATE SKIP LOCKED)`,
		`UPDATE work SET not_before = clock_timestamp()
		WHERE id IN (
			SELECT id FROM work
			WHERE kind IN ('deliver_webhooks', 'deliver_mails') AND dispatched_at IS NULL AND dead_at IS NULL AND not_before > clock_timestamp()
			FOR UPDATE SKIP LOCKED
		)`,
	} {
		_, _ = c.stack.DB.Pool().ExecContext(ctx, statement)
	}
}

// unsentSQL has a line for everything of which messages or mails are still to be made
// or sent.
const unsentSQL = `
	SELECT format('events are not read from %s on', o.tx)
	FROM outbox o
	WHERE feed = 'events' AND EXISTS (SELECT 1 FROM events e WHERE (e.tx, e.id) > (o.tx, o.id))
	UNION ALL
	SELECT format('%s events of batch %s are collected', requests, batch) FROM message_groups WHERE requests > 0
	UNION ALL
	SELECT format('mails of account %s are collected', account) FROM mail_digests WHERE pending
	UNION ALL
	SELECT format('delivery %s to endpoint %s is pending after %s attempts: %s', id, endpoint, attempts, error) FROM webhook_deliveries WHERE state = 'pending'
	UNION ALL
	SELECT format('mail %s is pending after %s attempts: %s', id, attempts, error) FROM mails WHERE state = 'pending'
	UNION ALL
	SELECT format('endpoint %s has not heard of all changes', w.id)
	FROM webhook_endpoints w
	WHERE account IS NULL AND (types = '{}' OR 'changes.available' = ANY (types))
	  AND changes_seq < (SELECT max(seq) FROM changes)
	UNION ALL
	SELECT 'changes have no number' FROM changes WHERE seq IS NULL`

// mailRow is a mail that was made.
type mailRow struct {
	ID       int64                `db:"id"`
	Message  string               `db:"message_id"`
	Event    string               `db:"event"`
	Account  *transfer.OperatorID `db:"operator_id"` // nil: to a person
	Address  string               `db:"address"`
	Type     transfer.MailType    `db:"type"`
	Data     json.RawMessage      `db:"data"`
	State    *transfer.MailState  `db:"state"` // nil: the row is gone
	Attempts *int                 `db:"attempts"`
	PullOver bool                 `db:"pull_over"` // it is about pull requests, and none of them waits for the account
}

// heard is what is known about messages after a run.
type heard struct {
	events []client.FeedEvent // all, in the order of the feed
	sees   map[transfer.OperatorID]map[string]bool
	mails  []mailRow
}

// observeMessages reads the event feed, as staff and as each account, and the mails.
func (c *chaos) observeMessages(ctx context.Context, reader *caller) (h heard, err error) {
	if h.events, err = reader.feed(ctx, reader.support); err != nil {
		return h, err
	}
	h.sees = map[transfer.OperatorID]map[string]bool{}
	for i, a := range c.accounts {
		list, err := reader.feed(ctx, reader.keys[i])
		if err != nil {
			return h, err
		}
		h.sees[a.OperatorID] = map[string]bool{}
		for _, e := range list {
			h.sees[a.OperatorID][e.Cursor] = true
		}
	}
	if err := c.stack.DB.Pool().SelectContext(ctx, &h.mails, `
		SELECT l.id, l.message_id, l.event, a.operator_id, l.address, l.type, l.data, m.state, m.attempts,
			l.type = 'pull_request' AND NOT EXISTS (
				SELECT 1
				FROM pull_owners o
				JOIN pulls p ON p.id = o.pull
				WHERE o.owner = l.account
				  AND coalesce(l.data -> 'pull' ->> 'id', p.id::text) = p.id::text
				  AND p.created_at <= m.created_at
				  AND o.decision IS NULL AND p.canceled_at IS NULL AND p.expires_at > clock_timestamp()) AS pull_over
		FROM chaos_mails l
		LEFT JOIN mails m USING (id)
		LEFT JOIN accounts a ON a.id = l.account
		ORDER BY l.id`); err != nil {
		return h, fmt.Errorf("reading the mails: %w", err)
	}
	return h, nil
}

// feed reads the whole event feed with a key, up to an empty page.
func (c *caller) feed(ctx context.Context, key string) ([]client.FeedEvent, error) {
	var all []client.FeedEvent
	q := url.Values{"limit": {"200"}}
	for {
		var page client.Feed
		if err := c.getAs(ctx, key, "/v1/events?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		switch {
		case page.Withheld:
			if err := pollPause(ctx); err != nil {
				return nil, err
			}
		case len(page.Items) == 0:
			return all, nil
		}
		q.Set("cursor", page.NextCursor)
	}
}

// facts returns an event of the feed of staff as transfer.MessagesOf and
// transfer.MailsOf need it.
func (h heard) facts(e client.FeedEvent) (transfer.EventFacts, error) {
	known := map[string]any{}
	for _, name := range []string{"waiting_for", "percent", "on_behalf"} {
		if value, ok := e.Detail[name]; ok {
			known[name] = value
		}
	}
	detail, err := json.Marshal(known)
	f := transfer.EventFacts{
		ID: e.Cursor, At: e.At, Kind: transfer.EventKind(e.Kind), To: e.To, Seq: e.Seq, Request: e.Request.String(), Source: e.Source, Destination: e.Destination,
		Detail: detail, SourceSees: h.sees[e.Source][e.Cursor], DestinationSees: h.sees[e.Destination][e.Cursor], By: e.Party,
	}
	if e.Batch != nil {
		f.Batch = e.Batch.String()
	}
	return f, err
}

// messages verifies that every endpoint got every event that it wants to hear of and no
// other, and every contact its mails.
func (v *verifier) messages(h heard, m *messaging, faults []span) error {
	for _, r := range m.hooks.list {
		if err := v.webhooks(h, r); err != nil {
			return err
		}
	}
	if err := v.mails(h); err != nil {
		return err
	}
	v.deliveredMails(h, m.mail, faults)
	return nil
}

// batchKey names messages about a batch.
type batchKey struct {
	batch string
	event transfer.MessageType
}

func (v *verifier) webhooks(h heard, r *receiver) error {
	wanted, batches, batchOf := map[string]transfer.Message{}, map[batchKey]int{}, map[string]batchKey{}
	for _, e := range h.events {
		f, err := h.facts(e)
		if err != nil {
			return err
		}
		list, err := transfer.MessagesOf(f)
		if err != nil {
			return err
		}
		for _, m := range list {
			to := map[transfer.Party]transfer.OperatorID{transfer.PartySource: e.Source, transfer.PartyDestination: e.Destination}[m.To]
			if r.account == staff && to != "" || r.account != staff && to != v.accounts[r.account].OperatorID {
				continue
			}
			if m.Batch == "" {
				if transfer.Wants(r.types, m.Type, "") {
					wanted[m.ID] = m
				}
			} else if transfer.Wants(r.types, transfer.MessageBatch, m.Type) {
				key := batchKey{m.Batch, m.Type}
				batches[key]++
				batchOf[m.ID] = key
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.problems {
		v.add(&v.violations, "webhooks, %s: %s", r.name, text)
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		m := wanted[id]
		switch got := r.got[id]; {
		case got == nil || got.taken == 0:
			v.add(&v.lost, "webhooks, %s: it never got event %s, %s of request %s", r.name, id, m.Type, m.News.Request)
		case got.body.Type != m.Type || got.body.Data.Request != m.News.Request || got.body.Data.Sequence != m.News.Sequence:
			v.add(&v.violations, "webhooks, %s: event %s is %s, number %d of request %s, and the message says %s", r.name, id, m.Type, m.News.Sequence, m.News.Request, got.text)
		}
	}
	heardOf := map[batchKey]int{}
	for _, id := range r.inOrder() {
		got := r.got[id]
		switch got.body.Type {
		case transfer.MessageChanges:
		case transfer.MessageBatch:
			key := batchKey{got.body.Data.Batch, got.body.Data.Event}
			if batchOf[id] != key || got.body.Data.Cursor != id {
				v.add(&v.violations, "webhooks, %s: event %s is %v, and the message says %s", r.name, id, batchOf[id], got.text)
			}
			if got.taken > 0 {
				heardOf[key] += got.body.Data.Requests
			}
		default:
			if _, ok := wanted[id]; !ok {
				v.add(&v.duplicated, "webhooks, %s: no event in its feed is message %s", r.name, got.text)
			}
		}
	}
	for key, n := range batches {
		switch got := heardOf[key]; {
		case got < n:
			v.add(&v.lost, "webhooks, %s: it got %d of %d events of batch %s: %s", r.name, got, n, key.batch, key.event)
		case got > n:
			v.add(&v.duplicated, "webhooks, %s: it got %d events of batch %s, and there are %d: %s", r.name, got, key.batch, n, key.event)
		}
	}
	return nil
}

// digestLine names what is counted in a mail about many requests.
type digestLine struct {
	account transfer.OperatorID
	address string
	batch   string // empty: requests that belong to no batch
	kind    transfer.MailType
	party   transfer.Party
}

// mails verifies that each event made a mail to each contact, or was counted in a mail
// about many requests. Fees are left out: the feed does not have them.
func (v *verifier) mails(h heard) error {
	type single struct {
		event   string
		account transfer.OperatorID
		address string
		kind    transfer.MailType
	}
	made := map[single]bool{}
	counted, latest := map[digestLine]int{}, map[digestLine]transfer.MailDigestNews{}
	for _, row := range h.mails {
		if row.Account == nil {
			continue
		}
		made[single{row.Event, *row.Account, row.Address, row.Type}] = true
		if row.Type != transfer.MailDigest {
			continue
		}
		var news transfer.MailNews
		if err := json.Unmarshal(row.Data, &news); err != nil || news.Digest == nil {
			return errors.Join(err, fmt.Errorf("mail %d says %s", row.ID, row.Data))
		}
		if news.Digest.Batch == "" {
			for _, l := range news.Digest.Lines {
				counted[digestLine{*row.Account, row.Address, "", l.Type, l.Party}] += l.Requests
			}
			continue
		}
		// The mails about a batch count from its beginning; those about support have their own.
		of := digestLine{account: *row.Account, address: row.Address, batch: news.Digest.Batch}
		for _, l := range news.Digest.Lines {
			if l.Type == transfer.MailOnBehalf {
				of.kind = l.Type
			}
		}
		latest[of] = *news.Digest
	}
	for of, digest := range latest {
		for _, l := range digest.Lines {
			counted[digestLine{of.account, of.address, of.batch, l.Type, l.Party}] = l.Requests
		}
	}
	wanted := map[digestLine]int{}
	for _, e := range h.events {
		f, err := h.facts(e)
		if err != nil {
			return err
		}
		list, err := transfer.MailsOf(f)
		if err != nil {
			return err
		}
		for _, m := range list {
			account := slices.IndexFunc(v.accounts, func(a sample.Account) bool { return a.OperatorID == m.News.Account })
			for _, address := range v.contactsOf(account) {
				if m.Batch != "" || !made[single{f.ID, m.News.Account, address, m.News.Type}] {
					wanted[digestLine{m.News.Account, address, m.Batch, m.News.Type, m.To}]++
				}
			}
		}
	}
	for l, n := range wanted {
		if got := counted[l]; got < n {
			v.add(&v.lost, "mail to %s of %s: %d of %d events %s are in no mail; batch %q", l.address, l.account, n-got, n, l.kind, l.batch)
		}
	}
	for l, n := range counted {
		if want := wanted[l]; n > want {
			v.add(&v.duplicated, "mail to %s of %s: a mail has %d events %s, and there are %d; batch %q", l.address, l.account, n, l.kind, want, l.batch)
		}
	}
	return nil
}

// deliveredMails verifies that each mail that was made has arrived, unless there was
// nothing to decide on any more, and has arrived once, unless an answer was lost or a fault kept a worker from recording it.
func (v *verifier) deliveredMails(h heard, s *mailServer, faults []span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := map[string]bool{}
	got := map[string][]arrival{}
	for id, list := range s.got {
		name, _, _ := strings.Cut(id, "@")
		got[name] = append(got[name], list...)
	}
	for _, row := range h.mails {
		known[row.Message] = true
		list := got[row.Message]
		switch {
		case row.State == nil:
			v.add(&v.lost, "mail %d, %s to %s, is in the log no more", row.ID, row.Type, row.Address)
		case *row.State == transfer.MailPending:
			v.add(&v.lost, "mail %d, %s to %s, is not sent", row.ID, row.Type, row.Address)
		case *row.State == transfer.MailSent && len(list) == 0:
			v.add(&v.lost, "mail %d, %s to %s, has never arrived", row.ID, row.Type, row.Address)
		case *row.State == transfer.MailFailed && row.Address != refusedContact:
			v.add(&v.lost, "mail %d, %s to %s, has failed", row.ID, row.Type, row.Address)
		case *row.State == transfer.MailDropped && !row.Type.AsksForDecision() && !row.PullOver:
			v.add(&v.lost, "mail %d, %s to %s, was dropped", row.ID, row.Type, row.Address)
		}
		if row.Attempts != nil && len(list) > *row.Attempts {
			v.add(&v.duplicated, "mail %d arrived %d times in %d attempts", row.ID, len(list), *row.Attempts)
		}
		for i, a := range list {
			if a.to != row.Address || a.event != row.Event {
				v.add(&v.violations, "mail %d about event %s to %s arrived at %s about event %s", row.ID, row.Event, row.Address, a.to, a.event)
			}
			if i == len(list)-1 || !a.answered || slices.ContainsFunc(faults, func(f span) bool { return f.explains(a.at) }) {
				continue
			}
			v.add(&v.duplicated, "mail %d, %s to %s, arrived at %s and again at %s, and nothing had happened", row.ID, row.Type, row.Address, a.at, list[i+1].at)
		}
	}
	for id := range got {
		if !known[id] {
			v.add(&v.duplicated, "mail %s was never made", id)
		}
	}
}

// span is when something was wrong with what workers need to record what they did.
type span struct{ from, to time.Time }

// explains reports whether a worker may not have recorded what it did at an instant.
func (s span) explains(at time.Time) bool {
	return at.After(s.from.Add(-2*time.Second)) && at.Before(s.to.Add(2*time.Second))
}
