-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks a sign-in that has not ended.
-- Given:    @id of the sign-in.
-- Returns:  The sign-in; none if it has ended.
-- Locks:    Takes the sign-in.
--
-- EXPLAIN EXECUTE lock_sign_in(id);
PREPARE lock_sign_in AS
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
WHERE s.expires_at > clock_timestamp() AND s.id = $1 /*id*/
FOR UPDATE OF s;
