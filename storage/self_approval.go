package storage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"simtransfer/transfer"
)

// SelfApprovalError is returned when an API key or a person approves a request of its own, or
// accepts one on behalf of the destination that it has made or approved.
type SelfApprovalError struct {
	Event transfer.Event // Approve or Accept
	Made  bool           // the caller has created or rotated one that acted on the request before; otherwise it has itself
}

func (e *SelfApprovalError) Error() string {
	did, still := "have made the request on behalf of the source", "approve it"
	switch {
	case e.Event == transfer.Accept && e.Made:
		did, still = "have created or rotated an API key that made or approved the request, or were shown the invitation link of a person who did", "accept it on behalf of the destination"
	case e.Event == transfer.Accept:
		did, still = "have made or approved the request", "accept it on behalf of the destination"
	case e.Made:
		did = "have created or rotated the API key that made the request or its transfer code, or were shown the invitation link of the person who did"
	}
	return "you " + did + ", so someone else has to " + still
}

var selectSelfApprovals = newStatement(statement{
	name: "select_self_approvals",
	does: `Finds the requests among some that the holder of an API key can have made or approved, or accepted on behalf
		of the destination, and so can take no other of these steps.`,
	given: `@requests and the API @key of the caller. A key of support that was made or rotated with that of the author
		since then counts as one of the author. The authors of a request are the keys of its first event, of its
		approval and of an acceptance by support and, if it was made by redeeming a transfer code, that which made the code.
		The memberships of a person count as one key. An invitation whose link was shown to the caller who invites counts as
		a key that this caller has made.`,
	returns: `Those requests: whether the key is one of an author (own); and whether it has created or rotated the
		key of an author, or one that has, and so on (made).`,
	text: `
SELECT q.request, found.own, found.made
FROM unnest(@requests::uuid[]) AS q (request)
CROSS JOIN LATERAL (
	WITH RECURSIVE author AS (
		SELECT api_key, party, at
		FROM events
		WHERE request = q.request AND (seq = 1 OR kind = 'approve' OR kind = 'accept' AND party = 'support')
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
			UNION ALL
			SELECT o.id
			FROM api_keys p
			JOIN api_keys o ON o.person = p.person
			WHERE p.id = k.key
			UNION ALL
			SELECT i.created_by
			FROM api_keys p
			JOIN invitations i ON i.person = p.person
			WHERE p.id = k.key AND NOT i.mailed
		) m
		WHERE m.key IS NOT NULL
	)
	SELECT
		EXISTS (
			SELECT 1
			FROM author e
			LEFT JOIN api_keys k ON k.id = e.api_key
			JOIN api_keys h ON h.id = e.api_key OR h.person = k.person
			WHERE e.party = 'support'
			  AND (h.id = @key OR EXISTS (
				SELECT 1
				FROM audit u
				WHERE u.api_key = h.id AND u.action IN ('key.create', 'key.rotate') AND u.object_id = @key::bigint::text AND u.at >= e.at
			  ) OR EXISTS (
				SELECT 1
				FROM api_keys c
				JOIN invitations i ON i.person = c.person
				WHERE c.id = @key AND i.created_by = h.id AND NOT i.mailed AND i.accepted_at >= e.at
			  ))
		) AS own,
		@key IN (SELECT key FROM maker) AS made
) found
WHERE found.own OR found.made`,
})

// SelfApprovals returns why an API key cannot approve, or accept on behalf of the
// destination, those of some requests that its holder can have made or approved.
// The errors name no event.
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

// checkOtherHand returns a *SelfApprovalError if the caller approves a request, or
// accepts it on behalf of the destination, after it has made or approved it itself,
// or with a key that it knows because it created or rotated it. A request that it is
// allowed to approve itself is no error.
func (t *Tx) checkOtherHand(ctx context.Context, r Request, d Decision) error {
	if d.By.Key == 0 || d.OwnRequest {
		return nil
	}
	own, err := t.SelfApprovals(ctx, d.By.Key, r.ID)
	if e := own[r.ID]; e != nil {
		return e.On(d.Event)
	}
	return err
}

// On returns the error for an event.
func (e SelfApprovalError) On(event transfer.Event) *SelfApprovalError {
	e.Event = event
	return &e
}
