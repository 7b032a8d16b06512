-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reports whether SIMs of a source can land on a plan at a destination.
-- Given:    @plan: its name; @source and @destination: ids of accounts.
-- Returns:  Whether there is no such plan (unknown), the destination may not hold it (barred), or it is bound to a coverage that differs (bound).
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_landing_plan(plan, source, destination);
PREPARE select_landing_plan AS
SELECT
	NOT EXISTS (SELECT 1 FROM plans WHERE name = $1 /*plan*/) AS unknown,
	coalesce($1 /*plan*/ <> ALL (nullif(dst.plans, '{}')), false) AS barred,
	src.coverage <> dst.coverage AND EXISTS (SELECT 1 FROM plans WHERE name = $1 /*plan*/ AND coverage_bound) AS bound
FROM accounts src
CROSS JOIN accounts dst
WHERE src.id = $2 /*source*/ AND dst.id = $3 /*destination*/;
