-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the latest delivery of a message to a webhook endpoint.
-- Given:    @endpoint, and the @event that names the message.
-- Returns:  Its id; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_delivery_of(endpoint, event);
PREPARE select_delivery_of AS
SELECT d.id
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
WHERE d.endpoint = $1 /*endpoint*/ AND m.event = $2 /*event*/
ORDER BY d.id DESC
LIMIT 1;
