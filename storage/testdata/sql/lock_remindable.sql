-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds requests that wait for a decision and of which a reminder is due, oldest first.
-- Given:    The maximum number of rows: @limit.
-- Returns:  The ids of the requests.
-- Locks:    Takes the requests, and skips those that another transaction holds.
--
-- EXPLAIN EXECUTE lock_remindable(limit);
PREPARE lock_remindable AS
SELECT id
FROM requests
WHERE state IN ('in_review', 'awaiting_acceptance') AND remind_at <= clock_timestamp() AND expires_at > clock_timestamp()
ORDER BY remind_at
LIMIT $1 /*limit*/
FOR NO KEY UPDATE SKIP LOCKED;
