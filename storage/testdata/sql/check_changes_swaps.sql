-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every swap of a SIM is in the changes feed once.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_swaps;
PREPARE check_changes_swaps AS
SELECT format('the swap of SIM %s for %s happened %s times, and is %s times in the changes feed', old_sim, new_sim, coalesce(w.n, 0), coalesce(c.n, 0))
FROM (SELECT old_sim, new_sim, count(*) AS n FROM swaps GROUP BY old_sim, new_sim) w
FULL JOIN (
	SELECT sims[1] AS old_sim, sims[2] AS new_sim, count(*) AS n
	FROM changes
	WHERE kind = 'swapped'
	GROUP BY sims[1], sims[2]
) c USING (old_sim, new_sim)
WHERE w.n IS DISTINCT FROM c.n;
