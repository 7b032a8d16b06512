-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the API keys of administrators that are not revoked and never expire.
-- Given:    @role of administrators.
-- Returns:  Their ids.
-- Locks:    Takes the keys by id.
--
-- EXPLAIN EXECUTE lock_administrators(role);
PREPARE lock_administrators AS
SELECT id
FROM api_keys
WHERE role = $1 /*role*/ AND person IS NULL AND revoked_at IS NULL AND expires_at IS NULL
ORDER BY id
FOR NO KEY UPDATE;
