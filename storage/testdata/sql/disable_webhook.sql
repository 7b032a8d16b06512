-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Disables a webhook endpoint.
-- Given:    @id, and the @reason.
-- Returns:  Since when it fails and how, and its address; no row if it is disabled already.
-- Locks:    Takes the endpoint.
--
-- EXPLAIN EXECUTE disable_webhook(reason, id);
PREPARE disable_webhook AS
UPDATE webhook_endpoints
SET disabled_at = clock_timestamp(), disabled_reason = $1 /*reason*/
WHERE id = $2 /*id*/ AND disabled_at IS NULL
RETURNING url, failing_since, last_failure;
