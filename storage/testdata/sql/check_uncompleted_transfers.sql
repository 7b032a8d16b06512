-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a transfer that is not completed has no timeline row, no charge and no snapshots.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_uncompleted_transfers;
PREPARE check_uncompleted_transfers AS
SELECT format('transfer %s/%s is %s', t.request, t.n, t.state)
FROM transfers t
LEFT JOIN registrations g ON g.request = t.request AND g.n = t.n
LEFT JOIN charges c ON c.request = t.request AND c.n = t.n
WHERE t.state <> 'completed'
  AND (g.sim IS NOT NULL OR c.request IS NOT NULL)
UNION ALL
SELECT format('a timeline row of SIM %s names transfer %s/%s, which does not exist', g.sim, g.request, g.n)
FROM registrations g
LEFT JOIN transfers t ON t.request = g.request AND t.n = g.n
WHERE g.request IS NOT NULL AND t.request IS NULL
UNION ALL
SELECT format('a charge names transfer %s/%s, which does not exist', c.request, c.n)
FROM charges c
LEFT JOIN transfers t ON t.request = c.request AND t.n = c.n
WHERE t.request IS NULL;
