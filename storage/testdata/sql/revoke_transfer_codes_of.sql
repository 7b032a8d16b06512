-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Revokes the open transfer codes of an account.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    The caller holds the account. Takes the codes. No transaction that holds a code waits for an account.
--
-- EXPLAIN EXECUTE revoke_transfer_codes_of(account);
PREPARE revoke_transfer_codes_of AS
UPDATE transfer_codes
SET revoked_at = clock_timestamp()
WHERE source = $1 /*account*/ AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp();
