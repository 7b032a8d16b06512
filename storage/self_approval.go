package storage

import (
	"context"
	"fmt"
)

// SelfApprovalError is returned when an API key approves a request that it made
// on behalf of the source.
type SelfApprovalError struct{}

func (e *SelfApprovalError) Error() string {
	return "this API key made the request on behalf of the source, so someone else has to approve it, with another key"
}

var selectSelfApproval = newStatement(statement{
	name: "select_self_approval",
	does: "Finds out whether the API key that approves a request is that of the request's author.",
	given: `@request and the API @key of the caller. A key that was made or rotated with that of the author
		since then counts as one of the author.`,
	returns: "True or false.",
	locks:   "The caller holds the request.",
	text: `
SELECT EXISTS (
	SELECT 1
	FROM events e
	WHERE e.request = @request AND e.seq = 1 AND e.party = 'support'
	  AND (e.api_key = @key OR EXISTS (
		SELECT 1
		FROM audit u
		WHERE u.api_key = e.api_key AND u.action IN ('key.create', 'key.rotate') AND u.object_id = @key::bigint::text AND u.at >= e.at
	  ))
)`,
})

// checkApprover returns a *SelfApprovalError if the caller approves a request
// that it made itself.
func (t *Tx) checkApprover(ctx context.Context, r Request, by Actor) error {
	if by.Key == 0 {
		return nil
	}
	var self bool
	if err := t.get(ctx, &self, selectSelfApproval, args{"request": r.ID, "key": by.Key}); err != nil {
		return fmt.Errorf("reading who made request %s: %w", r.ID, err)
	}
	if self {
		return &SelfApprovalError{}
	}
	return nil
}
