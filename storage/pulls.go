package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// This file has the pull requests: a destination asks for SIMs by ICCID, and
// each account that owns some of them approves or refuses. An approval makes an
// ordinary request in the same transaction. The asker must not learn who owns a
// SIM, or whether anyone does, unless an owner approves: nothing that it reads
// depends on pull_owners, except the requests that were offered to it.

// Pull is a pull request as an account or support sees it.
type Pull struct {
	ID        uuid.UUID           `db:"id"`
	Asker     transfer.OperatorID `db:"asker"`
	AskerName *string             `db:"asker_name"`
	Outgoing  bool                `db:"outgoing"` // the viewer is the asker
	State     transfer.PullState  `db:"state"`    // as the viewer may know it
	Size      int                 `db:"size"`     // of the SIMs: all for the asker and support, the owner's for an owner
	Reference *string             `db:"reference"`
	Message   *string             `db:"message"`
	CreatedAt time.Time           `db:"created_at"`
	ExpiresAt time.Time           `db:"expires_at"`
	EndedAt   *time.Time          `db:"ended_at"` // when it was decided on or canceled, as far as the viewer may know it
	Requests  pq.StringArray      `db:"requests"` // ids of the requests that approvals made, as far as the viewer sees them
}

// pullStateSQL is the state of the pull request p for the owner whose part o is, or
// for the asker and support, who have none.
const pullStateSQL = `coalesce(o.decision, CASE
	WHEN p.canceled_at IS NOT NULL THEN 'canceled'
	WHEN p.expires_at <= clock_timestamp() THEN 'expired'
	ELSE 'open'
END)`

// pullsSQL selects pull requests p as the account @viewer sees them, or support
// if it is 0. An owner sees its part while it has one of the SIMs, and after it
// has decided.
func pullsSQL() string {
	return `
SELECT
	p.id,
	a.operator_id AS asker,
	a.name AS asker_name,
	p.asker = @viewer AS outgoing,
	` + indent(1, pullStateSQL) + ` AS state,
	CASE
		WHEN o.pull IS NULL THEN cardinality(p.iccids)
		WHEN o.decision IS NULL THEN (SELECT count(*) FROM sims s WHERE s.id = ANY (o.sims) AND s.account = o.owner)
		ELSE cardinality(o.sims)
	END AS size,
	p.reference,
	p.message,
	p.created_at,
	p.expires_at,
	coalesce(o.decided_at, p.canceled_at) AS ended_at,
	ARRAY(
		SELECT made.request::text
		FROM pull_owners made
		JOIN requests r ON r.id = made.request
		WHERE made.pull = p.id
		  AND (@viewer = 0 OR made.owner = @viewer OR p.asker = @viewer AND r.offered_at IS NOT NULL)
		ORDER BY made.request
	) AS requests
FROM pulls p
JOIN accounts a ON a.id = p.asker
LEFT JOIN pull_owners o ON o.pull = p.id AND o.owner = @viewer
WHERE (@viewer = 0 OR p.asker = @viewer OR o.decision IS NOT NULL
	OR EXISTS (SELECT 1 FROM sims s WHERE s.id = ANY (o.sims) AND s.account = o.owner))`
}

// PullFilter selects pull requests. A zero field selects all.
type PullFilter struct {
	Viewer   int64 // the account that lists; zero: support
	Incoming bool  // only those that ask the viewer
	Outgoing bool  // only those that the viewer asks
	Account  int64 // only those that an account asks; for support
	States   []transfer.PullState
	Before   *uuid.UUID // only pull requests made before this one: the cursor
	Limit    int        // maximum number of rows; required
}

