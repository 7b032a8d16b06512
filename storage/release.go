package storage

import (
	"context"
	"fmt"
)

// requestCode is the code of the decision that ended the request @request.
const requestCode = `(SELECT code FROM requests WHERE id = @request)`

var releaseChunk = newStatement(statement{
	name: "release_chunk",
	does: "Closes the open transfers of a chunk after the request has ended, and deletes their claims.",
	given: `@request and the numbers of the chunk's transfers: from @lo to below @hi.
		@state that the transfers get.`,
	returns: "How many transfers were closed, by what they were, and how many claims were deleted.",
	locks:   "The caller holds the work row. Takes transfers and claims.",
	text:    closeOpenSQL(inChunk, "@state", "NULL", requestCode) + closedColumns,
})

// Release closes the open transfers of a chunk with the outcome that follows
// from the request's final state, and deletes their claims. It does not change
// SIMs.
func (t *Tx) Release(ctx context.Context, w Work) (Counts, error) {
	outcome, ok := w.State.Released()
	if !ok {
		return Counts{}, fmt.Errorf("releasing work %d: a request that is %s releases nothing", w.ID, w.State)
	}
	var c closed
	if err := t.get(ctx, &c, releaseChunk, args{
		"request": w.Request, "lo": w.Lo, "hi": w.Hi, "state": outcome,
	}); err != nil {
		return Counts{}, fmt.Errorf("releasing the SIMs of work %d: %w", w.ID, err)
	}
	if c.Unclaimed != c.Eligible {
		return Counts{}, fmt.Errorf("releasing the SIMs of work %d: deleted %d of %d claims", w.ID, c.Unclaimed, c.Eligible)
	}
	counts := c.counts()
	counts.add(outcome, c.Pending+c.Eligible)
	return counts, nil
}
