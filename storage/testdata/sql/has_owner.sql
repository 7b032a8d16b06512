-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds out whether an account has a person or a key with the permission owner.
-- Given:    @account; the permission @owner.
-- Returns:  True or false.
-- Locks:    The caller holds the advisory lock of the account's limits.
--
-- EXPLAIN EXECUTE has_owner(account, owner);
PREPARE has_owner AS
SELECT EXISTS (
	SELECT 1
	FROM api_keys k
	LEFT JOIN people p ON p.id = k.person
	WHERE k.account = $1 /*account*/ AND k.permission = $2 /*owner*/ AND p.disabled_at IS NULL AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
);
