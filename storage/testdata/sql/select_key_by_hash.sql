-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the API key that a token belongs to.
-- Given:    @hash of the token.
-- Returns:  The key, and in old whether the token is the one from before the last rotation; none if no key that is not revoked has the token.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_key_by_hash(hash);
PREPARE select_key_by_hash AS
SELECT
	k.hash <> $1 /*hash*/ AS old,
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
WHERE (k.hash = $1 /*hash*/ OR k.old_hash = $1 /*hash*/ AND k.old_until > clock_timestamp()) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
