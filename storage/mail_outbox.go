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

// This file makes mails: of events, together with the messages of webhooks (see
// outbox.go), and of what else contacts and people have to know. What is sent to
// whom about a request is decided by transfer.MailsOf.

var isMailActive = newStatement(statement{
	name:    "is_mail_active",
	does:    "Finds out whether mails are sent: whether a worker that has a mail server was there within a day.",
	returns: "True or false.",
	text:    `SELECT active_until > clock_timestamp() FROM mail_sender`,
})

func isMailActiveIn(ctx context.Context, q querier) (bool, error) {
	var active bool
	if err := q.get(ctx, &active, isMailActive, args{}); err != nil {
		return false, fmt.Errorf("finding out whether mail is sent: %w", err)
	}
	return active, nil
}

var activateMail = newStatement(statement{
	name:  "activate_mail",
	does:  "Records that a worker that has a mail server is there.",
	given: "@seconds: for how long mails are made without further news of it.",
	text: `
UPDATE mail_sender
SET active_until = greatest(active_until, clock_timestamp() + make_interval(secs => @seconds))`,
})

// MailActivePeriod is for how long mails are made after a worker that has a mail
// server was last there. It is long, so that an outage of the workers loses no mail.
const MailActivePeriod = 24 * time.Hour

// ActivateMail records that a worker that has a mail server is there: mails are
// made from now on.
func (db *DB) ActivateMail(ctx context.Context) error {
	if _, err := db.exec(ctx, activateMail, args{"seconds": MailActivePeriod.Seconds()}); err != nil {
		return fmt.Errorf("recording that mail is sent: %w", err)
	}
	return nil
}

// newMail is a mail to be made.
type newMail struct {
	event   string // what it is about
	account int64  // to whose contacts; zero: to a person
	address string // only to this address; empty: to the contacts for the kind
	kind    transfer.MailKind
	news    transfer.MailNews
}

// An account without contacts for the purpose has its primary email. A choice of
// the address keeps the mail from being made.
var insertMails = newStatement(statement{
	name: "insert_mails",
	does: "Makes mails to the contacts of accounts and to people, unless no mail is sent. A mail that was made already is not made again.",
	given: `Arrays with a row for each mail: the @events that name what it is about, the @accounts (0: to a person), the
		@addresses (empty: to the contacts for the purpose), the @kinds and @purposes, the @types, the @requests (empty: none),
		and what it says: @data.`,
	returns: "The number of mails.",
	text: `
WITH given AS MATERIALIZED (
	SELECT *
	FROM unnest(@events::text[], @accounts::bigint[], @addresses::text[], @kinds::text[], @purposes::text[], @types::text[], @requests::text[],
		@data::text[]) WITH ORDINALITY AS u (event, account, address, kind, purpose, type, request, data, nth)
), addressed AS (
	SELECT g.event, g.account, g.kind, g.type, g.request, g.data, g.nth, c.address
	FROM given g
	LEFT JOIN accounts a ON a.id = g.account
	CROSS JOIN LATERAL (
		SELECT g.address WHERE g.address <> ''
		UNION
		SELECT jsonb_array_elements_text(a.contacts -> g.purpose) WHERE g.address = ''
		UNION
		SELECT a.email WHERE g.address = '' AND coalesce(jsonb_array_length(a.contacts -> g.purpose), 0) = 0
	) c (address)
), made AS (
	INSERT INTO mails (event, account, address, kind, type, request, data)
	SELECT d.event, nullif(d.account, 0), d.address, d.kind, d.type, nullif(d.request, '')::uuid, d.data::jsonb
	FROM addressed d
	WHERE d.address NOT LIKE '%@erased.invalid'
	  AND NOT EXISTS (SELECT 1 FROM mail_choices x WHERE (x.account, x.address, x.kind) = (d.account, d.address, d.kind))
	  AND (SELECT active_until > clock_timestamp() FROM mail_sender)
	ORDER BY d.nth, d.address
	ON CONFLICT DO NOTHING
	RETURNING 1
)
SELECT count(*) FROM made`,
})

// The row of work that is being worked on is locked, and its worker looks for
// mails again before it gives the work back.
var openMailWork = newStatement(statement{
	name:  "open_mail_work",
	does:  "Makes the work of sending mails due.",
	locks: "Takes the row of work, after the mails were stored.",
	text: `
INSERT INTO work (kind, items, n, queue, not_before)
SELECT 'deliver_mails', ARRAY[1], 1, 'notify_mail', greatest(clock_timestamp(), paused_until)
FROM mail_sender
ON CONFLICT (kind) WHERE kind = 'deliver_mails' DO UPDATE
SET not_before = least(work.not_before, excluded.not_before)
WHERE work.dispatched_at IS NULL`,
})

