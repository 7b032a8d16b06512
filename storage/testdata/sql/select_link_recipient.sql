-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads who has an address.
-- Given:    @email.
-- Returns:  In known, whether a person or an open invitation has it; in disabled, whether the person is; in issuer, the OpenID provider with which the person signs in, or an empty text.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_link_recipient(email);
PREPARE select_link_recipient AS
SELECT
		p.id IS NOT NULL OR EXISTS (
			SELECT 1
			FROM invitations i
			LEFT JOIN api_keys c ON c.id = i.created_by
			LEFT JOIN people cp ON cp.id = c.person
			WHERE i.email = $1 /*email*/ AND CASE
	WHEN i.accepted_at IS NOT NULL THEN 'accepted'
	WHEN i.revoked_at IS NOT NULL OR c.revoked_at IS NOT NULL OR c.expires_at <= clock_timestamp() OR cp.disabled_at IS NOT NULL
		OR c.role <> 'admin' AND (c.account IS DISTINCT FROM i.account OR c.permission IS DISTINCT FROM 'owner') THEN 'revoked'
	WHEN i.expires_at <= clock_timestamp() THEN 'expired'
	ELSE 'open'
END = 'open'
		) AS known,
		p.disabled_at IS NOT NULL AS disabled,
		coalesce(p.issuer, '') AS issuer
	FROM (VALUES (1)) AS one
	LEFT JOIN people p ON p.email = $1 /*email*/;
