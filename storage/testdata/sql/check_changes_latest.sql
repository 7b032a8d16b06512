-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the last status and plan of a SIM in the changes feed are those of the SIM.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_latest;
PREPARE check_changes_latest AS
SELECT format('SIM %s (id %s) has the %s %s, but %s in the changes feed', s.iccid, s.id, c.field, c.value, c.told)
FROM (
	SELECT DISTINCT ON (sim, kind) sim, kind, after
	FROM changes
	CROSS JOIN LATERAL unnest(sims) AS sim
	WHERE kind IN ('status_changed', 'plan_changed')
	ORDER BY sim, kind, seq DESC NULLS FIRST, id DESC
) latest
JOIN sims s ON s.id = latest.sim
CROSS JOIN LATERAL (
	SELECT 'status' AS field, s.status AS value, latest.after->>'status' AS told
	WHERE latest.kind = 'status_changed'
	UNION ALL
	SELECT 'plan', s.plan, latest.after->>'plan'
	WHERE latest.kind = 'plan_changed'
) c
WHERE c.value IS DISTINCT FROM c.told;
