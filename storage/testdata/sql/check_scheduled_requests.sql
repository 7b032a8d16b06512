-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a scheduled request has no work and the claims of all its eligible transfers.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_scheduled_requests;
PREPARE check_scheduled_requests AS
SELECT format('request %s is scheduled from %s to %s with %s eligible transfers, but has %s claims and %s work rows',
	r.id, r.not_before, r.expires_at, r.n_eligible, o.n, w.n)
FROM requests r
CROSS JOIN LATERAL (
	SELECT count(*) AS n
	FROM transfers t
	JOIN open_transfers o ON o.sim = t.sim AND o.request = t.request AND o.n = t.n
	WHERE t.request = r.id
) o
CROSS JOIN LATERAL (SELECT count(*) AS n FROM work WHERE request = r.id) w
WHERE r.state = 'scheduled'
  AND (r.n_eligible <> o.n OR w.n > 0 OR r.n_left > 0 OR r.not_before IS NULL);
