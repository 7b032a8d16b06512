-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: each reminder of a request was recorded once.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_reminders;
PREPARE check_reminders AS
SELECT format('request %s has %s reminders that %s %% of the time of %s are over', request, count(*), detail->>'percent', detail->>'waiting_for')
FROM events
WHERE kind = 'remind'
GROUP BY request, detail->>'percent', detail->>'waiting_for'
HAVING count(*) > 1;
