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

// This file makes messages of the event feed, and mails (see mail_outbox.go). One transaction reads a page of
// the feed, stores the messages and their deliveries, and moves the position up
// to which the feed was read, so that no message is lost or made twice. What is
// sent to whom is decided by transfer.MessagesOf.

var lockOutbox = newStatement(statement{
	name:    "lock_outbox",
	does:    "Locks the position up to which events were made into messages.",
	returns: "The position, with the tx null if nothing was read yet; no row if another transaction has the lock.",
	locks:   "Takes the row of the outbox, as the first lock of the transaction.",
	text: `
SELECT tx::text::bigint AS tx, id
FROM outbox
WHERE feed = 'events'
FOR UPDATE SKIP LOCKED`,
})

var moveOutbox = newStatement(statement{
	name:  "move_outbox",
	does:  "Moves the position up to which events were made into messages.",
	given: "The position @tx and @id.",
	locks: "The caller holds the row of the outbox.",
	text:  `UPDATE outbox SET tx = @tx::text::xid8, id = @id WHERE feed = 'events'`,
})

var selectOutboxEvents = newStatement(statement{
	name:    "select_outbox_events",
	does:    "Reads events of all requests after a cursor, in the order of the feed, with who sees them.",
	given:   "The cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.",
	returns: "The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.",
	text: `
WITH page AS MATERIALIZED (
	SELECT e.tx, e.id, e.request, e.source, e.destination, e.seq, e.at, e.kind, e.to_state, e.detail, e.party
	FROM events e
	WHERE ` + feedWindow + `
	ORDER BY e.tx, e.id
	LIMIT @limit
)
SELECT
	e.tx::text::bigint AS tx,
	e.id,
	e.request,
	r.batch,
	r.reference,
	r.source,
	r.destination,
	e.source IS NOT NULL AS source_sees,
	e.destination IS NOT NULL AS destination_sees,
	src.operator_id AS source_operator_id,
	dst.operator_id AS destination_operator_id,
	e.seq,
	e.at,
	e.kind,
	coalesce(e.to_state, '') AS to_state,
	e.detail,
	e.party,
	coalesce(src.name, '') AS source_name,
	src.currency,
	coalesce(r.message, '') AS message,
	CASE WHEN r.state IN ('in_review', 'awaiting_acceptance') THEN r.expires_at END AS expires_at,
	r.n_eligible,
	r.charged
FROM page e
JOIN requests r ON r.id = e.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
ORDER BY e.tx, e.id`,
})

// outboxEvent is an event as messages are made of it.
type outboxEvent struct {
	Cursor
	Request         uuid.UUID             `db:"request"`
	Batch           *uuid.UUID            `db:"batch"`
	Reference       *string               `db:"reference"`
	Source          int64                 `db:"source"`
	Destination     int64                 `db:"destination"`
	SourceSees      bool                  `db:"source_sees"`
	DestinationSees bool                  `db:"destination_sees"`
	SourceID        transfer.OperatorID   `db:"source_operator_id"`
	DestinationID   transfer.OperatorID   `db:"destination_operator_id"`
	Seq             int                   `db:"seq"`
	At              time.Time             `db:"at"`
	Kind            transfer.EventKind    `db:"kind"`
	To              transfer.RequestState `db:"to_state"`
	Detail          json.RawMessage       `db:"detail"`

	// What only mails have.
	Party      transfer.Party    `db:"party"`
	SourceName string            `db:"source_name"`
	Currency   transfer.Currency `db:"currency"`
	Message    string            `db:"message"`
	ExpiresAt  *time.Time        `db:"expires_at"`
	Eligible   int               `db:"n_eligible"`
	Charged    int64             `db:"charged"`
}

