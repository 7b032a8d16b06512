-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request's events are numbered without gaps, and the last state in them is the request's.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_request_events;
PREPARE check_request_events AS
SELECT format('request %s (%s) has %s events up to number %s, and the last state in them is %s', r.id, r.state, count(e.seq), r.last_event,
	(array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1])
FROM requests r
LEFT JOIN events e ON e.request = r.id
GROUP BY r.id
HAVING count(e.seq) <> r.last_event
    OR max(e.seq) <> r.last_event
    OR (array_agg(e.to_state ORDER BY e.seq DESC) FILTER (WHERE e.to_state IS NOT NULL))[1] <> r.state;
