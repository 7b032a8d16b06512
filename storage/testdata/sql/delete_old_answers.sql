-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes stored answers that are older than 24 hours, oldest first.
-- Given:    @limit: maximum number of answers.
-- Returns:  nothing
-- Locks:    Takes the answers, passing over those that another transaction holds.
--
-- EXPLAIN EXECUTE delete_old_answers(limit);
PREPARE delete_old_answers AS
DELETE FROM idempotency
WHERE (scope, key) IN (
	SELECT scope, key
	FROM idempotency
	WHERE created_at <= clock_timestamp() - interval '24 hours'
	ORDER BY created_at
	LIMIT $1 /*limit*/
	FOR UPDATE SKIP LOCKED
);
