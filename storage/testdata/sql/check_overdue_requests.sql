-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: no scheduled request waits for more than a minute after its window has begun or ended.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_overdue_requests;
PREPARE check_overdue_requests AS
SELECT format('request %s is scheduled from %s to %s: no scheduler is running', id, not_before, expires_at)
FROM requests
WHERE state = 'scheduled'
  AND (not_before < clock_timestamp() - interval '1 minute' OR expires_at < clock_timestamp() - interval '1 minute');
