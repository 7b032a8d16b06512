-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the webhook endpoint of a piece of work, with its secrets.
-- Given:    The @lane.
-- Returns:  The endpoint; no row if it was deleted or is disabled.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhook_lane(lane);
PREPARE select_webhook_lane AS
SELECT
	id AS endpoint,
	account,
	url,
	secret,
	CASE WHEN old_secret_until > clock_timestamp() THEN old_secret END AS old_secret,
	failures,
	last_success_at IS NOT NULL AS proven,
	slow
FROM webhook_endpoints
WHERE lane = $1 /*lane*/ AND disabled_at IS NULL;
