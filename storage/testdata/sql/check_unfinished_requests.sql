-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: an unfinished request has work, waits for a decision and expires, or is scheduled.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_unfinished_requests;
PREPARE check_unfinished_requests AS
SELECT format('request %s is %s with %s transfers left and expires at %s', id, state, n_left, expires_at)
FROM requests
WHERE finished_at IS NULL
  AND n_left = 0
  AND (state NOT IN ('in_review', 'awaiting_acceptance') OR expires_at IS NULL)
  AND state <> 'scheduled';