func (e outboxEvent) facts() transfer.EventFacts {
	f := transfer.EventFacts{
		ID: e.String(), At: e.At, Kind: e.Kind, To: e.To, Seq: e.Seq, Request: e.Request.String(),
		Source: e.SourceID, Destination: e.DestinationID, Detail: e.Detail, SourceSees: e.SourceSees, DestinationSees: e.DestinationSees,
		By: e.Party, SourceName: e.SourceName, Message: e.Message, Fees: &transfer.Money{Minor: e.Charged, Currency: e.Currency},
	}
	if e.ExpiresAt != nil {
		f.ExpiresAt = new(e.ExpiresAt.UTC())
	}
	if e.Eligible > 0 {
		f.Offered = &e.Eligible
	}
	if e.Batch != nil {
		f.Batch = e.Batch.String()
	}
	if e.Reference != nil {
		f.Reference = *e.Reference
	}
	return f
}

// audience returns the account that hears what a party of the event hears; zero
// is staff.
func (e outboxEvent) audience(p transfer.Party) int64 {
	switch p {
	case transfer.PartySource:
		return e.Source
	case transfer.PartyDestination:
		return e.Destination
	case transfer.PartySupport, transfer.PartySystem:
	}
	return 0
}

var selectListeners = newStatement(statement{
	name:    "select_listeners",
	does:    "Lists the enabled webhook endpoints of some accounts and of staff.",
	given:   "@accounts.",
	returns: "The endpoints, with the account 0 for staff.",
	text: `
SELECT id, coalesce(account, 0) AS account, types
FROM webhook_endpoints
WHERE disabled_at IS NULL AND (account IS NULL OR account = ANY (@accounts))`,
})

var hasListeners = newStatement(statement{
	name:    "has_listeners",
	does:    "Finds out whether there is an enabled webhook endpoint.",
	returns: "True or false.",
	text:    `SELECT EXISTS (SELECT 1 FROM webhook_endpoints WHERE disabled_at IS NULL)`,
})

// listener is a webhook endpoint that hears of an account, or of all.
type listener struct {
	ID      uuid.UUID      `db:"id"`
	Account int64          `db:"account"`
	Types   pq.StringArray `db:"types"`
}

// listeners are enabled endpoints by their account; zero is staff.
type listeners map[int64][]listener

func (t *Tx) listeners(ctx context.Context, accounts []int64) (listeners, error) {
	var list []listener
	if err := t.list(ctx, &list, selectListeners, args{"accounts": pq.Array(accounts)}); err != nil {
		return nil, fmt.Errorf("looking for webhook endpoints: %w", err)
	}
	found := listeners{}
	for _, l := range list {
		found[l.Account] = append(found[l.Account], l)
	}
	return found, nil
}

