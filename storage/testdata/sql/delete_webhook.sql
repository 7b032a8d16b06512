-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes a webhook endpoint with its deliveries.
-- Given:    @id.
-- Returns:  nothing
-- Locks:    The caller holds the endpoint. Takes the deliveries.
--
-- EXPLAIN EXECUTE delete_webhook(id);
PREPARE delete_webhook AS
DELETE FROM webhook_endpoints WHERE id = $1 /*id*/;
