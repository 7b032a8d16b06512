-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: the time to accept a request ends at most 30 days after it began.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_extended_requests;
PREPARE check_extended_requests AS
SELECT format('the time to accept request %s began at %s and ends at %s', id, coalesce(waiting_since, offered_at), expires_at)
FROM requests
WHERE state = 'awaiting_acceptance'
  AND expires_at > coalesce(waiting_since, offered_at) + make_interval(secs => 2592000);
