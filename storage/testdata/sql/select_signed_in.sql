-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads who has signed in to a browser session.
-- Given:    @hash of the session's secret.
-- Returns:  The caller; none if the session has ended or its key is revoked.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_signed_in(hash);
PREPARE select_signed_in AS
SELECT
	k.id,
	k.role,
	coalesce(a.id, 0) AS "account.id",
	coalesce(a.operator_id, '') AS "account.operator_id",
	coalesce(a.email, '') AS "account.email",
	coalesce(a.currency, '') AS "account.currency",
	coalesce(a.coverage, '') AS "account.coverage",
	coalesce(a.standing, '') AS "account.standing",
	a.name AS "account.name",
	a.external_id AS "account.external_id",
	a.contacts AS "account.contacts",
	a.plans AS "account.plans",
	a.max_open_requests AS "account.max_open_requests",
	a.max_open_sims AS "account.max_open_sims",
	a.max_unknown_sims AS "account.max_unknown_sims",
	coalesce(a.created_at, '0001-01-01 00:00+00') AS "account.created_at",
	coalesce(k.permission, '') AS permission,
	k.networks::text[] AS networks,
	coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS stale
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
JOIN sign_ins s ON s.api_key = k.id
WHERE s.hash = $1 /*hash*/ AND s.expires_at > clock_timestamp() AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
