package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// This file has the transfer codes: requests without a destination. An account that
// redeems the code with a key of its own becomes the destination of an
// ordinary request, which is made in the same transaction. See code_attempts.go
// for the limits of wrong attempts.

// TransferCode is a transfer code without its secret, of which only the hash is
// stored.
type TransferCode struct {
	ID              uuid.UUID            `db:"id"`
	Source          transfer.OperatorID  `db:"source"`
	SourceID        int64                `db:"source_id"`
	State           transfer.CodeState   `db:"state"`
	Size            int                  `db:"size"`
	SelfServiceOnly bool                 `db:"self_service_only"`
	Acceptance      int64                `db:"acceptance"` // in seconds
	Reference       *string              `db:"reference"`
	Message         *string              `db:"message"`
	CreatedAt       time.Time            `db:"created_at"`
	ExpiresAt       time.Time            `db:"expires_at"`
	RevokedAt       *time.Time           `db:"revoked_at"`
	RedeemedAt      *time.Time           `db:"redeemed_at"`
	Request         *uuid.UUID           `db:"request"`
	Destination     *transfer.OperatorID `db:"destination"` // of the request
}

// codeStateSQL is the state of the transfer code c.
const codeStateSQL = `CASE
	WHEN c.redeemed_at IS NOT NULL THEN 'redeemed'
	WHEN c.revoked_at IS NOT NULL THEN 'revoked'
	WHEN c.expires_at <= clock_timestamp() THEN 'expired'
	ELSE 'open'
END`

func codesSQL() string {
	return `
SELECT
	c.id,
	a.operator_id AS source,
	c.source AS source_id,
	` + indent(1, codeStateSQL) + ` AS state,
	c.size,
	c.self_service_only,
	extract(epoch FROM c.acceptance)::bigint AS acceptance,
	c.reference,
	c.message,
	c.created_at,
	c.expires_at,
	c.revoked_at,
	c.redeemed_at,
	c.request,
	d.operator_id AS destination
FROM transfer_codes c
JOIN accounts a ON a.id = c.source
LEFT JOIN requests r ON r.id = c.request
LEFT JOIN accounts d ON d.id = r.destination`
}

// NewTransferCode is what a transfer code is made from.
type NewTransferCode struct {
	Source          Account
	SIMs            []transfer.Identifier
	SelfServiceOnly bool
	Acceptance      time.Duration // how long the destination has, once the request is offered
	Words                         // of the request; Unique is ignored
	Period          time.Duration // how long the code can be redeemed
	By              Actor
}

var insertCode = newStatement(statement{
	name: "insert_transfer_code",
	does: "Creates a transfer code.",
	given: `The @id and the @hash of the code, the @source, the @identifiers of the SIMs, @self_service_only,
		how many seconds the destination has (@acceptance), @reference and @message (empty: none), the
		@period in seconds, and the API @key.`,
	text: `
INSERT INTO transfer_codes (id, hash, source, identifiers, size, self_service_only, acceptance, reference, message, api_key, expires_at)
VALUES (
	@id, @hash, @source, @identifiers, cardinality(@identifiers::text[]), @self_service_only, make_interval(secs => @acceptance),
	nullif(@reference, ''), nullif(@message, ''), @key, clock_timestamp() + make_interval(secs => @period)
)`,
})

// CreateTransferCode makes a transfer code and returns it with its secret, which
// cannot be read again later. An open code counts as an open request of the
// source; a *LimitError means that the source sends too much, and the caller must
// then roll back.
func (t *Tx) CreateTransferCode(ctx context.Context, c NewTransferCode, d DefaultLimits) (TransferCode, transfer.Code, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return TransferCode{}, transfer.Code{}, fmt.Errorf("making the id of a transfer code: %w", err)
	}
	secret, err := newCode()
	if err != nil {
		return TransferCode{}, transfer.Code{}, fmt.Errorf("making a transfer code: %w", err)
	}
	if _, err := t.exec(ctx, insertCode, args{
		"id": id, "hash": hashCode(secret), "source": c.Source.ID, "identifiers": pq.Array(texts(c.SIMs)),
		"self_service_only": c.SelfServiceOnly, "acceptance": c.Acceptance.Seconds(), "reference": c.Reference, "message": c.Message,
		"period": c.Period.Seconds(), "key": c.By.key(),
	}); err != nil {
		return TransferCode{}, secret, fmt.Errorf("creating a transfer code: %w", err)
	}
	if err := t.Audit(ctx, AuditEntry{
		By: c.By, Action: transfer.AuditCodeCreate, Account: c.Source.ID, Object: "transfer_code", ObjectID: id.String(),
		After: map[string]any{"sims": len(c.SIMs)},
	}); err != nil {
		return TransferCode{}, secret, err
	}
	if err := t.EnforceLimits(ctx, c.Source, d, 1, len(c.SIMs)); err != nil {
		return TransferCode{}, secret, err
	}
	made, err := t.TransferCode(ctx, id)
	return made, secret, err
}

