-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes the work of a webhook endpoint.
-- Given:    @id of the endpoint.
-- Returns:  nothing
-- Locks:    The caller holds the work and the endpoint.
--
-- EXPLAIN EXECUTE delete_webhook_work(id);
PREPARE delete_webhook_work AS
DELETE FROM work w
USING webhook_endpoints e
WHERE e.id = $1 /*id*/ AND w.kind = 'deliver_webhooks' AND w.items[1] = e.lane;
