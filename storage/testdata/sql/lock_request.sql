-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a request.
-- Given:    @request.
-- Returns:  Its state; no row if there is no such request.
-- Locks:    Takes the request.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_request(request);
PREPARE lock_request AS
SELECT state
FROM requests
WHERE id = $1 /*request*/
FOR NO KEY UPDATE;
