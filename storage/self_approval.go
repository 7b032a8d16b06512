package storage

import (
	"context"
	"fmt"
)

// SelfApprovalError is returned when an API key approves a request of its own.
type SelfApprovalError struct {
	Made bool // the key has created or rotated the one that made the request; otherwise it is its author
}

func (e *SelfApprovalError) Error() string {
	if e.Made {
		return "this API key has created or rotated the key that made the request, so someone else has to approve it, with another key"
	}
	return "this API key made the request on behalf of the source, so someone else has to approve it, with another key"
}

var selectSelfApproval = newStatement(statement{
	name: "select_self_approval",
	does: "Finds out whether the holder of the API key that approves a request can have made the request.",
	given: `@request and the API @key of the caller. A key of support that was made or rotated with that of the author
		since then counts as one of the author.`,
	returns: `Whether the key is one of the author (own); and whether it has created or rotated the author's key, or one
		that has, and so on (made).`,
	locks: "The caller holds the request.",
	text: `
WITH RECURSIVE author AS (
	SELECT api_key, party, at
	FROM events
	WHERE request = @request AND seq = 1
), maker (key) AS (
	SELECT api_key
	FROM author
	UNION
	SELECT m.key
	FROM maker k
	CROSS JOIN LATERAL (
		SELECT created_by AS key
		FROM api_keys
		WHERE id = k.key
		UNION ALL
		SELECT api_key
		FROM audit
		WHERE action IN ('key.create', 'key.rotate') AND object_id = k.key::text
	) m
	WHERE m.key IS NOT NULL
)
SELECT
	EXISTS (
		SELECT 1
		FROM author e
		WHERE e.party = 'support'
		  AND (e.api_key = @key OR EXISTS (
			SELECT 1
			FROM audit u
			WHERE u.api_key = e.api_key AND u.action IN ('key.create', 'key.rotate') AND u.object_id = @key::bigint::text AND u.at >= e.at
		  ))
	) AS own,
	@key IN (SELECT key FROM maker) AS made`,
})

// checkApprover returns a *SelfApprovalError if the caller approves a request
// that it made itself, or with a key that it knows because it created or rotated it.
func (t *Tx) checkApprover(ctx context.Context, r Request, by Actor) error {
	if by.Key == 0 {
		return nil
	}
	var is struct{ Own, Made bool }
	if err := t.get(ctx, &is, selectSelfApproval, args{"request": r.ID, "key": by.Key}); err != nil {
		return fmt.Errorf("reading who made request %s: %w", r.ID, err)
	}
	if is.Own || is.Made {
		return &SelfApprovalError{Made: !is.Own}
	}
	return nil
}
