-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads a webhook endpoint.
-- Given:    @id.
-- Returns:  The endpoint; no row if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhook(id);
PREPARE select_webhook AS
SELECT
	e.id,
	e.account AS account_id,
	a.operator_id AS account,
	e.url,
	e.description,
	e.types,
	e.secret_set_at,
	CASE WHEN e.old_secret_until > clock_timestamp() THEN e.old_secret_until END AS old_secret_until,
	e.created_at,
	e.disabled_at,
	e.disabled_reason,
	e.last_success_at,
	e.last_failure_at,
	e.last_failure,
	e.failing_since,
	CASE WHEN e.paused_until > clock_timestamp() THEN e.paused_until END AS paused_until,
	(SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE endpoint = e.id AND state = 'pending' LIMIT 1000) p) AS pending
FROM webhook_endpoints e
LEFT JOIN accounts a ON a.id = e.account
WHERE e.id = $1 /*id*/;
