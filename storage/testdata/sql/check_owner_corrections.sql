-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: an owner after the first one comes from a transfer or a correction, and a correction has its timeline row.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_owner_corrections;
PREPARE check_owner_corrections AS
SELECT format('account %s has SIM %s since %s without a transfer or a correction', g.account, g.sim, g.since)
FROM registrations g
WHERE g.request IS NULL
  AND EXISTS (SELECT 1 FROM registrations earlier WHERE earlier.sim = g.sim AND earlier.since < g.since)
  AND NOT EXISTS (SELECT 1 FROM owner_corrections c WHERE c.sim = g.sim AND c.since = g.since)
UNION ALL
SELECT format('the correction of the owner of SIM %s at %s has no timeline row of its own', c.sim, c.since)
FROM owner_corrections c
LEFT JOIN registrations g ON g.sim = c.sim AND g.since = c.since AND g.request IS NULL
WHERE g.sim IS NULL;
