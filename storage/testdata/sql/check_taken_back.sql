-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the end of a request is taken back by the party that ended it, in time, to the state that it had.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_taken_back;
PREPARE check_taken_back AS
SELECT format('event %s of request %s takes back event %s by %s at %s, but is by %s at %s, to %s', e.seq, e.request, ended.seq, ended.party, ended.at, e.party, e.at, e.to_state)
FROM events e
LEFT JOIN LATERAL (
	SELECT seq, party, at, from_state, to_state
	FROM events earlier
	WHERE earlier.request = e.request AND earlier.seq < e.seq AND earlier.kind IN ('cancel', 'decline', 'deny') AND earlier.to_state IS NOT NULL
	ORDER BY seq DESC
	LIMIT 1
) ended ON true
WHERE e.kind = 'take_back'
  AND ((ended.party, ended.from_state, ended.to_state) IS DISTINCT FROM (e.party, e.to_state, e.from_state)
    OR e.at > ended.at + make_interval(secs => 600) + interval '1 minute');
