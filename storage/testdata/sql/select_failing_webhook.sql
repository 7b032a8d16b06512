-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads what a mail says about a webhook endpoint that fails.
-- Given:    @id.
-- Returns:  Its address, when it began to fail and how, for how many seconds it does, and its account; no row if it has none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_failing_webhook(id);
PREPARE select_failing_webhook AS
SELECT
	e.url,
	a.operator_id,
	e.failing_since,
	coalesce(e.last_failure, '') AS failure,
	coalesce(extract(epoch FROM clock_timestamp() - e.failing_since)::float8, 0) AS seconds
FROM webhook_endpoints e
JOIN accounts a ON a.id = e.account
WHERE e.id = $1 /*id*/;
