-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a transfer that is not completed has no timeline row, no charge and no snapshots.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_uncompleted_transfers;
PREPARE check_uncompleted_transfers AS
SELECT format('a timeline row of SIM %s names transfer %s/%s, which %s', g.sim, g.request, g.n, coalesce('is ' || t.state, 'does not exist'))
FROM registrations g
LEFT JOIN transfers t ON t.request = g.request AND t.n = g.n
WHERE g.request IS NOT NULL AND t.state IS DISTINCT FROM 'completed'
UNION ALL
SELECT format('a charge names transfer %s/%s, which %s', c.request, c.n, coalesce('is ' || t.state, 'does not exist'))
FROM charges c
LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
WHERE t.state IS DISTINCT FROM 'completed';