var selectPulls = newStatement(statement{
	name: "select_pulls",
	does: "Lists pull requests as an account or support sees them, the latest first.",
	given: `@viewer: the account that lists, 0: support. @incoming and @outgoing: only those that ask the viewer,
		or that the viewer asks. @account that asks (0: any). @states as the viewer knows them (null: any).
		@before: only pull requests with lower ids (null: all). The maximum number of rows: @limit.`,
	returns: "The pull requests.",
	text: `
` + pullsSQL() + `
  AND (@viewer = 0 OR p.id IN (SELECT id FROM pulls WHERE asker = @viewer UNION ALL SELECT pull FROM pull_owners WHERE owner = @viewer))
  AND (@account::bigint = 0 OR p.asker = @account)
  AND (@before::uuid IS NULL OR p.id < @before)
  AND (NOT @incoming::boolean OR p.asker <> @viewer)
  AND (NOT @outgoing::boolean OR p.asker = @viewer)
  AND (@states::text[] IS NULL OR ` + indent(1, pullStateSQL) + ` = ANY (@states))
ORDER BY p.id DESC
LIMIT @limit`,
})

// Pulls lists pull requests, the latest first.
func (db *DB) Pulls(ctx context.Context, f PullFilter) ([]Pull, error) {
	list := []Pull{}
	if err := db.list(ctx, &list, selectPulls, args{
		"viewer": f.Viewer, "incoming": f.Incoming, "outgoing": f.Outgoing, "account": f.Account,
		"states": textArray(f.States), "before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing pull requests: %w", err)
	}
	return list, nil
}

var selectPull = newStatement(statement{
	name:    "select_pull",
	does:    "Reads a pull request as an account or support sees it.",
	given:   "@pull, and @viewer: the account that reads, 0: support.",
	returns: "The pull request; no row if the account does not see one.",
	text:    pullsSQL() + ` AND p.id = @pull`,
})

// Pull returns a pull request as an account sees it, or support if viewer is
// zero. It returns ErrNotFound if there is none that the viewer sees.
func (db *DB) Pull(ctx context.Context, id uuid.UUID, viewer int64) (Pull, error) {
	return pullBy(ctx, db, id, viewer)
}

// Pull is DB.Pull in the transaction.
func (t *Tx) Pull(ctx context.Context, id uuid.UUID, viewer int64) (Pull, error) {
	return pullBy(ctx, t, id, viewer)
}

func pullBy(ctx context.Context, q querier, id uuid.UUID, viewer int64) (Pull, error) {
	var p Pull
	err := q.get(ctx, &p, selectPull, args{"pull": id, "viewer": viewer})
	return p, err
}

var selectPullSIMs = newStatement(statement{
	name:    "select_pull_sims",
	does:    "Lists the SIMs of a pull request.",
	given:   `@pull, and @viewer: an owner gets its SIMs, the asker and support (0) get all as they were asked for.`,
	returns: "The ICCIDs, in the order in which they were asked for.",
	text: `
SELECT coalesce(s.iccid, u.iccid)
FROM pulls p
LEFT JOIN pull_owners o ON o.pull = p.id AND o.owner = @viewer
CROSS JOIN LATERAL (
	SELECT nth, iccid, NULL::bigint AS sim
	FROM unnest(p.iccids) WITH ORDINALITY AS asked (iccid, nth)
	WHERE o.pull IS NULL
	UNION ALL
	SELECT nth, NULL, sim
	FROM unnest(o.sims) WITH ORDINALITY AS owned (sim, nth)
) u
LEFT JOIN sims s ON s.id = u.sim
WHERE p.id = @pull
  AND (u.sim IS NULL OR o.decision IS NOT NULL OR s.account = o.owner)
ORDER BY u.nth`,
})

// PullSIMs lists the ICCIDs of a pull request that the viewer sees.
func (db *DB) PullSIMs(ctx context.Context, id uuid.UUID, viewer int64) ([]string, error) {
	return pullSIMs(ctx, db, id, viewer)
}

// PullSIMs is DB.PullSIMs in the transaction.
func (t *Tx) PullSIMs(ctx context.Context, id uuid.UUID, viewer int64) ([]string, error) {
	return pullSIMs(ctx, t, id, viewer)
}

func pullSIMs(ctx context.Context, q querier, id uuid.UUID, viewer int64) ([]string, error) {
	list := []string{}
	if err := q.list(ctx, &list, selectPullSIMs, args{"pull": id, "viewer": viewer}); err != nil {
		return nil, fmt.Errorf("listing the SIMs of pull request %s: %w", id, err)
	}
	return list, nil
}

