-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Revokes an API key, if it is not revoked yet.
-- Given:    @id of the key.
-- Returns:  nothing
-- Locks:    Takes the key.
--
-- EXPLAIN EXECUTE revoke_key(id);
PREPARE revoke_key AS
UPDATE api_keys
SET revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE id = $1 /*id*/;
