-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the open invitations to an address, the first at the beginning.
-- Given:    @email.
-- Returns:  The invitations.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_invitations_to(email);
PREPARE select_invitations_to AS
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
WHERE i.email = $1 /*email*/ AND CASE
		WHEN i.accepted_at IS NOT NULL THEN 'accepted'
		WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
			OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
		WHEN i.expires_at <= clock_timestamp() THEN 'expired'
		ELSE 'open'
	END = 'open'
ORDER BY i.id;
