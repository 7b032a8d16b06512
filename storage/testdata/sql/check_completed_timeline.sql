-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a completed transfer has one timeline row, with the destination.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_completed_timeline;
PREPARE check_completed_timeline AS
SELECT format('transfer %s/%s has no timeline row with the destination', t.request, t.n)
FROM transfers t
JOIN requests r ON r.id = t.request
LEFT JOIN registrations g ON g.request = t.request AND g.n = t.n AND g.sim = t.sim AND g.account = r.destination
WHERE t.state = 'completed' AND g.sim IS NULL
UNION ALL
SELECT format('request %s has %s timeline rows for %s transfers', request, count(*), count(DISTINCT n))
FROM registrations
WHERE request IS NOT NULL
GROUP BY request
HAVING count(*) > count(DISTINCT n);