func newCode() (transfer.Code, error) {
	for {
		var random [transfer.CodeBytes]byte
		if _, err := rand.Read(random[:]); err != nil {
			return transfer.Code{}, err
		}
		if code, ok := transfer.NewCode(random); ok {
			return code, nil
		}
	}
}

// hashCode returns what is stored of a code. As for tokens, it needs neither salt
// nor a slow hash: see transfer.Code for the number of codes.
func hashCode(c transfer.Code) []byte { return hashSecret("transfer code\n" + c.Compact()) }

var selectCode = newStatement(statement{
	name:    "select_transfer_code",
	does:    "Reads a transfer code.",
	given:   "@id.",
	returns: "The code; no row if there is none.",
	text:    codesSQL() + "\nWHERE c.id = @id",
})

// TransferCode returns a transfer code, or ErrNotFound.
func (db *DB) TransferCode(ctx context.Context, id uuid.UUID) (TransferCode, error) {
	return codeBy(ctx, db, id)
}

// TransferCode is DB.TransferCode in the transaction.
func (t *Tx) TransferCode(ctx context.Context, id uuid.UUID) (TransferCode, error) {
	return codeBy(ctx, t, id)
}

func codeBy(ctx context.Context, q querier, id uuid.UUID) (TransferCode, error) {
	var c TransferCode
	err := q.get(ctx, &c, selectCode, args{"id": id})
	return c, err
}

var selectCodeSIMs = newStatement(statement{
	name:    "select_transfer_code_sims",
	does:    "Lists the SIMs of a transfer code.",
	given:   "@id.",
	returns: "Their identifiers, in the order of submission.",
	text: `
SELECT u.identifier
FROM transfer_codes c
CROSS JOIN LATERAL unnest(c.identifiers) WITH ORDINALITY AS u (identifier, nth)
WHERE c.id = @id
ORDER BY u.nth`,
})

// TransferCodeSIMs lists the identifiers of the SIMs of a transfer code.
func (db *DB) TransferCodeSIMs(ctx context.Context, id uuid.UUID) ([]string, error) {
	return codeSIMs(ctx, db, id)
}

// TransferCodeSIMs is DB.TransferCodeSIMs in the transaction.
func (t *Tx) TransferCodeSIMs(ctx context.Context, id uuid.UUID) ([]string, error) {
	return codeSIMs(ctx, t, id)
}

func codeSIMs(ctx context.Context, q querier, id uuid.UUID) ([]string, error) {
	list := []string{}
	if err := q.list(ctx, &list, selectCodeSIMs, args{"id": id}); err != nil {
		return nil, fmt.Errorf("listing the SIMs of transfer code %s: %w", id, err)
	}
	return list, nil
}

// CodeFilter selects transfer codes. A zero field selects all.
type CodeFilter struct {
	Source    int64
	States    []transfer.CodeState
	Reference string
	Before    *uuid.UUID // only codes made before this one: the cursor
	Limit     int        // maximum number of rows; required
}

var selectCodes = newStatement(statement{
	name: "select_transfer_codes",
	does: "Lists transfer codes, the latest first.",
	given: `@source (0: any), @states (null: any), @reference (empty: any), @before: only codes with lower ids (null:
		all). The maximum number of rows: @limit.`,
	returns: "The codes.",
	text: `
` + codesSQL() + `
WHERE (@source::bigint = 0 OR c.source = @source)
  AND (@reference = '' OR c.reference = @reference)
  AND (@before::uuid IS NULL OR c.id < @before)
  AND (@states::text[] IS NULL OR ` + indent(1, codeStateSQL) + ` = ANY (@states))
ORDER BY c.id DESC
LIMIT @limit`,
})

// TransferCodes lists transfer codes, the latest first.
func (db *DB) TransferCodes(ctx context.Context, f CodeFilter) ([]TransferCode, error) {
	list := []TransferCode{}
	if err := db.list(ctx, &list, selectCodes, args{
		"source": f.Source, "states": textArray(f.States), "reference": f.Reference, "before": f.Before, "limit": f.Limit,
	}); err != nil {
		return nil, fmt.Errorf("listing transfer codes: %w", err)
	}
	return list, nil
}

