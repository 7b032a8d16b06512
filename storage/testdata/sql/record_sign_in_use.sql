-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Records that a sign-in was used now, which moves its end, unless another transaction does so.
-- Given:    @id of the sign-in; @idle: for how many seconds it lasts without another call.
-- Returns:  nothing
-- Locks:    Takes the sign-in, without waiting.
--
-- EXPLAIN EXECUTE record_sign_in_use(idle, id);
PREPARE record_sign_in_use AS
UPDATE sign_ins
SET last_seen_at = clock_timestamp(),
	expires_at = least(ends_at, clock_timestamp() + make_interval(secs => $1 /*idle*/))
WHERE id = (SELECT id FROM sign_ins WHERE id = $2 /*id*/ FOR NO KEY UPDATE SKIP LOCKED);
