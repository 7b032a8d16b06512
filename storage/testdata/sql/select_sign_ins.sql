-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists sign-ins that have not ended, the latest first.
-- Given:    @person and API @key that has signed in (0: any); @account that the person or the key acts for (0: any); @before: only
--           sign-ins with a smaller id (0: all); @limit: maximum number of rows.
-- Returns:  The sign-ins.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_sign_ins(person, key, account, before, limit);
PREPARE select_sign_ins AS
SELECT
	s.id,
	s.created_at,
	s.last_seen_at,
	s.expires_at,
	s.ends_at,
	s.fresh_until,
	s.fresh_until > clock_timestamp() AS fresh,
	s.address,
	s.user_agent,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	s.api_key,
	k.name AS key_name,
	k.hint AS key_hint,
	ARRAY(
		SELECT coalesce(m.account, 0) FROM api_keys m WHERE (m.id = s.api_key OR m.person = s.person) AND m.revoked_at IS NULL
	) AS accounts
FROM sign_ins s
LEFT JOIN people p ON p.id = s.person
LEFT JOIN api_keys k ON k.id = s.api_key
WHERE s.expires_at > clock_timestamp()
  AND ($1 /*person*/::bigint = 0 OR s.person = $1 /*person*/)
  AND ($2 /*key*/::bigint = 0 OR s.api_key = $2 /*key*/)
  AND ($3 /*account*/::bigint = 0 OR EXISTS (
	SELECT 1 FROM api_keys m WHERE (m.id = s.api_key OR m.person = s.person) AND m.account = $3 /*account*/ AND m.revoked_at IS NULL
  ))
  AND ($4 /*before*/::bigint = 0 OR s.id < $4 /*before*/)
ORDER BY s.id DESC
LIMIT $5 /*limit*/;