// PullOwner is the part of a pull request that one owner decides on.
type PullOwner struct {
	Owner     transfer.OperatorID `db:"owner"`
	Size      int                 `db:"size"`
	Decision  *string             `db:"decision"`
	DecidedAt *time.Time          `db:"decided_at"`
	Request   *uuid.UUID          `db:"request"`
}

var selectPullOwners = newStatement(statement{
	name:    "select_pull_owners",
	does:    "Lists the owners whom a pull request asks. For support only.",
	given:   "@pull.",
	returns: "The owners, by operator id.",
	text: `
SELECT a.operator_id AS owner, cardinality(o.sims) AS size, o.decision, o.decided_at, o.request
FROM pull_owners o
JOIN accounts a ON a.id = o.owner
WHERE o.pull = @pull
ORDER BY a.operator_id`,
})

// PullOwners lists the owners whom a pull request asks. Only support may see them.
func (db *DB) PullOwners(ctx context.Context, id uuid.UUID) ([]PullOwner, error) {
	return pullOwners(ctx, db, id)
}

// PullOwners is DB.PullOwners in the transaction.
func (t *Tx) PullOwners(ctx context.Context, id uuid.UUID) ([]PullOwner, error) {
	return pullOwners(ctx, t, id)
}

func pullOwners(ctx context.Context, q querier, id uuid.UUID) ([]PullOwner, error) {
	list := []PullOwner{}
	if err := q.list(ctx, &list, selectPullOwners, args{"pull": id}); err != nil {
		return nil, fmt.Errorf("listing the owners of pull request %s: %w", id, err)
	}
	return list, nil
}

// NewPull is what a pull request is made from.
type NewPull struct {
	Asker     Account
	ICCIDs    []transfer.Identifier // 1 to transfer.MaxPullSIMs, each once
	Reference string
	Message   string
	Period    time.Duration // how long owners have to answer
	By        Actor
}

// OwnSIMsError names SIMs that an account asks for although it owns them, by
// their places in the list.
type OwnSIMsError struct{ Places []int64 }

func (e *OwnSIMsError) Error() string {
	return fmt.Sprintf("%d of the SIMs belong to the account that asks for them", len(e.Places))
}

// The statement looks up both forms of every ICCID and joins the same tables for
// all of them, so that its work depends on the length of the list.
var insertPull = newStatement(statement{
	name: "insert_pull",
	does: "Creates a pull request, and a part of it for each account that owns some of the SIMs.",
	given: `The @id, the @asker, the @iccids and the @others: the same ICCIDs with or without their check digits,
		an empty text for those that have no other form. @reference and @message (empty: none), the
		@period in seconds, and the API @key.`,
	returns: "Its time limit, and the places of SIMs in the list, from 0, that the asker owns: then the caller must roll back.",
	text: `
WITH owned AS MATERIALIZED (
	SELECT min(u.nth) AS nth, s.id AS sim, s.account AS owner
	FROM unnest(@iccids::text[], @others::text[]) WITH ORDINALITY AS u (iccid, other, nth)
	JOIN identifiers i ON i.identifier IN (u.iccid, u.other) AND i.kind = 'iccid'
	JOIN sims s ON s.id = i.sim
	GROUP BY s.id, s.account
), made AS (
	INSERT INTO pulls (id, asker, iccids, reference, message, api_key, expires_at)
	VALUES (@id, @asker, @iccids, nullif(@reference, ''), nullif(@message, ''), @key, clock_timestamp() + make_interval(secs => @period))
	RETURNING expires_at
), asked AS (
	INSERT INTO pull_owners (pull, owner, sims)
	SELECT @id, owner, array_agg(sim ORDER BY nth)
	FROM owned
	WHERE owner <> @asker
	GROUP BY owner
	RETURNING pull, owner
), news AS (
	INSERT INTO pull_news (pull, owner)
	SELECT pull, owner FROM asked
)
SELECT
	(SELECT expires_at FROM made) AS expires_at,
	ARRAY(SELECT nth - 1 FROM owned WHERE owner = @asker ORDER BY nth) AS own`,
})

