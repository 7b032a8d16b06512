-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists what an email belongs to: accounts, contacts, people with their memberships, and open invitations.
-- Given:    @email in lower case; @staff: whether to list the memberships and invitations of staff, and people without a
--           membership; @limit: maximum number of rows.
-- Returns:  The uses by kind and operator id, each with the number of all of them.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_email_uses(email, staff, limit);
PREPARE select_email_uses AS
SELECT
	u.kind, a.operator_id, a.name AS account_name, a.standing, u.purpose, u.role, u.permission, u.person, u.name, u.disabled_at,
	count(*) OVER () AS total
FROM (
	SELECT
		1 AS place, 'account' AS kind, id AS account, NULL AS purpose, NULL AS role, NULL AS permission,
		NULL::bigint AS person, NULL AS name, NULL::timestamptz AS disabled_at
	FROM accounts
	WHERE email = $1 /*email*/
	UNION ALL
	SELECT 2, 'contact', c.id, p.purpose, NULL, NULL, NULL, NULL, NULL
	FROM accounts c
	CROSS JOIN LATERAL jsonb_each(c.contacts) AS p (purpose, addresses)
	WHERE p.addresses ? $1 /*email*/
	UNION ALL
	SELECT 3, 'person', k.account, NULL, k.role, k.permission, p.id, p.name, p.disabled_at
	FROM people p
	LEFT JOIN api_keys k ON k.person = p.id AND k.revoked_at IS NULL
	WHERE p.email = $1 /*email*/ AND ($2 /*staff*/::boolean OR k.account IS NOT NULL)
	UNION ALL
	SELECT 4, 'invitation', i.account, NULL, i.role, i.permission, NULL, i.name, NULL
	FROM invitations i
	LEFT JOIN api_keys c ON c.id = i.created_by
	LEFT JOIN people cp ON cp.id = c.person
	WHERE i.email = $1 /*email*/ AND CASE
		WHEN i.accepted_at IS NOT NULL THEN 'accepted'
		WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
			OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
		WHEN i.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END = 'open' AND ($2 /*staff*/ OR i.account IS NOT NULL)
) u
LEFT JOIN accounts a ON a.id = u.account
ORDER BY u.place, a.operator_id NULLS FIRST, u.purpose
LIMIT $3 /*limit*/;
