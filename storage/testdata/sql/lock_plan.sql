-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a plan.
-- Given:    @name of the plan.
-- Returns:  Its name; none if it does not exist.
-- Locks:    Takes the plan.
--
-- EXPLAIN EXECUTE lock_plan(name);
PREPARE lock_plan AS
SELECT name FROM plans WHERE name = $1 /*name*/ FOR NO KEY UPDATE;