// CreatePull makes a pull request. It returns an *OwnSIMsError if the asker owns
// some of the SIMs, and a *LimitError if it asks for too much; the caller must
// then roll back.
func (t *Tx) CreatePull(ctx context.Context, p NewPull, d DefaultLimits) (Pull, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Pull{}, fmt.Errorf("making the id of a pull request: %w", err)
	}
	others := make([]string, len(p.ICCIDs))
	for i, iccid := range p.ICCIDs {
		if other, ok := iccid.OtherForm(); ok {
			others[i] = other.String()
		}
	}
	var made struct {
		ExpiresAt time.Time     `db:"expires_at"`
		Own       pq.Int64Array `db:"own"`
	}
	if err := t.get(ctx, &made, insertPull, args{
		"id": id, "asker": p.Asker.ID, "iccids": pq.Array(texts(p.ICCIDs)), "others": pq.Array(others),
		"reference": p.Reference, "message": p.Message, "period": p.Period.Seconds(), "key": p.By.key(),
	}); err != nil {
		return Pull{}, fmt.Errorf("creating a pull request: %w", err)
	}
	if len(made.Own) > 0 {
		return Pull{}, &OwnSIMsError{made.Own}
	}
	if err := t.checkPulls(ctx, p.Asker, d, len(p.ICCIDs)); err != nil {
		return Pull{}, err
	}
	if err := t.Audit(ctx, AuditEntry{
		By: p.By, Action: transfer.AuditPullCreate, Account: p.Asker.ID, Object: "pull_request", ObjectID: id.String(),
		After: map[string]any{"sims": len(p.ICCIDs)},
	}); err != nil {
		return Pull{}, err
	}
	return t.Pull(ctx, id, p.Asker.ID)
}

var countPulls = newStatement(statement{
	name:    "count_pulls",
	does:    "Counts what an account asks for.",
	given:   "@account.",
	returns: "Its open pull requests, and the SIMs that it has asked for in the last 24 hours. Neither depends on answers.",
	locks:   "The caller holds the advisory lock of the account's limits.",
	text: `
SELECT
	count(*) FILTER (WHERE canceled_at IS NULL AND expires_at > clock_timestamp()) AS open,
	coalesce(sum(cardinality(iccids)) FILTER (WHERE created_at > clock_timestamp() - interval '24 hours'), 0) AS sims
FROM pulls
WHERE asker = @account`,
})

// checkPulls returns a *LimitError if the account asks for too much with the pull
// request that the transaction has made. It is called last, as EnforceLimits is.
func (t *Tx) checkPulls(ctx context.Context, a Account, d DefaultLimits, sims int) error {
	if err := t.lockLimits(ctx, a); err != nil {
		return err
	}
	var used struct {
		Open int `db:"open"`
		SIMs int `db:"sims"`
	}
	if err := t.get(ctx, &used, countPulls, args{"account": a.ID}); err != nil {
		return fmt.Errorf("counting the pull requests of account %s: %w", a.OperatorID, err)
	}
	if d.OpenPulls > 0 && used.Open > d.OpenPulls {
		return &LimitError{a.OperatorID, LimitOpenPulls, d.OpenPulls, used.Open - 1, 1}
	}
	if d.PulledSIMs > 0 && used.SIMs > d.PulledSIMs {
		return &LimitError{a.OperatorID, LimitPulledSIMs, d.PulledSIMs, used.SIMs - sims, sims}
	}
	return nil
}

var lockPull = newStatement(statement{
	name:    "lock_pull",
	does:    "Locks a pull request, to cancel it.",
	given:   "@pull.",
	returns: "The account that asks; no row if there is no such pull request.",
	locks:   "Takes the pull request.",
	text:    `SELECT asker FROM pulls WHERE id = @pull FOR NO KEY UPDATE`,
})

