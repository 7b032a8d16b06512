-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an API key that is not revoked.
-- Given:    @id of the key; @hash of a token.
-- Returns:  The key, and in own whether the token is its current one; in older, whether it is the one from
--           before the last rotation; in expired, whether the key has expired. None if the key does not exist
--           or is revoked.
-- Locks:    Takes the key.
--
-- EXPLAIN EXECUTE lock_key(hash, id);
PREPARE lock_key AS
SELECT
	k.hash = $1 /*hash*/ AS own,
	coalesce(k.old_hash = $1 /*hash*/, false) AS older,
	coalesce(k.expires_at <= clock_timestamp(), false) AS expired,
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
WHERE k.id = $2 /*id*/ AND k.person IS NULL AND k.revoked_at IS NULL
FOR NO KEY UPDATE OF k;