// queueMails makes mails, unless no mail is sent, and the work of sending them.
func (t *Tx) queueMails(ctx context.Context, list ...newMail) error {
	if len(list) == 0 {
		return nil
	}
	var events, addresses, kinds, purposes, types, requests, data []string
	var accounts []int64
	for _, m := range list {
		text, err := json.Marshal(m.news)
		if err != nil {
			return fmt.Errorf("writing a mail of type %s: %w", m.news.Type, err)
		}
		events, accounts, addresses = append(events, m.event), append(accounts, m.account), append(addresses, m.address)
		kinds, purposes, types = append(kinds, string(m.kind)), append(purposes, string(m.kind.Purpose())), append(types, string(m.news.Type))
		requests, data = append(requests, m.news.Request), append(data, string(text))
	}
	var n int
	if err := t.get(ctx, &n, insertMails, args{
		"events": pq.Array(events), "accounts": pq.Array(accounts), "addresses": pq.Array(addresses), "kinds": pq.Array(kinds),
		"purposes": pq.Array(purposes), "types": pq.Array(types), "requests": pq.Array(requests), "data": pq.Array(data),
	}); err != nil {
		return fmt.Errorf("making %d mails: %w", len(list), err)
	}
	if n == 0 {
		return nil
	}
	if _, err := t.exec(ctx, openMailWork, args{}); err != nil {
		return fmt.Errorf("making the work of sending mails due: %w", err)
	}
	return nil
}

var countRecentMails = newStatement(statement{
	name:    "count_recent_mails",
	does:    "Counts the events of requests about which accounts got mails in the last hour.",
	given:   "@accounts.",
	returns: "The accounts that got any, with their numbers.",
	text: `
SELECT account, count(DISTINCT event) AS n
FROM mails
WHERE account = ANY (@accounts) AND request IS NOT NULL AND created_at > clock_timestamp() - interval '1 hour'
GROUP BY account`,
})

// recentMails returns how many events of requests accounts got mails about in the
// last hour.
func (t *Tx) recentMails(ctx context.Context, accounts []int64) (map[int64]int, error) {
	var list []struct {
		Account int64 `db:"account"`
		N       int   `db:"n"`
	}
	if err := t.list(ctx, &list, countRecentMails, args{"accounts": pq.Array(accounts)}); err != nil {
		return nil, fmt.Errorf("counting recent mails: %w", err)
	}
	recent := map[int64]int{}
	for _, r := range list {
		recent[r.Account] = r.N
	}
	return recent, nil
}

// mailsOf makes the mails about the events of a page, and collects those about
// batches and those that are too many.
func (t *Tx) mailsOf(ctx context.Context, page []outboxEvent) error {
	if len(page) == 0 {
		return nil
	}
	var accounts []int64
	for _, e := range page {
		accounts = append(accounts, e.Source, e.Destination)
	}
	recent, err := t.recentMails(ctx, accounts)
	if err != nil {
		return err
	}
	var list []newMail
	digests := mailDigests{}
	for _, e := range page {
		mails, err := transfer.MailsOf(e.facts())
		if err != nil {
			return err
		}
		heard := map[int64]bool{}
		for _, m := range mails {
			account, kind := e.audience(m.To), m.News.Type.Kind()
			if m.Batch != "" || recent[account] >= transfer.MaxMailsPerHour {
				digests.add(account, m, e)
				continue
			}
			list = append(list, newMail{event: e.String(), account: account, kind: kind, news: m.News})
			heard[account] = true
		}
		for account := range heard {
			recent[account]++
		}
	}
	if err := t.queueMails(ctx, list...); err != nil {
		return err
	}
	return t.collectMails(ctx, digests, page)
}

// The times of collecting mails.
const (
	batchMailWait    = time.Hour // of the first mail about a batch that is not finished
	maxBatchMailWait = 24 * time.Hour
	floodMailWait    = 15 * time.Minute // of the first mail about many requests
	maxFloodMailWait = 4 * time.Hour
	endedBatchWait   = 5 * time.Second // after the last event of a batch that is finished
	batchMailsKept   = 30 * 24 * time.Hour
	floodMailsKept   = 24 * time.Hour
)

