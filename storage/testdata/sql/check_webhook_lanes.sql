-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a pending delivery to a webhook endpoint has work, the endpoint is enabled, and the work of webhooks has its endpoint.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_webhook_lanes;
PREPARE check_webhook_lanes AS
SELECT format('webhook endpoint %s, %s, has %s pending deliveries and %s rows of work', e.id, CASE WHEN e.disabled_at IS NULL THEN 'enabled' ELSE 'disabled' END, d.n, w.n)
FROM (SELECT endpoint, count(*) AS n FROM webhook_deliveries WHERE state = 'pending' GROUP BY endpoint) d
JOIN webhook_endpoints e ON e.id = d.endpoint
CROSS JOIN LATERAL (SELECT count(*) AS n FROM work WHERE kind = 'deliver_webhooks' AND items[1] = e.lane) w
WHERE w.n <> 1 OR e.disabled_at IS NOT NULL
UNION ALL
SELECT format('work %s is of a webhook endpoint that does not exist', w.id)
FROM work w
LEFT JOIN webhook_endpoints e ON e.lane = w.items[1]
WHERE w.kind = 'deliver_webhooks' AND e.id IS NULL;
