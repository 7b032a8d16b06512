-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists how the status and the plan of a SIM changed, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The changes with the field that changed, which was one value and becomes another.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_changed_values(sim, limit);
PREPARE select_changed_values AS
SELECT at, field, before->>field AS was, after->>field AS becomes
FROM changes, split_part(kind, '_', 1) AS field
WHERE kind IN ('status_changed', 'plan_changed') AND sims[1] = $1 /*sim*/::bigint
ORDER BY id DESC
LIMIT $2 /*limit*/;
