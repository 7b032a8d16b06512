-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends a lease and makes work due again later. It counts no attempt.
-- Given:    @id of the work, its @lease, and after how many @seconds it is due.
-- Returns:  nothing
-- Locks:    Takes the work row, until the end of the statement.
--
-- EXPLAIN EXECUTE put_off_work(seconds, id, lease);
PREPARE put_off_work AS
UPDATE work
SET not_before = clock_timestamp() + make_interval(secs => $1 /*seconds*/),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL
WHERE id = $2 /*id*/ AND lease = $3 /*lease*/;