var lockCode = newStatement(statement{
	name:    "lock_transfer_code",
	does:    "Locks a transfer code.",
	given:   "@id.",
	returns: "The id; no row if there is no such code.",
	locks:   "Takes the code.",
	text:    `SELECT id FROM transfer_codes WHERE id = @id FOR NO KEY UPDATE`,
})

var revokeCode = newStatement(statement{
	name:  "revoke_transfer_code",
	does:  "Revokes a transfer code.",
	given: "@id.",
	locks: "The caller holds the code.",
	text:  `UPDATE transfer_codes SET revoked_at = clock_timestamp() WHERE id = @id`,
})

// RevokeTransferCode ends a transfer code. It returns the error of check, which sees
// the code while it is locked, and a *transfer.CodeStateError if the code is redeemed
// or expired. A code that is revoked stays so.
func (t *Tx) RevokeTransferCode(ctx context.Context, by Actor, id uuid.UUID, check func(TransferCode) error) error {
	if err := t.get(ctx, new(uuid.UUID), lockCode, args{"id": id}); err != nil {
		return err
	}
	c, err := t.TransferCode(ctx, id) // after the lock was granted: lock, then look
	if err == nil {
		err = check(c)
	}
	switch {
	case err != nil:
		return err
	case c.State == transfer.CodeRevoked:
		return nil
	case c.State != transfer.CodeOpen:
		return &transfer.CodeStateError{State: c.State}
	}
	if _, err := t.exec(ctx, revokeCode, args{"id": id}); err != nil {
		return fmt.Errorf("revoking transfer code %s: %w", id, err)
	}
	return t.Audit(ctx, AuditEntry{
		By: by, Action: transfer.AuditCodeRevoke, Account: c.SourceID, Object: "transfer_code", ObjectID: id.String(),
	})
}

// revokeCodesOf is in the transaction that closes an account.
var revokeCodesOf = newStatement(statement{
	name:  "revoke_transfer_codes_of",
	does:  "Revokes the open transfer codes of an account.",
	given: "@account.",
	locks: "The caller holds the account. Takes the codes. No transaction that holds a code waits for an account.",
	text: `
UPDATE transfer_codes
SET revoked_at = clock_timestamp()
WHERE source = @account AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()`,
})

// ErrInvalidCode is returned for a transfer code that cannot be redeemed, for
// whatever reason: it does not exist, was redeemed or revoked, has expired, or is
// the caller's own. Callers must not learn which.
var ErrInvalidCode = errors.New("the transfer code is not valid")

var selectCodeSource = newStatement(statement{
	name:    "select_transfer_code_source",
	does:    "Finds the source of the transfer code with a hash. It never changes.",
	given:   "@hash.",
	returns: "The account; no row if there is no such code.",
	text:    `SELECT source FROM transfer_codes WHERE hash = @hash`,
})

var lockCodeByHash = newStatement(statement{
	name:    "lock_transfer_code_by_hash",
	does:    "Locks the transfer code with a hash.",
	given:   "@hash.",
	returns: "Its id; no row if there is none.",
	locks:   "Takes the code.",
	text:    `SELECT id FROM transfer_codes WHERE hash = @hash FOR NO KEY UPDATE`,
})

var redeemCode = newStatement(statement{
	name:  "redeem_transfer_code",
	does:  "Records that a transfer code was redeemed.",
	given: "@id, and the @request that was made.",
	locks: "The caller holds the code.",
	text:  `UPDATE transfer_codes SET redeemed_at = clock_timestamp(), request = @request WHERE id = @id`,
})

// Redemption is what redeeming a transfer code needs.
type Redemption struct {
	Code        transfer.Code
	Destination Account
	Review      time.Duration // how long support has to review the request
	By          Actor
	Attempt     int64 // of DB.BeginCodeAttempt; it is forgotten if the code is valid
}

