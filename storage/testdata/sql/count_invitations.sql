-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the people of an account together with its invitations of the last 24 hours and those that are open.
-- Given:    @account.
-- Returns:  Their number.
-- Locks:    The caller holds the advisory lock of the account's limits.
--
-- EXPLAIN EXECUTE count_invitations(account);
PREPARE count_invitations AS
SELECT
	(SELECT count(*) FROM api_keys WHERE account = $1 /*account*/ AND person IS NOT NULL AND revoked_at IS NULL)
	+ (
		SELECT count(*)
		FROM invitations
		WHERE account = $1 /*account*/
		  AND (created_at > clock_timestamp() - interval '24 hours' OR accepted_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp())
	);
