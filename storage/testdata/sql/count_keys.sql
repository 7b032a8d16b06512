-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts the API keys of an account that are not revoked, or were created in the last 24 hours.
-- Given:    @account.
-- Returns:  Their number.
-- Locks:    The caller holds the advisory lock of the account's limits.
--
-- EXPLAIN EXECUTE count_keys(account);
PREPARE count_keys AS
SELECT count(*)
FROM api_keys
WHERE account = $1 /*account*/ AND person IS NULL AND (revoked_at IS NULL OR created_at > clock_timestamp() - interval '24 hours');
