-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds undecided requests that have expired, and scheduled ones whose window is over, oldest first.
-- Given:    The maximum number of rows: @limit.
-- Returns:  The ids of the requests.
-- Locks:    Takes the requests, and skips those that another transaction holds.
--
-- EXPLAIN EXECUTE lock_expired(limit);
PREPARE lock_expired AS
SELECT id
FROM requests
WHERE state IN ('in_review', 'awaiting_acceptance', 'scheduled') AND expires_at <= clock_timestamp()
ORDER BY expires_at
LIMIT $1 /*limit*/
FOR NO KEY UPDATE SKIP LOCKED;
