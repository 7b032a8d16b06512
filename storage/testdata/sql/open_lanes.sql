-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes the work of webhook endpoints due, because they have deliveries that are.
-- Given:    @endpoints.
-- Returns:  nothing
-- Locks:    Takes the rows of work, after the deliveries were stored.
--
-- EXPLAIN EXECUTE open_lanes(endpoints);
PREPARE open_lanes AS
INSERT INTO work (kind, items, n, queue, not_before)
SELECT
	'deliver_webhooks',
	ARRAY[lane],
	1,
	CASE WHEN slow THEN 'notify_webhook_slow' ELSE 'notify_webhook' END,
	greatest(clock_timestamp(), paused_until)
FROM webhook_endpoints
WHERE id = ANY ($1 /*endpoints*/) AND disabled_at IS NULL
ORDER BY lane
ON CONFLICT ((items[1])) WHERE kind = 'deliver_webhooks' DO UPDATE
SET not_before = least(work.not_before, excluded.not_before), queue = excluded.queue
WHERE work.dispatched_at IS NULL;
