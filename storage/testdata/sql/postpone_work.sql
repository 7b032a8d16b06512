-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes work due again later, ends its lease and records its failures.
-- Given:    @id of the work. How many @errors and @crashes it has, which never lowers them.
--           After how many @seconds it is due, and the @error that stays on it.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE postpone_work(errors, crashes, seconds, error, id);
PREPARE postpone_work AS
UPDATE work
SET errors = greatest(errors, $1 /*errors*/),
	crashes = greatest(crashes, $2 /*crashes*/),
	not_before = clock_timestamp() + make_interval(secs => $3 /*seconds*/),
	dispatched_at = NULL,
	lease = NULL,
	lease_until = NULL,
	error = $4 /*error*/
WHERE id = $5 /*id*/;
