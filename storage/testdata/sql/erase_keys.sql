-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Replaces the names of an account's keys and memberships by their ids, removes their networks and people, and revokes them.
-- Given:    @account, and the key that does so: @by (null: none).
-- Returns:  nothing
-- Locks:    Takes the keys.
--
-- EXPLAIN EXECUTE erase_keys(by, account);
PREPARE erase_keys AS
UPDATE api_keys
SET name = 'erased ' || id,
	networks = '{}',
	person = NULL,
	revoked_by = CASE WHEN revoked_at IS NULL THEN $1 /*by*/ ELSE revoked_by END,
	revoked_at = coalesce(revoked_at, clock_timestamp())
WHERE account = $2 /*account*/;
