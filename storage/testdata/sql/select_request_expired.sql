-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Compares a request's expiry with the clock.
-- Given:    @request.
-- Returns:  Whether it has expired, and the time.
-- Locks:    The caller holds the request.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_request_expired(request);
PREPARE select_request_expired AS
SELECT coalesce(expires_at <= clock_timestamp(), false) AS late, clock_timestamp() AS now
FROM requests
WHERE id = $1 /*request*/;