// outboxDigests is how many collected mails one transaction makes.
const outboxDigests = 200

// digestKey names what is collected together.
type digestKey struct {
	account int64
	batch   string // empty: requests that belong to no batch
	kind    transfer.MailKind
}

// mailDigest is what was collected.
type mailDigest struct {
	Account int64             `db:"account"`
	Batch   string            `db:"batch"`
	Kind    transfer.MailKind `db:"kind"`
	Text    json.RawMessage   `db:"news"`
	Event   string            `db:"event"`

	news transfer.MailNews
}

// mailDigests are what the events of a page add.
type mailDigests map[digestKey][]digestEntry

type digestEntry struct {
	event outboxEvent
	mail  transfer.Mail
}

func (d mailDigests) add(account int64, m transfer.Mail, e outboxEvent) {
	key := digestKey{account, m.Batch, transfer.MailKindDigest}
	switch kind := m.News.Type.Kind(); kind {
	case transfer.MailKindFees, transfer.MailKindOnBehalf:
		key.kind = kind
	default:
	}
	d[key] = append(d[key], digestEntry{e, m})
}

// add adds an entry to what was collected.
func (d *mailDigest) add(e digestEntry) {
	n := &d.news
	if n.Digest == nil {
		*n = transfer.MailNews{Type: transfer.MailDigest, Account: e.mail.News.Account, Digest: &transfer.MailDigestNews{Batch: d.Batch, Since: e.event.At}}
		if d.Kind == transfer.MailKindFees {
			n.Type = transfer.MailFeesDigest
		}
	}
	d.Event = e.event.String()
	from := e.mail.News
	n.Digest.Count(from, e.mail.To)
	if from.Fees != nil {
		fees := *from.Fees
		if n.Fees != nil {
			fees.Minor += n.Fees.Minor
		}
		n.Fees = &fees
	}
}

var selectMailDigests = newStatement(statement{
	name:    "select_mail_digests",
	does:    "Reads what was collected for mails.",
	given:   "Arrays with a row for each: @accounts, @batches, @kinds.",
	returns: "Those that exist.",
	locks:   "The caller holds the row of the outbox.",
	text: `
SELECT d.account, d.batch, d.kind, d.news, d.event
FROM unnest(@accounts::bigint[], @batches::text[], @kinds::text[]) AS u (account, batch, kind)
JOIN mail_digests d USING (account, batch, kind)`,
})

var storeMailDigests = newStatement(statement{
	name: "store_mail_digests",
	does: "Stores what was collected for mails.",
	given: `Arrays with a row for each: @accounts, @batches, @kinds, @news and the last event (@events). For how many seconds the
		first mail collects: @batch_wait if it is about a batch, else @flood_wait.`,
	locks: "The caller holds the row of the outbox.",
	text: `
INSERT INTO mail_digests AS d (account, batch, kind, news, event, pending, due_at, wait)
SELECT u.account, u.batch, u.kind, u.news::jsonb, u.event, true, clock_timestamp() + w.wait, w.wait
FROM unnest(@accounts::bigint[], @batches::text[], @kinds::text[], @news::text[], @events::text[]) AS u (account, batch, kind, news, event)
CROSS JOIN LATERAL (SELECT make_interval(secs => CASE u.batch WHEN '' THEN @flood_wait::float8 ELSE @batch_wait::float8 END) AS wait) w
ON CONFLICT (account, batch, kind) DO UPDATE
SET news = excluded.news,
	event = excluded.event,
	pending = true`,
})

// The events of a batch come in several pages; each puts the mail off a little.
var hastenMailDigests = newStatement(statement{
	name:  "hasten_mail_digests",
	does:  "Makes the mails that are collected for batches due soon if all requests of the batch are finished.",
	given: "@batches, and in how many @seconds.",
	locks: "The caller holds the row of the outbox.",
	text: `
UPDATE mail_digests d
SET due_at = clock_timestamp() + make_interval(secs => @seconds)
WHERE d.batch = ANY (@batches)
  AND d.pending
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.batch = d.batch::uuid AND r.finished_at IS NULL)`,
})

// collectMails adds the entries of a page to what is stored.
func (t *Tx) collectMails(ctx context.Context, add mailDigests, page []outboxEvent) error {
	if len(add) > 0 {
		if err := t.mergeMailDigests(ctx, add); err != nil {
			return err
		}
	}
	ended := endedBatches(page)
	if len(ended) == 0 {
		return nil
	}
	if _, err := t.exec(ctx, hastenMailDigests, args{"batches": pq.Array(ended), "seconds": endedBatchWait.Seconds()}); err != nil {
		return fmt.Errorf("hastening the mails about batches: %w", err)
	}
	return nil
}

