-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Extends a lease from now.
-- Given:    @id of the work, its @lease, and how many @seconds it lasts.
-- Returns:  nothing
-- Locks:    Takes the work row, until the end of the statement.
--
-- EXPLAIN EXECUTE renew_lease(seconds, id, lease);
PREPARE renew_lease AS
UPDATE work
SET lease_until = clock_timestamp() + make_interval(secs => $1 /*seconds*/)
WHERE id = $2 /*id*/ AND lease = $3 /*lease*/;
