-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists plans by name.
-- Given:    nothing
-- Returns:  Every plan.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_plans;
PREPARE select_plans AS
SELECT name, coverage_bound FROM plans ORDER BY name;
