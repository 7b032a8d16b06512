-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Ends the work of a webhook endpoint that has no pending delivery, or makes it due when the next delivery is and the
--           endpoint is not paused.
-- Given:    @id of the work, and its @lane.
-- Returns:  A row if there was something to end or to postpone.
-- Locks:    The caller holds the row of work, which an earlier statement has taken.
--
-- EXPLAIN EXECUTE close_webhook_lane(lane, id);
PREPARE close_webhook_lane AS
WITH next AS MATERIALIZED (
	SELECT e.slow, greatest(e.paused_until, d.not_before) AS at
	FROM webhook_endpoints e
	CROSS JOIN LATERAL (
		SELECT not_before
		FROM webhook_deliveries
		WHERE endpoint = e.id AND state = 'pending'
		ORDER BY not_before
		LIMIT 1
	) d
	WHERE e.lane = $1 /*lane*/ AND e.disabled_at IS NULL
), ended AS (
	DELETE FROM work
	WHERE id = $2 /*id*/ AND NOT EXISTS (SELECT 1 FROM next)
	RETURNING id
), postponed AS (
	UPDATE work w
	SET not_before = next.at,
		queue = CASE WHEN next.slow THEN 'notify_webhook_slow' ELSE 'notify_webhook' END,
		dispatched_at = NULL,
		lease = NULL,
		lease_until = NULL,
		errors = 0,
		crashes = 0,
		error = NULL
	FROM next
	WHERE w.id = $2 /*id*/
	RETURNING w.id
)
SELECT id FROM ended UNION ALL SELECT id FROM postponed;
