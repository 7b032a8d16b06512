-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Enables a webhook endpoint, as if it had never failed. It gets messages about the changes that come from now on.
-- Given:    @id.
-- Returns:  nothing
-- Locks:    The caller holds the endpoint.
--
-- EXPLAIN EXECUTE enable_webhook(id);
PREPARE enable_webhook AS
UPDATE webhook_endpoints
SET disabled_at = NULL,
	disabled_reason = NULL,
	failing_since = NULL,
	failures = 0,
	paused_until = NULL,
	slow = true,
	changes_seq = coalesce((SELECT max(seq) FROM changes), 0)
WHERE id = $1 /*id*/;