var sharePull = newStatement(statement{
	name:    "share_pull",
	does:    "Keeps a pull request from being canceled.",
	given:   "@pull.",
	returns: "The account that asks; no row if there is no such pull request.",
	locks:   "Takes the pull request, shared with the decisions of other owners.",
	text:    `SELECT asker FROM pulls WHERE id = @pull FOR SHARE`,
})

var selectAsker = newStatement(statement{
	name:    "select_pull_asker",
	does:    "Finds the account that asks with a pull request. It never changes.",
	given:   "@pull.",
	returns: "The account; no row if there is no such pull request.",
	text:    `SELECT asker FROM pulls WHERE id = @pull`,
})

var lockPullOwner = newStatement(statement{
	name:    "lock_pull_owner",
	does:    "Locks an owner's part of a pull request.",
	given:   "@pull and @owner.",
	returns: "The owner; no row if it is not asked.",
	locks:   "The caller holds the pull request. Takes the part.",
	text:    `SELECT owner FROM pull_owners WHERE pull = @pull AND owner = @owner FOR NO KEY UPDATE`,
})

var cancelPull = newStatement(statement{
	name:  "cancel_pull",
	does:  "Ends a pull request on behalf of the asker.",
	given: "@pull.",
	locks: "The caller holds the pull request.",
	text:  `UPDATE pulls SET canceled_at = clock_timestamp() WHERE id = @pull`,
})

// CancelPull ends a pull request for all owners who have not decided. The viewer
// is the asker, or zero for support. It returns ErrNotFound if the viewer did not
// make it, the error of check, which sees the pull request as the viewer does while
// it is locked (nil: no check), and a *transfer.PullStateError if it is not open.
func (t *Tx) CancelPull(ctx context.Context, by Actor, id uuid.UUID, viewer int64, check func(Pull) error) (Pull, error) {
	var asker int64
	if err := t.get(ctx, &asker, lockPull, args{"pull": id}); err != nil {
		return Pull{}, err
	}
	if viewer != 0 && viewer != asker {
		return Pull{}, ErrNotFound
	}
	if check != nil {
		seen, err := t.Pull(ctx, id, viewer)
		if err == nil {
			err = check(seen)
		}
		if err != nil {
			return seen, err
		}
	}
	p, err := t.Pull(ctx, id, asker) // after the lock was granted: lock, then look
	if err != nil {
		return p, err
	}
	if p.State != transfer.PullOpen {
		return p, &transfer.PullStateError{State: p.State}
	}
	if _, err := t.exec(ctx, cancelPull, args{"pull": id}); err != nil {
		return p, fmt.Errorf("canceling pull request %s: %w", id, err)
	}
	if err := t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditPullCancel, Account: asker, Object: "pull_request", ObjectID: id.String(),
	}); err != nil {
		return p, err
	}
	return t.Pull(ctx, id, viewer)
}

// PullAnswer is what an owner decides on its part of a pull request.
type PullAnswer struct {
	Owner    Account
	Decision transfer.PullDecision
	By       Actor

	// If is called with the pull request as the owner sees it, while it is locked. If it
	// returns an error, nothing is decided. Nil: no condition.
	If func(Pull) error

	// For an approval.
	SIMs       []transfer.Identifier // only these, by any of their identifiers; empty: all that the owner has of those asked for
	Acceptance time.Duration         // of the request
	Review     time.Duration         // of the request
	Words                            // of the request; without a reference, it has that of the pull request
	Limits     DefaultLimits
}

var selectPulledSIMs = newStatement(statement{
	name:    "select_pulled_sims",
	does:    "Lists the SIMs of an owner's part of a pull request that it still has.",
	given:   "@pull and @owner. The @identifiers of those to list; an empty list: all.",
	returns: "The SIMs with their ICCIDs, in the order in which they were asked for, and the identifier that named each.",
	locks:   "The caller holds the part.",
	text: `
SELECT s.id AS sim, s.iccid, coalesce(i.identifier, '') AS identifier
FROM pull_owners o
CROSS JOIN LATERAL unnest(o.sims) WITH ORDINALITY AS u (sim, nth)
JOIN sims s ON s.id = u.sim AND s.account = o.owner
LEFT JOIN identifiers i ON i.sim = s.id AND i.identifier = ANY (@identifiers::text[])
WHERE o.pull = @pull AND o.owner = @owner
  AND (cardinality(@identifiers::text[]) = 0 OR i.identifier IS NOT NULL)
ORDER BY u.nth`,
})

