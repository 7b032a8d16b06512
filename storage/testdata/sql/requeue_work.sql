-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts an attempt, ends the lease and makes work due again later, or dead.
-- Given:    @id of the work, the @error that stays on it, after how many @seconds it is due,
--           and whether it is now @dead.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE requeue_work(seconds, dead, error, id);
PREPARE requeue_work AS
UPDATE work
SET attempts = attempts + 1,
	not_before = clock_timestamp() + make_interval(secs => $1 /*seconds*/),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL,
	dead_at = CASE WHEN $2 /*dead*/ THEN coalesce(dead_at, clock_timestamp()) END,
	error = $3 /*error*/
WHERE id = $4 /*id*/;
