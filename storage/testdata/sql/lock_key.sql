-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an API key that is not revoked.
-- Given:    @id of the key; @hash of a token.
-- Returns:  Its role; in own, whether the token is its current one; in older, whether it is the one from before the last rotation. None if the key does not exist or is revoked.
-- Locks:    Takes the key.
--
-- EXPLAIN EXECUTE lock_key(hash, id);
PREPARE lock_key AS
SELECT
	role,
	hash = $1 /*hash*/ AS own,
	coalesce(old_hash = $1 /*hash*/, false) AS older
FROM api_keys
WHERE id = $2 /*id*/ AND revoked_at IS NULL
FOR NO KEY UPDATE;
