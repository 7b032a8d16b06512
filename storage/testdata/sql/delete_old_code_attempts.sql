-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes attempts to redeem a transfer code that are older than an hour.
-- Given:    @limit: maximum number of attempts.
-- Returns:  nothing
-- Locks:    Takes the attempts.
--
-- EXPLAIN EXECUTE delete_old_code_attempts(limit);
PREPARE delete_old_code_attempts AS
DELETE FROM code_attempts
WHERE id IN (
	SELECT id
	FROM code_attempts
	WHERE at < clock_timestamp() - interval '1 hour'
	ORDER BY at
	LIMIT $1 /*limit*/
	FOR UPDATE SKIP LOCKED
);
