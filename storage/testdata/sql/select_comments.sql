-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the comments on a request, oldest first.
-- Given:    @request, the @viewer: only comments that this party sees, the sequence number @after which to start, and the maximum number of rows: @limit.
-- Returns:  The comments.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_comments(request, after, viewer, limit);
PREPARE select_comments AS
SELECT
	e.seq,
	e.at,
	e.party,
	a.operator_id,
	e.api_key,
	CASE WHEN p.id IS NULL THEN k.name END AS key_name,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	e.detail->>'text' AS text,
	ARRAY(SELECT jsonb_array_elements_text(e.detail->'visible_to')) AS readers
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account
WHERE e.request = $1 /*request*/ AND e.kind = 'comment' AND e.seq > $2 /*after*/ AND e.detail->'visible_to' ? $3 /*viewer*/
ORDER BY e.seq
LIMIT $4 /*limit*/;
