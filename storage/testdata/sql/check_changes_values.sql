-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: each change of a SIM's status or plan begins with the value that the change before it, or its creation, ended with.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_changes_values;
PREPARE check_changes_values AS
SELECT format('change %s (%s) of SIM %s begins with the %s %s, but the one before it ends with %s', id, kind, sim, field, began, was)
FROM (
	SELECT c.id, c.kind, sim, f.field, c.before->>f.field AS began,
		lag(c.after->>f.field) OVER (PARTITION BY sim, f.field ORDER BY c.seq NULLS LAST, c.id) AS was
	FROM changes c
	CROSS JOIN LATERAL unnest(c.sims) AS sim
	CROSS JOIN unnest(ARRAY['status', 'plan']) AS f (field)
	WHERE c.kind IN ('created', 'status_changed', 'plan_changed') AND c.after ? f.field
) chain
WHERE began <> was;
