-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the comment that was written last on a request.
-- Given:    @request.
-- Returns:  The comment.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_last_comment(request);
PREPARE select_last_comment AS
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
WHERE e.request = $1 /*request*/ AND e.kind = 'comment'
ORDER BY e.seq DESC
LIMIT 1;
