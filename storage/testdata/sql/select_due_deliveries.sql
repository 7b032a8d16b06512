-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the messages that are to be sent to a webhook endpoint now, those that are due longest first.
-- Given:    @endpoint, and the maximum number of rows: @limit.
-- Returns:  The deliveries.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_due_deliveries(endpoint, limit);
PREPARE select_due_deliveries AS
SELECT d.id, d.attempts, m.event, m.body
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
WHERE d.endpoint = $1 /*endpoint*/ AND d.state = 'pending' AND d.not_before <= clock_timestamp()
ORDER BY d.not_before, d.id
LIMIT $2 /*limit*/;
