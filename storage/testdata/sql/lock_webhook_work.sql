-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the work of a webhook endpoint, if there is any.
-- Given:    @id of the endpoint.
-- Returns:  The id of the work; no row if there is none.
-- Locks:    Takes the row of work, as the first lock of the transaction.
--
-- EXPLAIN EXECUTE lock_webhook_work(id);
PREPARE lock_webhook_work AS
SELECT w.id
FROM webhook_endpoints e
JOIN work w ON w.kind = 'deliver_webhooks' AND w.items[1] = e.lane
WHERE e.id = $1 /*id*/
FOR UPDATE OF w;
