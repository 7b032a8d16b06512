package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"
)

// SelfApprovalError is returned when an API key approves a request of its own.
type SelfApprovalError struct {
	Made bool // the key has created or rotated the one that made the request or its transfer code; otherwise it is its author
}

func (e *SelfApprovalError) Error() string {
	if e.Made {
		return "this API key has created or rotated the key that made the request, so someone else has to approve it, with another key"
	}
	return "this API key made the request on behalf of the source, so someone else has to approve it, with another key"
}

var selectSelfApprovals = newStatement(statement{
	name: "select_self_approvals",
	does: "Finds the requests among some that the holder of an API key can have made, and so cannot approve.",
	given: `@requests and the API @key of the caller. A key of support that was made or rotated with that of the author
		since then counts as one of the author. The keys that made a request are that of its first event and, if it
		was made by redeeming a transfer code, that which made the code.`,
	returns: `Those requests: whether the key is one of the author (own); and whether it has created or rotated the
		author's key, or one that has, and so on (made).`,
	text: `
SELECT q.request, found.own, found.made
FROM unnest(@requests::uuid[]) AS q (request)
CROSS JOIN LATERAL (
	WITH RECURSIVE author AS (
		SELECT api_key, party, at
		FROM events
		WHERE request = q.request AND seq = 1
	), maker (key) AS (
		SELECT api_key
		FROM author
		UNION
		SELECT api_key
		FROM transfer_codes
		WHERE request = q.request
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
		@key IN (SELECT key FROM maker) AS made
) found
WHERE found.own OR found.made`,
})

// SelfApprovals returns why an API key cannot approve those of some requests that
// its holder can have made.
func (db *DB) SelfApprovals(ctx context.Context, key int64, requests ...uuid.UUID) (map[uuid.UUID]*SelfApprovalError, error) {
	return selfApprovals(ctx, db, key, requests)
}

// SelfApprovals is DB.SelfApprovals within the transaction.
func (t *Tx) SelfApprovals(ctx context.Context, key int64, requests ...uuid.UUID) (map[uuid.UUID]*SelfApprovalError, error) {
	return selfApprovals(ctx, t, key, requests)
}

func selfApprovals(ctx context.Context, q querier, key int64, requests []uuid.UUID) (map[uuid.UUID]*SelfApprovalError, error) {
	var list []struct {
		Request   uuid.UUID
		Own, Made bool
	}
	if err := q.list(ctx, &list, selectSelfApprovals, args{"requests": pq.Array(texts(requests)), "key": key}); err != nil {
		return nil, fmt.Errorf("reading who made %d requests: %w", len(requests), err)
	}
	found := make(map[uuid.UUID]*SelfApprovalError, len(list))
	for _, r := range list {
		found[r.Request] = &SelfApprovalError{Made: !r.Own}
	}
	return found, nil
}

// checkApprover returns a *SelfApprovalError if the caller approves a request
// that it made itself, or with a key that it knows because it created or rotated it.
func (t *Tx) checkApprover(ctx context.Context, r Request, by Actor) error {
	if by.Key == 0 {
		return nil
	}
	own, err := t.SelfApprovals(ctx, by.Key, r.ID)
	if own[r.ID] != nil {
		return own[r.ID]
	}
	return err
}
