-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds names of plans that do not exist.
-- Given:    @plans: the names.
-- Returns:  Those that do not exist, in alphabetical order.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_unknown_plans(plans);
PREPARE select_unknown_plans AS
SELECT ARRAY(SELECT name FROM unnest($1 /*plans*/::text[]) AS name EXCEPT SELECT name FROM plans ORDER BY name);
