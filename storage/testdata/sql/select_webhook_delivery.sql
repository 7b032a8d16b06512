-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a delivery to a webhook endpoint.
-- Given:    @endpoint and @id.
-- Returns:  The delivery; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhook_delivery(endpoint, id);
PREPARE select_webhook_delivery AS
SELECT
	d.id,
	m.event,
	m.type,
	m.at,
	d.state,
	d.attempts,
	d.created_at,
	d.replayed_at,
	CASE WHEN d.state = 'pending' THEN greatest(d.not_before, e.paused_until) END AS next_attempt,
	d.attempted_at,
	d.took_ms,
	d.status,
	d.error,
	d.request_headers,
	d.response_headers,
	d.response,
	m.body
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
JOIN webhook_endpoints e ON e.id = d.endpoint
WHERE d.endpoint = $1 /*endpoint*/ AND d.id = $2 /*id*/;
