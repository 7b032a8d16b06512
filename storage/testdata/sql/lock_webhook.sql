-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a webhook endpoint.
-- Given:    @id.
-- Returns:  The id; no row if there is none.
-- Locks:    Takes the endpoint, after its work.
--
-- EXPLAIN EXECUTE lock_webhook(id);
PREPARE lock_webhook AS
SELECT id FROM webhook_endpoints WHERE id = $1 /*id*/ FOR NO KEY UPDATE;
