-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Creates an invitation, in place of those to the same person for the same account that are open.
-- Given:    @hash of its secret; @email, @name, @role, @account (null: staff) and @permission (null: staff); whether the
--           link is @mailed; @period: for how many seconds it can be accepted; the key that invites: @by (null: none).
-- Returns:  The id.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_invitation(by, email, account, hash, name, role, permission, mailed, period);
PREPARE insert_invitation AS
WITH replaced AS (
	UPDATE invitations
	SET revoked_at = clock_timestamp(), revoked_by = $1 /*by*/
	WHERE email = $2 /*email*/ AND account IS NOT DISTINCT FROM $3 /*account*/ AND revoked_at IS NULL AND accepted_at IS NULL
)
INSERT INTO invitations (hash, email, name, role, account, permission, mailed, expires_at, created_by)
VALUES ($4 /*hash*/, $2 /*email*/, $5 /*name*/, $6 /*role*/, $3 /*account*/::bigint, $7 /*permission*/, $8 /*mailed*/, clock_timestamp() + make_interval(secs => $9 /*period*/), $1 /*by*/)
RETURNING id;
