-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a plan.
-- Given:    @name of the plan.
-- Returns:  The plan; none if it does not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plan(name);
PREPARE select_plan AS
SELECT name, coverage_bound FROM plans WHERE name = $1 /*name*/;
