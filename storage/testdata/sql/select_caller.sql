-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads who calls with a token.
-- Given:    @hash of the token.
-- Returns:  The caller; none if no key that is not revoked has the token.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_caller(hash);
PREPARE select_caller AS
SELECT
	coalesce(k.id, 0) AS id,
	coalesce(k.role, '') AS role,
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
WHERE (k.hash = $1 /*hash*/ OR k.old_hash = $1 /*hash*/ AND k.old_until > clock_timestamp()) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
