-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Compares a request's expiry with the clock.
-- Given:    @request.
-- Returns:  Whether it has expired.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE request_is_late(request);
PREPARE request_is_late AS
SELECT expires_at <= clock_timestamp()
FROM requests
WHERE id = $1 /*request*/;
