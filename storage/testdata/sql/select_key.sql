-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads an API key.
-- Given:    @id of the key.
-- Returns:  The key; none if it does not exist.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_key(id);
PREPARE select_key AS
SELECT
	k.id,
	k.hint,
	k.role,
	k.account,
	a.operator_id,
	a.external_id AS account_external_id,
	k.permission,
	k.networks::text[] AS networks,
	k.name,
	k.created_at,
	k.created_by,
	k.expires_at,
	k.last_used_at,
	k.revoked_at,
	k.revoked_by,
	k.person,
	k.old_until,
	(SELECT c.account FROM api_keys c WHERE c.id = k.created_by) AS creator_account,
	(SELECT r.account FROM api_keys r WHERE r.id = k.revoked_by) AS revoker_account
FROM api_keys k
LEFT JOIN accounts a ON a.id = k.account
WHERE k.id = $1 /*id*/;
