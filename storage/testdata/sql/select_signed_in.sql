-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads who has signed in, and as whom it can act.
-- Given:    @hash of the secret of the sign-in.
-- Returns:  The sign-in with the API key, or with each membership of the person, staff first, then by operator id; one row
--           without any for a person who has none. No row if the sign-in has ended, its key does not work any more or its
--           person is disabled.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_signed_in(hash);
PREPARE select_signed_in AS
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
	coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) AS stale,
	coalesce(p.id, 0) AS "person.id",
	coalesce(p.email, '') AS "person.email",
	coalesce(p.name, '') AS "person.name",
	s.id AS "sign_in.id",
	s.created_at AS "sign_in.created_at",
	s.last_seen_at AS "sign_in.last_seen_at",
	s.expires_at AS "sign_in.expires_at",
	s.ends_at AS "sign_in.ends_at",
	s.fresh_until AS "sign_in.fresh_until",
	s.fresh_until > clock_timestamp() AS "sign_in.fresh",
	s.address AS "sign_in.address",
	s.user_agent AS "sign_in.user_agent",
	s.last_seen_at < clock_timestamp() - interval '1 minute' AS unseen
FROM sign_ins s
LEFT JOIN people p ON p.id = s.person
LEFT JOIN api_keys k ON (k.id = s.api_key OR k.person = s.person) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
LEFT JOIN accounts a ON a.id = k.account
WHERE s.hash = $1 /*hash*/
  AND s.expires_at > clock_timestamp()
  AND (s.person IS NOT NULL OR k.id IS NOT NULL)
  AND p.disabled_at IS NULL
ORDER BY a.operator_id NULLS FIRST;
