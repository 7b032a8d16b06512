-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: no work is dead.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_dead_work;
PREPARE check_dead_work AS
SELECT format('work %s (%s, queue %s) is dead since %s: %s', id, kind, queue, dead_at, error)
FROM work
WHERE dead_at IS NOT NULL;