// of returns the endpoints of an audience that get messages of a type.
func (l listeners) of(account int64, kind, about transfer.MessageType) []uuid.UUID {
	var ids []uuid.UUID
	for _, e := range l[account] {
		chosen := make([]transfer.MessageType, len(e.Types))
		for i, name := range e.Types {
			chosen[i] = transfer.MessageType(name)
		}
		if transfer.Wants(chosen, kind, about) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// outgoing is a message to be stored with its deliveries.
type outgoing struct {
	event     string
	account   int64 // zero: staff
	kind      transfer.MessageType
	at        time.Time
	body      string
	endpoints []uuid.UUID
}

// The times of collecting the messages about a batch.
const (
	groupWait    = 2 * time.Second // of the first message
	maxGroupWait = time.Minute
	groupsKept   = time.Hour // after the last event
)

// outboxGroups is how many collected messages one transaction makes.
const outboxGroups = 500

// FillOutbox makes messages of up to limit events, and reports whether there may
// be more. Any number of processes can call it at once: one of them does the
// work, and the others return.
func (db *DB) FillOutbox(ctx context.Context, limit int) (more bool, err error) {
	if _, err := db.horizon(ctx); err != nil { // looked up before the transaction, which would need a second connection
		return false, err
	}
	err = db.InTx(ctx, func(t *Tx) error {
		more, err = t.FillOutbox(ctx, limit)
		return err
	})
	return more, err
}

// FillOutbox is DB.FillOutbox in the transaction.
func (t *Tx) FillOutbox(ctx context.Context, limit int) (more bool, err error) {
	return t.fillOutbox(ctx, fmt.Sprint(t.db.feeds.passed.Load()), limit)
}

func (t *Tx) fillOutbox(ctx context.Context, horizon string, limit int) (more bool, err error) {
	var at struct {
		Tx *int64 `db:"tx"`
		ID int64  `db:"id"`
	}
	switch err := t.get(ctx, &at, lockOutbox, args{}); {
	case errors.Is(err, ErrNotFound):
		return false, nil // another process does it
	case err != nil:
		return false, fmt.Errorf("locking the outbox: %w", err)
	}
	var any bool
	if err := t.get(ctx, &any, hasListeners, args{}); err != nil {
		return false, fmt.Errorf("looking for webhook endpoints: %w", err)
	}
	mails, err := isMailActiveIn(ctx, t)
	if err != nil {
		return false, err
	}
	if at.Tx == nil || !any && !mails { // what happens without endpoints and without mail is not made into messages later
		return false, t.skipOutbox(ctx, horizon, at.Tx, at.ID)
	}
	var page []outboxEvent
	if err := t.list(ctx, &page, selectOutboxEvents, args{
		"tx": Cursor{Tx: *at.Tx}.tx(), "id": at.ID, "horizon": horizon, "limit": limit,
	}); err != nil {
		return false, fmt.Errorf("reading events for messages: %w", err)
	}
	moreMails := false
	if mails {
		if err := t.mailsOf(ctx, page); err != nil {
			return false, err
		}
		moreDigests, err := t.dueMails(ctx)
		if err != nil {
			return false, err
		}
		morePulls, err := t.mailsOfPulls(ctx)
		if err != nil {
			return false, err
		}
		moreMails = moreDigests || morePulls
	}
	list, err := t.messagesOf(ctx, page)
	if err != nil {
		return false, err
	}
	collected, moreGroups, err := t.dueGroups(ctx)
	if err != nil {
		return false, err
	}
	changes, err := t.dueChanges(ctx)
	if err != nil {
		return false, err
	}
	if err := t.send(ctx, append(append(list, collected...), changes...)); err != nil {
		return false, err
	}
	if len(page) > 0 {
		if err := t.moveOutbox(ctx, page[len(page)-1].Cursor); err != nil {
			return false, err
		}
	}
	return len(page) == limit || moreGroups || moreMails, nil
}

func (t *Tx) moveOutbox(ctx context.Context, to Cursor) error {
	if _, err := t.exec(ctx, moveOutbox, args{"tx": to.tx(), "id": to.ID}); err != nil {
		return fmt.Errorf("moving the outbox: %w", err)
	}
	return nil
}

// skipOutbox moves the position to the end of what can be read.
func (t *Tx) skipOutbox(ctx context.Context, horizon string, tx *int64, id int64) error {
	var end Cursor
	if err := t.get(ctx, &end, selectFeedEnd, args{"account": 0, "horizon": horizon}); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("looking for the end of the feed: %w", err)
	}
	if tx != nil && end == (Cursor{*tx, id}) {
		return nil
	}
	return t.moveOutbox(ctx, end)
}

// messagesOf returns the messages about events that are sent at once, and
// collects the others.
func (t *Tx) messagesOf(ctx context.Context, page []outboxEvent) ([]outgoing, error) {
	if len(page) == 0 {
		return nil, nil
	}
	var accounts []int64
	for _, e := range page {
		accounts = append(accounts, e.Source, e.Destination)
	}
	hear, err := t.listeners(ctx, accounts)
	if err != nil {
		return nil, err
	}
	var list []outgoing
	groups := groups{}
	for _, e := range page {
		messages, err := transfer.MessagesOf(e.facts())
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			to := e.audience(m.To)
			if m.Batch != "" {
				if len(hear.of(to, transfer.MessageBatch, m.Type)) > 0 {
					groups.add(to, m)
				}
				continue
			}
			endpoints := hear.of(to, m.Type, "")
			if len(endpoints) == 0 {
				continue
			}
			body, err := transfer.MessageBody(m.Type, m.At, m.News)
			if err != nil {
				return nil, err
			}
			list = append(list, outgoing{m.ID, to, m.Type, m.At, body, endpoints})
		}
	}
	return list, t.collect(ctx, groups, page)
}