// endedBatches returns the batches of which a request has finished.
func endedBatches(page []outboxEvent) []string {
	seen := map[uuid.UUID]bool{}
	var ids []string
	for _, e := range page {
		if (e.Kind == transfer.EventFinish || e.Kind == transfer.EventReject) && e.Batch != nil && !seen[*e.Batch] {
			seen[*e.Batch] = true
			ids = append(ids, e.Batch.String())
		}
	}
	return ids
}

func (t *Tx) mergeMailDigests(ctx context.Context, add mailDigests) error {
	var accounts []int64
	var batches, kinds []string
	for key := range add {
		accounts, batches, kinds = append(accounts, key.account), append(batches, key.batch), append(kinds, string(key.kind))
	}
	var stored []mailDigest
	if err := t.list(ctx, &stored, selectMailDigests, args{"accounts": pq.Array(accounts), "batches": pq.Array(batches), "kinds": pq.Array(kinds)}); err != nil {
		return fmt.Errorf("reading what was collected for mails: %w", err)
	}
	byKey := map[digestKey]mailDigest{}
	for _, d := range stored {
		if err := json.Unmarshal(d.Text, &d.news); err != nil {
			return fmt.Errorf("reading what was collected for mails to account %d: %w", d.Account, err)
		}
		byKey[digestKey{d.Account, d.Batch, d.Kind}] = d
	}
	accounts, batches, kinds = nil, nil, nil
	var news, events []string
	for key, entries := range add {
		d := byKey[key]
		d.Account, d.Batch, d.Kind = key.account, key.batch, key.kind
		for _, e := range entries {
			d.add(e)
		}
		text, err := json.Marshal(d.news)
		if err != nil {
			return fmt.Errorf("writing what is collected for mails: %w", err)
		}
		accounts, batches, kinds = append(accounts, key.account), append(batches, key.batch), append(kinds, string(key.kind))
		news, events = append(news, string(text)), append(events, d.Event)
	}
	if _, err := t.exec(ctx, storeMailDigests, args{
		"accounts": pq.Array(accounts), "batches": pq.Array(batches), "kinds": pq.Array(kinds), "news": pq.Array(news), "events": pq.Array(events),
		"batch_wait": batchMailWait.Seconds(), "flood_wait": floodMailWait.Seconds(),
	}); err != nil {
		return fmt.Errorf("collecting mails: %w", err)
	}
	return nil
}

var takeMailDigests = newStatement(statement{
	name: "take_mail_digests",
	does: `Takes what was collected for mails and is due. The next mail of the same kind collects for twice as long. A mail about a
		batch says what happened since the beginning, another one since the last mail.`,
	given: `The highest number of seconds that a mail collects, about a batch (@batch_wait) and about other requests (@flood_wait);
		for how many seconds what has nothing to send is kept: @batch_keep, @flood_keep; @limit: maximum number of rows.`,
	returns: "What was collected.",
	locks:   "The caller holds the row of the outbox.",
	text: `
WITH old AS (
	DELETE FROM mail_digests
	WHERE NOT pending AND due_at < clock_timestamp() - make_interval(secs => CASE batch WHEN '' THEN @flood_keep::float8 ELSE @batch_keep::float8 END)
), due AS MATERIALIZED (
	SELECT account, batch, kind, news, event,
		make_interval(secs => CASE batch WHEN '' THEN @flood_wait::float8 ELSE @batch_wait::float8 END) AS most
	FROM mail_digests
	WHERE due_at <= clock_timestamp() AND pending
	ORDER BY due_at
	LIMIT @limit
), taken AS (
	UPDATE mail_digests d
	SET pending = false,
		news = CASE d.batch WHEN '' THEN '{}' ELSE d.news END,
		wait = least(d.wait * 2, due.most),
		due_at = clock_timestamp() + least(d.wait * 2, due.most)
	FROM due
	WHERE (d.account, d.batch, d.kind) = (due.account, due.batch, due.kind)
)
SELECT account, batch, kind, news, event
FROM due`,
})

