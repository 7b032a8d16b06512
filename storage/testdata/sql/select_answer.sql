-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the stored answer of a call.
-- Given:    @scope and @key of the call.
-- Returns:  The answer and the fingerprint of the call; none if there is no answer from the last 24 hours.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_answer(scope, key);
PREPARE select_answer AS
SELECT
	fingerprint,
	answer
FROM idempotency
WHERE scope = $1 /*scope*/
  AND key = $2 /*key*/
  AND created_at > clock_timestamp() - interval '24 hours';
