-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: every SIM was created in the changes feed once.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_created;
PREPARE check_changes_created AS
SELECT format('SIM %s (%s) was created %s times in the changes feed', coalesce(s.id, c.sim), coalesce(s.iccid, 'which does not exist'), coalesce(c.n, 0))
FROM sims s
FULL JOIN (
	SELECT sim, count(*) AS n
	FROM changes
	CROSS JOIN LATERAL unnest(sims) AS sim
	WHERE kind = 'created'
	GROUP BY sim
) c ON c.sim = s.id
WHERE s.id IS NULL OR c.n IS DISTINCT FROM 1;
