-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request that was accepted for later is executed after its window has begun, and starts before the window ends.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_execution_windows;
PREPARE check_execution_windows AS
SELECT format('transfer %s/%s was executed at %s, before the window of its request from %s to %s', t.request, t.n, g.since, r.not_before, r.not_after)
FROM requests r
JOIN transfers t ON t.request = r.id AND t.state = 'completed'
JOIN registrations g ON g.sim = t.sim AND g.request = t.request AND g.n = t.n
WHERE g.since < r.not_before
UNION ALL
SELECT format('request %s started at %s, outside of its window from %s to %s', r.id, e.at, r.not_before, r.not_after)
FROM requests r
JOIN events e ON e.request = r.id AND e.kind = 'start'
WHERE e.at < r.not_before
   OR e.at > r.not_after + interval '1 minute';
