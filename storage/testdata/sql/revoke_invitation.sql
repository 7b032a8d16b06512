-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Revokes an invitation that is not accepted or revoked.
-- Given:    @id of the invitation; the key that revokes it: @by (null: none).
-- Returns:  The id; none if it is accepted or revoked.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE revoke_invitation(by, id);
PREPARE revoke_invitation AS
UPDATE invitations
SET revoked_at = clock_timestamp(),
	revoked_by = $1 /*by*/
WHERE id = $2 /*id*/ AND revoked_at IS NULL AND accepted_at IS NULL
RETURNING id;
