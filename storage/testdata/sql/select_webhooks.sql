-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists webhook endpoints, the latest first.
-- Given:    @account (0: any); @staff: only those of staff; @before: only endpoints with lower ids (null: all); @limit: maximum
--           number of rows.
-- Returns:  The endpoints.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhooks(account, staff, before, limit);
PREPARE select_webhooks AS
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
WHERE ($1 /*account*/::bigint = 0 OR e.account = $1 /*account*/)
  AND (NOT $2 /*staff*/ OR e.account IS NULL)
  AND ($3 /*before*/::uuid IS NULL OR e.id < $3 /*before*/)
ORDER BY e.id DESC
LIMIT $4 /*limit*/;
