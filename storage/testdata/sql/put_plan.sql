-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates a plan, or changes the one with the same name.
-- Given:    @name and @coverage_bound of the plan.
-- Returns:  nothing
-- Locks:    nothing
--
-- EXPLAIN EXECUTE put_plan(name, coverage_bound);
PREPARE put_plan AS
INSERT INTO plans (name, coverage_bound)
VALUES ($1 /*name*/, $2 /*coverage_bound*/)
ON CONFLICT (name) DO UPDATE
SET coverage_bound = excluded.coverage_bound;
