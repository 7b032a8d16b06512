-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request's number of transfers left is the sum of its work.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_request_work;
PREPARE check_request_work AS
SELECT format('request %s (%s) has %s transfers left, but work for %s', r.id, r.state, r.n_left, coalesce(w.n, 0))
FROM requests r
LEFT JOIN (SELECT request, sum(n) AS n FROM work WHERE request IS NOT NULL GROUP BY request) w ON w.request = r.id
WHERE r.n_left <> coalesce(w.n, 0)
UNION ALL
SELECT format('work %s names request %s, which does not exist', w.id, w.request)
FROM work w
LEFT JOIN requests r ON r.id = w.request
WHERE w.request IS NOT NULL AND r.id IS NULL;
