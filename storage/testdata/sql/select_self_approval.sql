-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether the holder of the API key that approves a request can have made the request.
-- Given:    @request and the API @key of the caller. A key of support that was made or rotated with that of the author
--           since then counts as one of the author.
-- Returns:  Whether the key is one of the author (own); and whether it has created or rotated the author's key, or one
--           that has, and so on (made).
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE select_self_approval(request, key);
PREPARE select_self_approval AS
WITH RECURSIVE author AS (
	SELECT api_key, party, at
	FROM events
	WHERE request = $1 /*request*/ AND seq = 1
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
		  AND (e.api_key = $2 /*key*/ OR EXISTS (
			SELECT 1
			FROM audit u
			WHERE u.api_key = e.api_key AND u.action IN ('key.create', 'key.rotate') AND u.object_id = $2 /*key*/::bigint::text AND u.at >= e.at
		  ))
	) AS own,
	$2 /*key*/ IN (SELECT key FROM maker) AS made;
