-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a request, so that two retries cannot take the same lines.
-- Given:    @request.
-- Returns:  Its state and whether it is finished; no row if there is no such request.
-- Locks:    Takes the request.
--
-- EXPLAIN EXECUTE lock_finished(request);
PREPARE lock_finished AS
SELECT state, finished_at IS NOT NULL AS finished
FROM requests
WHERE id = $1 /*request*/
FOR NO KEY UPDATE;
