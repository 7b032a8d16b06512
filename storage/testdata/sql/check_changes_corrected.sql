-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: terminated is final and nothing returns to ready: only a correction changes a SIM so, as far as the audit trail was kept.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_corrected;
PREPARE check_changes_corrected AS
SELECT format('SIM %s left terminated or became ready %s times, but was corrected so %s times', c.sim, c.n, coalesce(a.n, 0))
FROM (
	SELECT s.sim, count(*) AS n
	FROM changes c
	CROSS JOIN LATERAL unnest(c.sims) AS s (sim)
	WHERE c.kind = 'status_changed'
	  AND (c.before->>'status' = 'terminated' OR c.after->>'status' = 'ready')
	  AND c.at > (SELECT coalesce(min(at), '-infinity') + interval '1 minute' FROM audit) -- older entries were deleted
	GROUP BY s.sim
) c
LEFT JOIN (
	SELECT sim, count(*) AS n
	FROM audit
	WHERE action = 'sim.correct' AND (before->>'status' = 'terminated' OR after->>'status' = 'ready')
	GROUP BY sim
) a ON a.sim = c.sim
WHERE c.n > coalesce(a.n, 0);
