-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether the API key that approves a request is that of the request's author.
-- Given:    @request and the API @key of the caller. A key that was made or rotated with that of the author
--           since then counts as one of the author.
-- Returns:  True or false.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE select_self_approval(request, key);
PREPARE select_self_approval AS
SELECT EXISTS (
	SELECT 1
	FROM events e
	WHERE e.request = $1 /*request*/ AND e.seq = 1 AND e.party = 'support'
	  AND (e.api_key = $2 /*key*/ OR EXISTS (
		SELECT 1
		FROM audit u
		WHERE u.api_key = e.api_key AND u.action IN ('key.create', 'key.rotate') AND u.object_id = $2 /*key*/::bigint::text AND u.at >= e.at
	  ))
);