// dueMails makes the mails that were collected and are due, and reports whether
// there are more.
func (t *Tx) dueMails(ctx context.Context) (more bool, err error) {
	var due []mailDigest
	if err := t.list(ctx, &due, takeMailDigests, args{
		"batch_wait": maxBatchMailWait.Seconds(), "flood_wait": maxFloodMailWait.Seconds(),
		"batch_keep": batchMailsKept.Seconds(), "flood_keep": floodMailsKept.Seconds(), "limit": outboxDigests,
	}); err != nil {
		return false, fmt.Errorf("looking for collected mails: %w", err)
	}
	list := make([]newMail, len(due))
	for i, d := range due {
		if err := json.Unmarshal(d.Text, &d.news); err != nil {
			return false, fmt.Errorf("reading what was collected for mails to account %d: %w", d.Account, err)
		}
		list[i] = newMail{event: d.Event, account: d.Account, kind: d.Kind, news: d.news}
	}
	return len(due) == outboxDigests, t.queueMails(ctx, list...)
}

// mailAboutKey tells the contacts for security that a key was made or rotated.
func (t *Tx) mailAboutKey(ctx context.Context, by Actor, k Key, rotated bool) error {
	if k.account() == 0 {
		return nil // staff has no contacts
	}
	who, at, err := t.whoAndWhen(ctx, by)
	if err != nil {
		return err
	}
	news := transfer.MailNews{Type: transfer.MailNewKey, Key: &transfer.MailKeyNews{
		ID: k.ID, Name: k.Name, Hint: k.Hint, Rotated: rotated, By: who, Address: by.Address, At: at.UTC(),
	}}
	if k.OperatorID != nil {
		news.Account = *k.OperatorID
	}
	if k.Permission != nil {
		news.Key.Permission = string(*k.Permission)
	}
	return t.queueMails(ctx, newMail{event: fmt.Sprintf("key-%d-%d", k.ID, at.UnixMicro()), account: k.account(), kind: transfer.MailKindNewKey, news: news})
}

var selectActor = newStatement(statement{
	name:    "select_actor",
	does:    "Finds out what an actor is called, and the time.",
	given:   "The @key and the @person who act (0: neither).",
	returns: "The name of the person, else that of the key, else empty; whether the key belongs to staff; the time.",
	text: `
SELECT
	coalesce((SELECT name FROM people WHERE id = coalesce(nullif(@person::bigint, 0), k.person)), k.name, '') AS name,
	k.id IS NOT NULL AND k.account IS NULL AS staff,
	clock_timestamp() AS at
FROM (SELECT 1) one
LEFT JOIN api_keys k ON k.id = @key::bigint`,
})

// whoAndWhen returns how a mail to an account names an actor, and the time. Staff is
// not named.
func (t *Tx) whoAndWhen(ctx context.Context, by Actor) (string, time.Time, error) {
	var a struct {
		Name  string    `db:"name"`
		Staff bool      `db:"staff"`
		At    time.Time `db:"at"`
	}
	if err := t.get(ctx, &a, selectActor, args{"key": by.Key, "person": by.Person}); err != nil {
		return "", a.At, fmt.Errorf("finding out who acts: %w", err)
	}
	if a.Staff || a.Name == "" {
		return "the operator of the service", a.At, nil
	}
	return a.Name, a.At, nil
}

var isNewAddress = newStatement(statement{
	name:    "is_new_address",
	does:    "Finds out whether a person who signs in from an address had not signed in from it for 30 days, but has signed in before.",
	given:   "@person and @address. The entry of this sign-in is not yet in the audit trail.",
	returns: "Whether it is new, with the email of the person and the time.",
	text: `
SELECT
	NOT EXISTS (SELECT 1 FROM audit WHERE person = @person AND action = 'session.sign_in' AND address = @address AND at > clock_timestamp() - interval '30 days')
		AND EXISTS (SELECT 1 FROM audit WHERE person = @person AND action = 'session.sign_in') AS new,
	email,
	clock_timestamp() AS at
FROM people
WHERE id = @person`,
})

// mailAboutSignIn tells a person who signs in from a new address. It is called before
// the sign-in is in the audit trail.
func (t *Tx) mailAboutSignIn(ctx context.Context, person int64, from Browser) error {
	var s struct {
		New   bool      `db:"new"`
		Email string    `db:"email"`
		At    time.Time `db:"at"`
	}
	if err := t.get(ctx, &s, isNewAddress, args{"person": person, "address": from.Address}); err != nil {
		return fmt.Errorf("looking for earlier sign-ins of person %d: %w", person, err)
	}
	if !s.New {
		return nil
	}
	return t.queueMails(ctx, newMail{
		event: fmt.Sprintf("sign-in-%d-%d", person, s.At.UnixMicro()), address: s.Email, kind: transfer.MailKindNewSignIn,
		news: transfer.MailNews{Type: transfer.MailNewSignIn, SignIn: &transfer.MailSignInNews{Address: from.Address, UserAgent: from.userAgent(), At: s.At.UTC()}},
	})
}