type pulledSIM struct {
	SIM        int64  `db:"sim"`
	ICCID      string `db:"iccid"`
	Identifier string `db:"identifier"`
}

var decidePull = newStatement(statement{
	name:  "decide_pull",
	does:  "Records what an owner decides on its part of a pull request.",
	given: "@pull and @owner, the @decision, the @sims that it was about, and the @request that it made, or null.",
	locks: "The caller holds the part.",
	text: `
UPDATE pull_owners
SET decision = @decision, decided_at = clock_timestamp(), request = @request, sims = @sims
WHERE pull = @pull AND owner = @owner`,
})

// NotAskedForError names SIMs for which a pull request does not ask an owner, or
// which the owner no longer has.
type NotAskedForError struct{ Identifiers []string }

func (e *NotAskedForError) Error() string {
	return fmt.Sprintf("the pull request does not ask your account for %d of the SIMs: remove them", len(e.Identifiers))
}

// AnswerPull records what an owner decides. An approval makes an ordinary request
// from the owner to the asker. It returns ErrNotFound if the owner is not asked, the
// error of PullAnswer.If, a
// *transfer.PullStateError if its part is not open, a *NotAskedForError if SIMs
// are named that it is not asked for, an *AccountClosedError if the asker has been
// closed, and a *LimitError if the owner sends too much already; the caller must
// then roll back.
func (t *Tx) AnswerPull(ctx context.Context, id uuid.UUID, a PullAnswer) (Pull, error) {
	var asker, owner int64
	open := true
	if a.Decision == transfer.ApprovePull { // before the pull request, for which a transaction that closes an account waits
		err := t.get(ctx, &asker, selectAsker, args{"pull": id})
		if err == nil {
			open, err = t.shareAccounts(ctx, a.Owner.ID, asker)
		}
		if err != nil {
			return Pull{}, err
		}
	}
	if err := t.get(ctx, &asker, sharePull, args{"pull": id}); err != nil {
		return Pull{}, err
	}
	if err := t.get(ctx, &owner, lockPullOwner, args{"pull": id, "owner": a.Owner.ID}); err != nil {
		return Pull{}, err
	}
	p, err := t.Pull(ctx, id, owner) // after the locks were granted: lock, then look
	if err == nil && a.If != nil {
		err = a.If(p)
	}
	if err != nil {
		return p, err
	}
	if p.State != transfer.PullOpen {
		return p, &transfer.PullStateError{State: p.State}
	}
	sims, err := t.pulledSIMs(ctx, id, a)
	if err != nil {
		return p, err
	}
	ids := make([]int64, len(sims))
	for i, s := range sims {
		ids[i] = s.SIM
	}
	var request *uuid.UUID
	entry := AuditEntry{
		By: a.By, Action: transfer.AuditPullRefuse, Account: owner, Object: "pull_request", ObjectID: id.String(),
		After: map[string]any{"sims": len(sims)},
	}
	if a.Decision == transfer.ApprovePull {
		if !open {
			return p, &AccountClosedError{transfer.Approve}
		}
		made, err := t.requestPulled(ctx, p, a, sims)
		if err != nil {
			return p, err
		}
		request = &made.ID
		entry.Action, entry.After = transfer.AuditPullApprove, map[string]any{"sims": len(sims), "request": made.ID}
	}
	if _, err := t.exec(ctx, decidePull, args{
		"pull": id, "owner": owner, "decision": a.Decision, "sims": pq.Array(ids), "request": request,
	}); err != nil {
		return p, fmt.Errorf("recording the decision on pull request %s: %w", id, err)
	}
	if err := t.Audit(ctx, entry); err != nil {
		return p, err
	}
	if request != nil {
		if err := t.EnforceLimits(ctx, a.Owner, a.Limits, 1, len(sims)); err != nil {
			return p, err
		}
	}
	return t.Pull(ctx, id, owner)
}

