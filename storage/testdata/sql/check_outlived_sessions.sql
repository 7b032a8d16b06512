-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every open session that started before its SIM's last transfer has work to disconnect it.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_outlived_sessions;
PREPARE check_outlived_sessions AS
SELECT format('session %s of SIM %s has no work', a.radacctid, a.sim)
FROM radius.radacct a
JOIN sims s ON s.id = a.sim
JOIN registrations g ON g.sim = s.id AND g.since = s.since
LEFT JOIN registrations admitted ON admitted.sim = s.id AND admitted.since = radius.class_since(a.class)
WHERE a.acctstoptime IS NULL
  AND g.request IS NOT NULL
  AND coalesce(admitted.since, a.acctstarttime) < s.since
  AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'drop_stray' AND a.radacctid = ANY(w.items))
  AND NOT EXISTS (SELECT 1 FROM open_transfers o JOIN requests r ON r.id = o.request WHERE o.sim = a.sim AND r.state = 'transferring');