// groupKey names what is collected together.
type groupKey struct {
	account int64
	batch   string
	kind    transfer.MessageType
}

// groups are the messages of a page that are collected.
type groups map[groupKey]*messageGroup

type messageGroup struct {
	Account   int64                `db:"account"`
	Batch     uuid.UUID            `db:"batch"`
	Type      transfer.MessageType `db:"type"`
	Source    transfer.OperatorID  `db:"source"`
	Requests  int                  `db:"requests"`
	SIMs      int                  `db:"sims"`
	Completed int                  `db:"completed"`
	Event     string               `db:"event"`
	At        time.Time            `db:"at"`
}

func (g groups) add(account int64, m transfer.Message) {
	key := groupKey{account, m.Batch, m.Type}
	if g[key] == nil {
		g[key] = &messageGroup{Source: m.News.Source}
	}
	of := g[key]
	of.Requests++
	if m.News.SIMs != nil {
		of.SIMs += *m.News.SIMs
	}
	if m.News.Completed != nil {
		of.Completed += *m.News.Completed
	}
	of.Event, of.At = m.ID, m.At
}

var collectMessages = newStatement(statement{
	name: "collect_messages",
	does: "Adds events of batches to those that are collected.",
	given: `Arrays with a row for each group: @accounts, @batches, @types, @sources, @requests, @sims, @completed, the last
		event (@events) and its time (@ats). @wait: after how many seconds the first message is due.`,
	locks: "The caller holds the row of the outbox.",
	text: `
INSERT INTO message_groups AS g (account, batch, type, source, requests, sims, completed, event, at, due_at, wait)
SELECT u.account, u.batch, u.type, u.source, u.requests, u.sims, u.completed, u.event, u.at,
	clock_timestamp() + make_interval(secs => @wait), make_interval(secs => @wait)
FROM unnest(@accounts::bigint[], @batches::uuid[], @types::text[], @sources::text[], @requests::int[], @sims::bigint[], @completed::bigint[],
	@events::text[], @ats::timestamptz[]) AS u (account, batch, type, source, requests, sims, completed, event, at)
ON CONFLICT (account, batch, type) DO UPDATE
SET requests = g.requests + excluded.requests,
	sims = g.sims + excluded.sims,
	completed = g.completed + excluded.completed,
	event = excluded.event,
	at = excluded.at,
	due_at = CASE WHEN g.requests > 0 THEN g.due_at ELSE greatest(g.due_at, excluded.due_at) END`,
})

// When nothing in the batch is left to happen, there is nothing to wait for.
var hastenGroups = newStatement(statement{
	name:  "hasten_groups",
	does:  "Makes the messages that are collected for batches due now if all requests of the batch are finished.",
	given: "@batches.",
	locks: "The caller holds the row of the outbox.",
	text: `
UPDATE message_groups g
SET due_at = clock_timestamp()
WHERE g.batch = ANY (@batches)
  AND g.requests > 0
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.batch = g.batch AND r.finished_at IS NULL)`,
})

