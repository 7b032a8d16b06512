-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists events of a request, oldest first.
-- Given:    @request, the sequence number @after which to start, and the maximum number of rows: @limit.
--           @offered: only events that the destination sees.
-- Returns:  The events.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_events(request, after, offered, limit);
PREPARE select_events AS
SELECT
	e.seq,
	e.at,
	e.kind,
	e.party,
	a.operator_id,
	e.api_key,
	k.name AS key_name,
	k.hint AS key_hint,
	e.address,
	e.from_state,
	e.to_state,
	e.detail
FROM events e
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN accounts a ON a.id = k.account
WHERE e.request = $1 /*request*/ AND e.seq > $2 /*after*/ AND (NOT $3 /*offered*/ OR e.destination IS NOT NULL)
ORDER BY e.seq
LIMIT $4 /*limit*/;
