-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists invitations, the latest first.
-- Given:    @account (0: any); @staff: only those for staff; @state (empty: any); @before: only invitations with a smaller id
--           (0: all); @limit: maximum number of rows.
-- Returns:  The invitations.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_invitations(account, staff, state, before, limit);
PREPARE select_invitations AS
SELECT
	i.id,
	CASE
		WHEN i.accepted_at IS NOT NULL THEN 'accepted'
		WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
			OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
		WHEN i.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END AS state,
	i.email,
	i.name,
	i.role,
	i.account,
	a.operator_id,
	a.name AS account_name,
	i.permission,
	i.mailed,
	i.mail_error,
	i.created_at,
	i.created_by,
	coalesce(cp.name, c.name) AS creator_name,
	c.account AS creator_account,
	i.expires_at,
	coalesce(i.revoked_at, CASE WHEN i.accepted_at IS NULL THEN c.revoked_at END) AS revoked_at,
	i.accepted_at,
	i.person
FROM invitations i
LEFT JOIN accounts a ON a.id = i.account
LEFT JOIN api_keys c ON c.id = i.created_by
LEFT JOIN people cp ON cp.id = c.person
WHERE ($1 /*account*/::bigint = 0 OR i.account = $1 /*account*/)
  AND (NOT $2 /*staff*/::boolean OR i.account IS NULL)
  AND ($3 /*state*/ = '' OR CASE
		WHEN i.accepted_at IS NOT NULL THEN 'accepted'
		WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
			OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
		WHEN i.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END = $3 /*state*/)
  AND ($4 /*before*/::bigint = 0 OR i.id < $4 /*before*/)
ORDER BY i.id DESC
LIMIT $5 /*limit*/;
