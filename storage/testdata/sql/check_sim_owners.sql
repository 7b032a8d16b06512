-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every SIM has one owner at every instant, the latest of its timeline.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_sim_owners;
PREPARE check_sim_owners AS
SELECT format('SIM %s (id %s) belongs to account %s since %s, but its timeline says to account %s since %s', s.iccid, s.id, s.account, s.since, g.account, g.since)
FROM sims s
LEFT JOIN LATERAL (SELECT account, since FROM registrations WHERE sim = s.id ORDER BY since DESC LIMIT 1) g ON true
WHERE (s.account, s.since) IS DISTINCT FROM (g.account, g.since);
