-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Marks work as dead, so that it is not tried again until an operator retries it.
-- Given:    @id of the work, and the @error that stays on it.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE mark_dead(error, id);
PREPARE mark_dead AS
UPDATE work
SET dead_at = coalesce(dead_at, clock_timestamp()), lease = NULL, lease_until = NULL, error = $1 /*error*/
WHERE id = $2 /*id*/;