// RedeemCode makes the request of a transfer code, with the caller's account as
// its destination. Of several calls with one code, one succeeds. It returns an
// *AccountClosedError if the destination has been closed, and
// ErrInvalidCode for every code that cannot be redeemed, and the caller must then
// roll back. The limits of the source were checked when the code was made.
func (t *Tx) RedeemCode(ctx context.Context, r Redemption) (Request, TransferCode, error) {
	var id uuid.UUID
	var sender int64
	open := false
	err := t.get(ctx, &sender, selectCodeSource, args{"hash": hashCode(r.Code)})
	if err == nil { // before the code, for which a transaction that closes an account waits
		open, err = t.shareAccounts(ctx, sender, r.Destination.ID)
	}
	if err == nil {
		err = t.get(ctx, &id, lockCodeByHash, args{"hash": hashCode(r.Code)})
	}
	if errors.Is(err, ErrNotFound) {
		return Request{}, TransferCode{}, ErrInvalidCode
	}
	if err != nil {
		return Request{}, TransferCode{}, fmt.Errorf("looking for a transfer code: %w", err)
	}
	c, err := t.TransferCode(ctx, id) // after the lock was granted: lock, then look
	if err != nil {
		return Request{}, c, fmt.Errorf("reading transfer code %s: %w", id, err)
	}
	source, err := t.Account(ctx, c.Source.Ref())
	if err != nil {
		return Request{}, c, fmt.Errorf("reading the source of transfer code %s: %w", id, err)
	}
	if c.State != transfer.CodeOpen || source.Standing != StandingOpen || source.ID == r.Destination.ID {
		return Request{}, c, ErrInvalidCode
	}
	if !open {
		return Request{}, c, &AccountClosedError{transfer.Accept}
	}
	var names []string
	if err := t.list(ctx, &names, selectCodeSIMs, args{"id": id}); err != nil {
		return Request{}, c, fmt.Errorf("listing the SIMs of transfer code %s: %w", id, err)
	}
	sims, err := storedSIMs(names)
	if err != nil {
		return Request{}, c, fmt.Errorf("reading the SIMs of transfer code %s: %w", id, err)
	}
	words := Words{}
	set(&words.Reference, c.Reference)
	set(&words.Message, c.Message)
	made, err := t.CreateRequest(ctx, NewRequest{
		Words: words, Source: source, Destination: r.Destination, SelfServiceOnly: c.SelfServiceOnly,
		Acceptance: time.Duration(c.Acceptance) * time.Second, Review: r.Review, By: r.By, Size: sims.Len(), SIMs: sims.All(),
		Selection: new(fmt.Sprintf(`{"transfer_code": %q}`, id)),
	})
	if err != nil {
		return made, c, err
	}
	if _, err := t.exec(ctx, redeemCode, args{"id": id, "request": made.ID}); err != nil {
		return made, c, fmt.Errorf("redeeming transfer code %s: %w", id, err)
	}
	if err := forgetCodeAttempt(ctx, t, r.Attempt); err != nil {
		return made, c, err
	}
	if err := t.Audit(ctx, AuditEntry{
		By: r.By, Action: transfer.AuditCodeRedeem, Account: r.Destination.ID, Object: "transfer_code", ObjectID: id.String(),
		After: map[string]any{"request": made.ID},
	}); err != nil {
		return made, c, err
	}
	c, err = t.TransferCode(ctx, id)
	return made, c, err
}

// storedSIMs are SIMs by identifiers that were stored in their canonical form.
func storedSIMs(names []string) (SelectedSIMs, error) {
	var sims SelectedSIMs
	for i, name := range names {
		id, err := transfer.ParseStored(name)
		if err != nil {
			return sims, err
		}
		sims.add(i+1, id)
	}
	return sims, nil
}

var purgeCodes = newStatement(statement{
	name:  "purge_transfer_codes",
	does:  "Deletes transfer codes whose time is over since longer than a period.",
	given: "@period in seconds; @limit: maximum number of codes.",
	locks: "Takes the codes, passing over those that another transaction holds.",
	text: `
DELETE FROM transfer_codes
WHERE id IN (
	SELECT id
	FROM transfer_codes
	WHERE expires_at < clock_timestamp() - make_interval(secs => @period)
	ORDER BY expires_at
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
)`,
})

// PurgeOffers deletes up to limit pull requests and as many transfer codes whose
// time limit is longer ago than a period, and attempts to redeem codes that no
// longer count. It returns the largest number of rows of one kind. The requests
// that came of them stay.
func (db *DB) PurgeOffers(ctx context.Context, period time.Duration, limit int) (int, error) {
	period = max(period, 24*time.Hour) // the SIMs of a day count for the limits
	pulls, err := db.exec(ctx, purgePulls, args{"period": period.Seconds(), "limit": limit})
	codes, err2 := db.exec(ctx, purgeCodes, args{"period": period.Seconds(), "limit": limit})
	attempts, err3 := db.exec(ctx, deleteOldCodeAttempts, args{"limit": limit})
	if err := errors.Join(err, err2, err3); err != nil {
		return 0, fmt.Errorf("purging pull requests and transfer codes: %w", err)
	}
	return int(max(pulls, codes, attempts)), nil
}
