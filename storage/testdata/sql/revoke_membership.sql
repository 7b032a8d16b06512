-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Removes a person from an account or from the staff. The sign-ins of a person without any membership end.
-- Given:    @id of the membership and of its @person; the key of the caller: @by (null: none).
-- Returns:  nothing
-- Locks:    The caller holds the person.
--
-- EXPLAIN EXECUTE revoke_membership(person, id, by);
PREPARE revoke_membership AS
WITH ended AS (
	DELETE FROM sign_ins
	WHERE person = $1 /*person*/
	  AND NOT EXISTS (SELECT 1 FROM api_keys WHERE person = $1 /*person*/ AND id <> $2 /*id*/ AND revoked_at IS NULL)
)
UPDATE api_keys
SET revoked_at = clock_timestamp(),
	revoked_by = $3 /*by*/
WHERE id = $2 /*id*/;
