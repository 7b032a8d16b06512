package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// ReferenceTakenError says that a request or a batch was to be the only one with
// its reference, and names another one.
type ReferenceTakenError struct {
	Reference string
	Request   uuid.UUID  // the first request of the account with the reference
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
	does:  "Records that a request or a batch is the only one of its account with a reference. Does nothing if one is already.",
	given: "@account and the @reference.",
	locks: "Waits for transactions that do the same.",
	text: `
INSERT INTO unique_references (account, reference)
VALUES (@account, @reference)
ON CONFLICT DO NOTHING`,
})

var selectReferenced = newStatement(statement{
	name:    "select_referenced",
	does:    "Finds the first request of an account with a reference.",
	given:   "@account and the @reference.",
	returns: "Its id and its batch; no row if there is none.",
	text: `
SELECT id, batch
FROM requests
WHERE reference = @reference AND source = @account
ORDER BY id
LIMIT 1`,
})

// claimReference makes sure, if the reference has to be unique, that no request
// of the account has it. Of two transactions that do it at once, the second one
// waits for the first, and then finds its request.
func (t *Tx) claimReference(ctx context.Context, account int64, w Words) error {
	if !w.Unique {
		return nil
	}
	if _, err := t.exec(ctx, claimReference, args{"account": account, "reference": w.Reference}); err != nil {
		return fmt.Errorf("claiming the reference %q: %w", w.Reference, err)
	}
	var found []struct {
		ID    uuid.UUID  `db:"id"`
		Batch *uuid.UUID `db:"batch"`
	}
	if err := t.list(ctx, &found, selectReferenced, args{"account": account, "reference": w.Reference}); err != nil {
		return fmt.Errorf("looking for the reference %q: %w", w.Reference, err)
	}
	if len(found) > 0 {
		return &ReferenceTakenError{w.Reference, found[0].ID, found[0].Batch}
	}
	return nil
}