// collect adds the groups of a page to those that are stored.
func (t *Tx) collect(ctx context.Context, g groups, page []outboxEvent) error {
	if len(g) == 0 {
		return nil
	}
	var accounts, requests, sims, completed []int64
	var batches, types, sources, events []string
	var ats []time.Time
	for key, of := range g {
		accounts, batches, types = append(accounts, key.account), append(batches, key.batch), append(types, string(key.kind))
		sources, events, ats = append(sources, string(of.Source)), append(events, of.Event), append(ats, of.At)
		requests, sims, completed = append(requests, int64(of.Requests)), append(sims, int64(of.SIMs)), append(completed, int64(of.Completed))
	}
	if _, err := t.exec(ctx, collectMessages, args{
		"accounts": pq.Array(accounts), "batches": pq.Array(batches), "types": pq.Array(types), "sources": pq.Array(sources),
		"requests": pq.Array(requests), "sims": pq.Array(sims), "completed": pq.Array(completed),
		"events": pq.Array(events), "ats": pq.Array(ats), "wait": groupWait.Seconds(),
	}); err != nil {
		return fmt.Errorf("collecting the messages of batches: %w", err)
	}
	finished := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for _, e := range page {
		if e.Kind == transfer.EventFinish && e.Batch != nil && !finished[*e.Batch] {
			finished[*e.Batch] = true
			ids = append(ids, *e.Batch)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := t.exec(ctx, hastenGroups, args{"batches": pq.Array(ids)}); err != nil {
		return fmt.Errorf("hastening the messages of batches: %w", err)
	}
	return nil
}

var takeGroups = newStatement(statement{
	name: "take_groups",
	does: "Takes what was collected for batches and is due. The next message of the same kind collects for twice as long.",
	given: `The highest number of @seconds that a message collects; @keep: for how many seconds a group without events is
		kept; @limit: maximum number of rows.`,
	returns: "What was collected.",
	locks:   "The caller holds the row of the outbox.",
	text: `
WITH old AS (
	DELETE FROM message_groups
	WHERE due_at < clock_timestamp() - make_interval(secs => @keep) AND requests = 0
), due AS MATERIALIZED (
	SELECT *
	FROM message_groups
	WHERE due_at <= clock_timestamp() AND requests > 0
	ORDER BY due_at
	LIMIT @limit
), taken AS (
	UPDATE message_groups g
	SET requests = 0,
		sims = 0,
		completed = 0,
		wait = least(g.wait * 2, make_interval(secs => @seconds)),
		due_at = clock_timestamp() + least(g.wait * 2, make_interval(secs => @seconds))
	FROM due
	WHERE (g.account, g.batch, g.type) = (due.account, due.batch, due.type)
)
SELECT account, batch, type, source, requests, sims, completed, event, at
FROM due
ORDER BY due_at, account, batch, type`,
})

// dueGroups returns the messages about batches that are due, and whether there
// are more.
func (t *Tx) dueGroups(ctx context.Context) ([]outgoing, bool, error) {
	var due []messageGroup
	if err := t.list(ctx, &due, takeGroups, args{"seconds": maxGroupWait.Seconds(), "keep": groupsKept.Seconds(), "limit": outboxGroups}); err != nil {
		return nil, false, fmt.Errorf("looking for collected messages: %w", err)
	}
	if len(due) == 0 {
		return nil, false, nil
	}
	accounts := make([]int64, len(due))
	for i, g := range due {
		accounts[i] = g.Account
	}
	hear, err := t.listeners(ctx, accounts)
	if err != nil {
		return nil, false, err
	}
	var list []outgoing
	for _, g := range due {
		endpoints := hear.of(g.Account, transfer.MessageBatch, g.Type)
		if len(endpoints) == 0 {
			continue
		}
		body, err := transfer.MessageBody(transfer.MessageBatch, g.At, transfer.BatchNews{
			Batch: g.Batch.String(), Path: "/v1/batches/" + g.Batch.String(), Event: g.Type, Source: g.Source,
			Requests: g.Requests, SIMs: g.SIMs, Completed: g.Completed, Cursor: g.Event,
		})
		if err != nil {
			return nil, false, err
		}
		list = append(list, outgoing{g.Event, g.Account, transfer.MessageBatch, g.At, body, endpoints})
	}
	return list, len(due) == outboxGroups, nil
}

// An endpoint that does not answer gets one message, however many changes there
// are, because the message has the end of the feed, and the receiver reads from its own
// position.
var takeChanges = newStatement(statement{
	name: "take_changes",
	does: `Finds the endpoints of staff that are to get a message about new entries of the changes feed: at most once a second, and not
		while they have not received the last message about it. Records that they get it.`,
	given:   "The @type of the messages.",
	returns: "The endpoints, the number of the newest row of changes that has one, and when that got it.",
	locks:   "Takes the endpoints.",
	text: `
WITH newest AS MATERIALIZED (
	SELECT seq, numbered_at
	FROM changes
	WHERE seq IS NOT NULL
	ORDER BY seq DESC
	LIMIT 1
)
UPDATE webhook_endpoints w
SET changes_seq = newest.seq, changes_at = clock_timestamp()
FROM newest
WHERE w.account IS NULL
  AND w.disabled_at IS NULL
  AND (w.types = '{}' OR @type::text = ANY (w.types))
  AND w.changes_seq < newest.seq
  AND (w.changes_at IS NULL OR w.changes_at < clock_timestamp() - interval '1 s')
  AND NOT EXISTS (
	SELECT 1
	FROM webhook_deliveries d
	JOIN messages m ON m.id = d.message
	WHERE d.endpoint = w.id AND d.state = 'pending' AND m.type = @type
  )
RETURNING w.id AS endpoint, newest.seq, newest.numbered_at AS at`,
})

// dueChanges returns the messages about the changes feed.
func (t *Tx) dueChanges(ctx context.Context) ([]outgoing, error) {
	var due []struct {
		Endpoint uuid.UUID `db:"endpoint"`
		Seq      int64     `db:"seq"`
		At       time.Time `db:"at"`
	}
	if err := t.list(ctx, &due, takeChanges, args{"type": transfer.MessageChanges}); err != nil {
		return nil, fmt.Errorf("looking for endpoints that wait for changes: %w", err)
	}
	if len(due) == 0 {
		return nil, nil
	}
	cursor := ChangeCursor{Seq: due[0].Seq + 1}.String()
	body, err := transfer.MessageBody(transfer.MessageChanges, due[0].At, transfer.ChangesNews{Cursor: cursor, Path: "/v1/changes"})
	if err != nil {
		return nil, err
	}
	m := outgoing{event: "changes-" + cursor, kind: transfer.MessageChanges, at: due[0].At, body: body}
	for _, d := range due {
		m.endpoints = append(m.endpoints, d.Endpoint)
	}
	return []outgoing{m}, nil
}

var insertMessages = newStatement(statement{
	name: "insert_messages",
	does: "Stores messages with their deliveries.",
	given: `Arrays with a row for each message: the @events that name them, the @accounts that hear them (0: staff), @types,
		@ats and @bodies. Arrays with a row for each delivery: the @endpoints, and of which message: by its number in the
		arrays (@nths). Messages of one account have different names.`,
	returns: "The number of deliveries.",
	text: `
WITH given AS MATERIALIZED (
	SELECT *
	FROM unnest(@events::text[], @accounts::bigint[], @types::text[], @ats::timestamptz[], @bodies::text[])
		WITH ORDINALITY AS u (event, account, type, at, body, nth)
), made AS (
	INSERT INTO messages (event, account, type, at, body)
	SELECT event, nullif(account, 0), type, at, body
	FROM given
	ORDER BY nth
	RETURNING id, event, coalesce(account, 0) AS account
), delivered AS (
	INSERT INTO webhook_deliveries (endpoint, message)
	SELECT d.endpoint, made.id
	FROM unnest(@endpoints::uuid[], @nths::bigint[]) AS d (endpoint, nth)
	JOIN given ON given.nth = d.nth
	JOIN made ON made.event = given.event AND made.account = given.account
	ORDER BY made.id, d.endpoint
	RETURNING 1
)
SELECT count(*) FROM delivered`,
})

// The row of a lane that is being worked on is locked, and its worker looks for
// deliveries again before it gives the lane back.
var openLanes = newStatement(statement{
	name:  "open_lanes",
	does:  "Makes the work of webhook endpoints due, because they have deliveries that are.",
	given: "@endpoints.",
	locks: "Takes the rows of work, after the deliveries were stored.",
	text: `
INSERT INTO work (kind, items, n, queue, not_before)
SELECT
	'deliver_webhooks',
	ARRAY[lane],
	1,
	CASE WHEN slow THEN 'notify_webhook_slow' ELSE 'notify_webhook' END,
	greatest(clock_timestamp(), paused_until)
FROM webhook_endpoints
WHERE id = ANY (@endpoints) AND disabled_at IS NULL
ORDER BY lane
ON CONFLICT ((items[1])) WHERE kind = 'deliver_webhooks' DO UPDATE
SET not_before = least(work.not_before, excluded.not_before), queue = excluded.queue
WHERE work.dispatched_at IS NULL`,
})

// send stores messages and their deliveries, and makes the work of their
// endpoints due.
func (t *Tx) send(ctx context.Context, list []outgoing) error {
	if len(list) == 0 {
		return nil
	}
	var events, types, bodies []string
	var accounts, nths []int64
	var ats []time.Time
	var endpoints []uuid.UUID
	for i, m := range list {
		events, accounts, types = append(events, m.event), append(accounts, m.account), append(types, string(m.kind))
		ats, bodies = append(ats, m.at), append(bodies, m.body)
		for _, e := range m.endpoints {
			endpoints, nths = append(endpoints, e), append(nths, int64(i+1))
		}
	}
	var n int
	if err := t.get(ctx, &n, insertMessages, args{
		"events": pq.Array(events), "accounts": pq.Array(accounts), "types": pq.Array(types), "ats": pq.Array(ats), "bodies": pq.Array(bodies),
		"endpoints": pq.Array(endpoints), "nths": pq.Array(nths),
	}); err != nil {
		return fmt.Errorf("storing %d messages: %w", len(list), err)
	}
	if n != len(endpoints) {
		return fmt.Errorf("storing %d messages: %d of %d deliveries were made", len(list), n, len(endpoints))
	}
	return t.openLanes(ctx, endpoints)
}

func (t *Tx) openLanes(ctx context.Context, endpoints []uuid.UUID) error {
	if _, err := t.exec(ctx, openLanes, args{"endpoints": pq.Array(endpoints)}); err != nil {
		return fmt.Errorf("making the work of %d webhook endpoints due: %w", len(endpoints), err)
	}
	return nil
}

var purgeMessages = newStatement(statement{
	name:    "purge_messages",
	does:    "Deletes old messages with their deliveries, if none of these is pending.",
	given:   "@keep: for how many seconds they are kept; @limit: maximum number of messages.",
	returns: "The number of messages.",
	text: `
WITH old AS (
	SELECT id
	FROM messages m
	WHERE created_at < clock_timestamp() - make_interval(secs => @keep)
	  AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.message = m.id AND d.state = 'pending')
	ORDER BY created_at
	LIMIT @limit
), deleted AS (
	DELETE FROM messages m
	USING old
	WHERE m.id = old.id
	RETURNING 1
)
SELECT count(*) FROM deleted`,
})

// PurgeMessages deletes up to limit messages that are older than keep, with
// their deliveries, and returns how many it has deleted.
func (db *DB) PurgeMessages(ctx context.Context, keep time.Duration, limit int) (int, error) {
	var n int
	if err := db.get(ctx, &n, purgeMessages, args{"keep": keep.Seconds(), "limit": limit}); err != nil {
		return 0, fmt.Errorf("deleting old messages: %w", err)
	}
	return n, nil
}
