-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the requests among some that the holder of an API key can have made or approved, or accepted on behalf
--           of the destination, and so can take no other of these steps.
-- Given:    @requests and the API @key of the caller. A key of support that was made or rotated with that of the author
--           since then counts as one of the author. The authors of a request are the keys of its first event, of its
--           approval and of an acceptance by support and, if it was made by redeeming a transfer code, that which made the code.
--           The memberships of a person count as one key. An invitation whose link was shown to the caller who invites counts as
--           a key that this caller has made.
-- Returns:  Those requests: whether the key is one of an author (own); and whether it has created or rotated the
--           key of an author, or one that has, and so on (made).
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_self_approvals(requests, key);
PREPARE select_self_approvals AS
SELECT q.request, found.own, found.made
FROM unnest($1 /*requests*/::uuid[]) AS q (request)
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
			  AND (h.id = $2 /*key*/ OR EXISTS (
				SELECT 1
				FROM audit u
				WHERE u.api_key = h.id AND u.action IN ('key.create', 'key.rotate') AND u.object_id = $2 /*key*/::bigint::text AND u.at >= e.at
			  ) OR EXISTS (
				SELECT 1
				FROM api_keys c
				JOIN invitations i ON i.person = c.person
				WHERE c.id = $2 /*key*/ AND i.created_by = h.id AND NOT i.mailed AND i.accepted_at >= e.at
			  ))
		) AS own,
		$2 /*key*/ IN (SELECT key FROM maker) AS made
) found
WHERE found.own OR found.made;
