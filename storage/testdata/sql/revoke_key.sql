-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Revokes an API key, and ends the sign-ins with it.
-- Given:    @id of the key; the key that revokes it: @by (null: none).
-- Returns:  nothing
-- Locks:    The caller holds the key.
--
-- EXPLAIN EXECUTE revoke_key(id, by);
PREPARE revoke_key AS
WITH ended AS (
	DELETE FROM sign_ins WHERE api_key = $1 /*id*/
)
UPDATE api_keys
SET revoked_at = clock_timestamp(),
	revoked_by = $2 /*by*/
WHERE id = $1 /*id*/;
