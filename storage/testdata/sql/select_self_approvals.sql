-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the requests among some that the holder of an API key can have made, and so cannot approve.
-- Given:    @requests and the API @key of the caller. A key of support that was made or rotated with that of the author
--           since then counts as one of the author. The keys that made a request are that of its first event and, if it
--           was made by redeeming a transfer code, that which made the code.
-- Returns:  Those requests: whether the key is one of the author (own); and whether it has created or rotated the
--           author's key, or one that has, and so on (made).
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
			  AND (e.api_key = $2 /*key*/ OR EXISTS (
				SELECT 1
				FROM audit u
				WHERE u.api_key = e.api_key AND u.action IN ('key.create', 'key.rotate') AND u.object_id = $2 /*key*/::bigint::text AND u.at >= e.at
			  ))
		) AS own,
		$2 /*key*/ IN (SELECT key FROM maker) AS made
) found
WHERE found.own OR found.made;
