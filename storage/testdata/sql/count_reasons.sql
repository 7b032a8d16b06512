-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the ineligible and failed transfers of a request by state and reason.
-- Given:    @request.
-- Returns:  A row for each state and reason, the most frequent first.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE count_reasons(request);
PREPARE count_reasons AS
SELECT state, reason, count(*) AS count
FROM transfers
WHERE request = $1 /*request*/ AND reason IS NOT NULL
GROUP BY state, reason
ORDER BY count(*) DESC, reason;
