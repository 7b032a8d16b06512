package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// ReferenceTakenError says that a request or a batch was to be the only one with
// its reference, and names another one.
type ReferenceTakenError struct {
	Reference string
	Request   uuid.UUID  // the first request of the account that keeps the reference in use
	Batch     *uuid.UUID // that this request is part of
}

func (e *ReferenceTakenError) Error() string {
	if e.Batch != nil {
		return fmt.Sprintf("batch %s already has the reference %q, in request %s", e.Batch, e.Reference, e.Request)
	}
	return fmt.Sprintf("request %s already has the reference %q", e.Request, e.Reference)
}

var claimReference = newStatement(statement{
	name:  "claim_reference",
	does:  "Records that a request or a batch is the only one of its account with a reference, unless that is recorded already.",
	given: "@account and the @reference.",
	locks: "Takes the reference, and waits for transactions that do the same.",
	text: `
INSERT INTO unique_references (account, reference)
VALUES (@account, @reference)
ON CONFLICT (account, reference) DO UPDATE SET reference = excluded.reference`,
})

var lockReference = newStatement(statement{
	name:    "lock_reference",
	does:    "Locks a reference of an account that was to be unique.",
	given:   "@account and the @reference.",
	returns: "The reference; no row if it was not to be unique.",
	locks:   "Takes the reference.",
	text: `
SELECT reference
FROM unique_references
WHERE account = @account AND reference = @reference
FOR UPDATE`,
})

var selectReferenced = newStatement(statement{
	name: "select_referenced",
	does: `Finds the first request of an account that keeps a reference in use. One that is over without having transferred
		a SIM does not.`,
	given: `@account and the @reference. The @request that is to be reopened or retried (null: none): those of its batch,
		those that it retries and those that retry any of these do not count.`,
	returns: "Its id and its batch; no row if there is none.",
	text: `
WITH RECURSIVE retried AS (
	SELECT id, retry_of, batch
	FROM requests
	WHERE id = @request::uuid
	UNION ALL
	SELECT r.id, r.retry_of, r.batch
	FROM retried
	JOIN requests r ON r.id = retried.retry_of
), retries AS (
	SELECT id
	FROM retried
	UNION
	SELECT r.id
	FROM retries
	JOIN requests r ON r.retry_of = retries.id
)
SELECT id, batch
FROM requests
WHERE reference = @reference
  AND source = @account
  AND state NOT IN ('rejected', 'canceled', 'declined', 'denied', 'expired')
  AND NOT (state = 'completed' AND n_completed = 0)
  AND id NOT IN (SELECT id FROM retries)
  AND NOT coalesce(batch IN (SELECT batch FROM retried), false)
ORDER BY id
LIMIT 1`,
})

// claimReference makes sure, if the reference has to be unique, that no other request
// of the account keeps it in use. Of two transactions that do it at once, the second
// one waits for the first, and then finds its request.
func (t *Tx) claimReference(ctx context.Context, account int64, w Words) error {
	if !w.Unique {
		return nil
	}
	if _, err := t.exec(ctx, claimReference, args{"account": account, "reference": w.Reference}); err != nil {
		return fmt.Errorf("claiming the reference %q: %w", w.Reference, err)
	}
	return t.checkReference(ctx, account, w.Reference, nil)
}

// reclaimReference returns a *ReferenceTakenError if the reference of a request that is
// to be reopened or retried was to be unique, and another request keeps it in use. The
// caller holds the request.
func (t *Tx) reclaimReference(ctx context.Context, r Request) error {
	if r.Reference == nil {
		return nil
	}
	var reference string
	err := t.get(ctx, &reference, lockReference, args{"account": r.Source, "reference": *r.Reference})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claiming the reference %q again: %w", *r.Reference, err)
	}
	return t.checkReference(ctx, r.Source, reference, &r.ID)
}

// checkReference returns a *ReferenceTakenError if a request keeps a reference in use,
// apart from one that is to be reopened or retried (nil: none) and those that it is related to.
func (t *Tx) checkReference(ctx context.Context, account int64, reference string, reopened *uuid.UUID) error {
	var found []struct {
		ID    uuid.UUID  `db:"id"`
		Batch *uuid.UUID `db:"batch"`
	}
	if err := t.list(ctx, &found, selectReferenced, args{"account": account, "reference": reference, "request": reopened}); err != nil {
		return fmt.Errorf("looking for the reference %q: %w", reference, err)
	}
	if len(found) > 0 {
		return &ReferenceTakenError{reference, found[0].ID, found[0].Batch}
	}
	return nil
}
