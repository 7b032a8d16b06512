-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds scheduled requests whose window has begun and is not over, oldest first.
-- Given:    The maximum number of rows: @limit.
-- Returns:  The ids of the requests.
-- Locks:    Takes the requests, and skips those that another transaction holds.
--
-- EXPLAIN EXECUTE lock_startable(limit);
PREPARE lock_startable AS
SELECT id
FROM requests
WHERE state = 'scheduled' AND not_before <= clock_timestamp() AND (expires_at IS NULL OR expires_at > clock_timestamp())
ORDER BY not_before
LIMIT $1 /*limit*/
FOR NO KEY UPDATE SKIP LOCKED;
