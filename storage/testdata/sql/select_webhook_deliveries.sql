-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the deliveries to a webhook endpoint, the latest first.
-- Given:    @endpoint; @states and @types (null: any); @event: only of this message (empty: any); @before: only with lower ids (0:
--           all); @limit: maximum number of rows.
-- Returns:  The deliveries, without what was sent.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhook_deliveries(endpoint, before, states, types, event, limit);
PREPARE select_webhook_deliveries AS
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
	d.response
FROM webhook_deliveries d
JOIN messages m ON m.id = d.message
JOIN webhook_endpoints e ON e.id = d.endpoint
WHERE d.endpoint = $1 /*endpoint*/
  AND ($2 /*before*/::bigint = 0 OR d.id < $2 /*before*/)
  AND ($3 /*states*/::text[] IS NULL OR d.state = ANY ($3 /*states*/))
  AND ($4 /*types*/::text[] IS NULL OR m.type = ANY ($4 /*types*/))
  AND ($5 /*event*/ = '' OR m.event = $5 /*event*/)
ORDER BY d.id DESC
LIMIT $6 /*limit*/;