// mailAboutContacts tells those who were contacts for security before, or the
// primary email, that contacts or the email of the account were changed: who has
// taken over an account could change them first.
func (t *Tx) mailAboutContacts(ctx context.Context, by Actor, was, is Account) error {
	var purposes []transfer.ContactPurpose
	for _, p := range transfer.ContactPurposes() {
		if fmt.Sprint(was.Contacts[p]) != fmt.Sprint(is.Contacts[p]) {
			purposes = append(purposes, p)
		}
	}
	if len(purposes) == 0 && was.Email == is.Email {
		return nil
	}
	who, at, err := t.whoAndWhen(ctx, by)
	if err != nil {
		return err
	}
	to := was.Contacts[transfer.ContactSecurity]
	if len(to) == 0 {
		to = []string{was.Email}
	}
	list := make([]newMail, len(to))
	for i, address := range to {
		list[i] = newMail{
			event: fmt.Sprintf("contacts-%d-%d", was.ID, at.UnixMicro()), account: was.ID, address: address, kind: transfer.MailKindNewContact,
			news: transfer.MailNews{Type: transfer.MailContacts, Account: was.OperatorID, Contacts: &transfer.MailContactsNews{
				Purposes: purposes, Email: was.Email != is.Email, By: who, Address: by.Address, At: at.UTC(),
			}},
		}
	}
	return t.queueMails(ctx, list...)
}

// The times of mails about a webhook endpoint that fails.
const (
	webhookMailAfter    = 15 * time.Minute // of failures, without a success
	webhookWarningAfter = transfer.WebhookPatience - 24*time.Hour
)

var selectFailingWebhook = newStatement(statement{
	name:    "select_failing_webhook",
	does:    "Reads what a mail says about a webhook endpoint that fails.",
	given:   "@id.",
	returns: "Its address, when it began to fail and how, for how many seconds it does, and its account; no row if it has none.",
	text: `
SELECT
	e.url,
	a.operator_id,
	e.failing_since,
	coalesce(e.last_failure, '') AS failure,
	coalesce(extract(epoch FROM clock_timestamp() - e.failing_since)::float8, 0) AS seconds
FROM webhook_endpoints e
JOIN accounts a ON a.id = e.account
WHERE e.id = @id`,
})

// mailAboutWebhook tells the technical contacts of an account that one of its webhook
// endpoints fails, is about to be disabled or, with a reason, was disabled.
func (t *Tx) mailAboutWebhook(ctx context.Context, id uuid.UUID, account int64, disabled transfer.DisabledReason) error {
	var e struct {
		URL          string              `db:"url"`
		OperatorID   transfer.OperatorID `db:"operator_id"`
		FailingSince *time.Time          `db:"failing_since"`
		Failure      string              `db:"failure"`
		Seconds      float64             `db:"seconds"`
	}
	switch err := t.get(ctx, &e, selectFailingWebhook, args{"id": id}); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("reading webhook endpoint %s: %w", id, err)
	}
	news := transfer.MailNews{Account: e.OperatorID, Webhook: &transfer.MailWebhookNews{Endpoint: id.String(), URL: e.URL, Failure: e.Failure, Reason: disabled}}
	var since time.Time
	if e.FailingSince != nil {
		since = e.FailingSince.UTC()
		end := since.Add(transfer.WebhookPatience)
		news.Webhook.Since = &since
		if disabled == "" {
			news.Webhook.DisableAt = &end
		}
	}
	failing := time.Duration(e.Seconds * float64(time.Second))
	switch {
	case disabled != "":
		news.Type = transfer.MailWebhookDisabled
	case failing >= webhookWarningAfter:
		news.Type = transfer.MailWebhookWarning
	case failing >= webhookMailAfter:
		news.Type = transfer.MailWebhookFailing
	default:
		return nil
	}
	// One mail of each type for each series of failures.
	return t.queueMails(ctx, newMail{
		event: fmt.Sprintf("%s-%s-%d", news.Type, id, since.Unix()), account: account, kind: transfer.MailKindWebhook, news: news,
	})
}
