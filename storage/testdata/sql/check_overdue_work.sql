-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: no work is overdue by more than 15 seconds.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_overdue_work;
PREPARE check_overdue_work AS
SELECT format('work %s (%s, queue %s): due since %s, dispatched at %s, checked at %s', id, kind, queue, not_before, dispatched_at, checked_at)
FROM work
WHERE dead_at IS NULL
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
  AND not_before < clock_timestamp() - interval '15 s'
  AND (dispatched_at IS NULL OR checked_at < clock_timestamp() - interval '15 s');
