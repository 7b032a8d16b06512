-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists events of a request, oldest first.
-- Given:    @request, the sequence number @after which to start, and the maximum number of rows: @limit.
--           The @viewer: source or destination, if only events that this party sees are wanted.
-- Returns:  The events.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_events(request, after, viewer, limit);
PREPARE select_events AS
SELECT
	e.seq,
	e.at,
	e.kind,
	e.party,
	a.operator_id,
	e.api_key,
	CASE WHEN p.id IS NULL THEN k.name END AS key_name,
	nullif(k.hint, '') AS key_hint,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	e.address,
	e.from_state,
	e.to_state,
	e.detail
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account
WHERE e.request = $1 /*request*/ AND e.seq > $2 /*after*/ 
  AND ($3 /*viewer*/ <> 'source' OR e.source IS NOT NULL)
  AND ($3 /*viewer*/ <> 'destination' OR e.destination IS NOT NULL)
ORDER BY e.seq
LIMIT $4 /*limit*/;