// pulledSIMs returns the SIMs that an answer is about, each once.
func (t *Tx) pulledSIMs(ctx context.Context, id uuid.UUID, a PullAnswer) ([]pulledSIM, error) {
	names := texts(a.SIMs)
	var found []pulledSIM
	if err := t.list(ctx, &found, selectPulledSIMs, args{"pull": id, "owner": a.Owner.ID, "identifiers": pq.Array(names)}); err != nil {
		return nil, fmt.Errorf("listing the SIMs of pull request %s: %w", id, err)
	}
	named, taken, sims := map[string]bool{}, map[int64]bool{}, found[:0:0]
	for _, s := range found {
		named[s.Identifier] = true
		if !taken[s.SIM] {
			taken[s.SIM], sims = true, append(sims, s)
		}
	}
	var unknown []string
	for _, name := range names {
		if !named[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, &NotAskedForError{unknown}
	}
	if len(sims) == 0 { // the last SIM has just left the account
		return nil, ErrNotFound
	}
	return sims, nil
}

// requestPulled makes the request of an approved pull request.
func (t *Tx) requestPulled(ctx context.Context, p Pull, a PullAnswer, sims []pulledSIM) (Request, error) {
	asker, err := t.Account(ctx, p.Asker.Ref())
	if err != nil {
		return Request{}, err
	}
	names := make([]string, len(sims))
	for i, s := range sims {
		names[i] = s.ICCID
	}
	list, err := storedSIMs(names)
	if err != nil {
		return Request{}, fmt.Errorf("reading the SIMs of pull request %s: %w", p.ID, err)
	}
	if a.Reference == "" && p.Reference != nil {
		a.Reference = *p.Reference
	}
	return t.CreateRequest(ctx, NewRequest{
		Words: a.Words, Source: a.Owner, Destination: asker, Acceptance: a.Acceptance, Review: a.Review, By: a.By, Size: list.Len(),
		SIMs: list.All(), Selection: new(fmt.Sprintf(`{"pull_request": %q}`, p.ID)),
	})
}

var purgePulls = newStatement(statement{
	name:  "purge_pulls",
	does:  "Deletes pull requests whose time limit is longer ago than a period, and the parts of their owners.",
	given: "@period in seconds; @limit: maximum number of pull requests.",
	locks: "Takes the pull requests, passing over those that another transaction holds.",
	text: `
DELETE FROM pulls
WHERE id IN (
	SELECT id
	FROM pulls
	WHERE expires_at < clock_timestamp() - make_interval(secs => @period)
	ORDER BY expires_at
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)`,
})

// endPullsOf is in the transaction that closes an account.
var endPullsOf = newStatement(statement{
	name:  "end_pulls_of",
	does:  "Ends the open pull requests of an account, and refuses for it those of others.",
	given: "@account.",
	locks: "The caller holds the account. Takes the pull requests and the parts. No transaction that holds one of these waits for an account.",
	text: `
WITH ended AS (
	UPDATE pulls
	SET canceled_at = clock_timestamp()
	WHERE asker = @account AND canceled_at IS NULL AND expires_at > clock_timestamp()
)
UPDATE pull_owners o
SET decision = 'refused', decided_at = clock_timestamp()
FROM pulls p
WHERE o.owner = @account AND o.decision IS NULL
  AND p.id = o.pull AND p.canceled_at IS NULL AND p.expires_at > clock_timestamp()`,
})

// endOffersOf ends what an account that is being closed asks for and offers: its
// pull requests, its part in those of others, and its transfer codes.
func (t *Tx) endOffersOf(ctx context.Context, account int64) error {
	_, err := t.exec(ctx, endPullsOf, args{"account": account})
	_, err2 := t.exec(ctx, revokeCodesOf, args{"account": account})
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("ending the pull requests and transfer codes of account %d: %w", account, err)
	}
	return nil
}
