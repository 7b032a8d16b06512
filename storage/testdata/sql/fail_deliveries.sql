-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends the pending deliveries to a webhook endpoint that was disabled.
-- Given:    @endpoint.
-- Returns:  nothing
-- Locks:    Takes the deliveries. The caller holds the endpoint.
--
-- EXPLAIN EXECUTE fail_deliveries(endpoint);
PREPARE fail_deliveries AS
UPDATE webhook_deliveries
SET state = 'failed', error = CASE WHEN attempted_at IS NULL THEN 'not sent: the endpoint was disabled' ELSE error END
WHERE endpoint = $1 /*endpoint*/ AND state = 'pending';
