-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the enabled webhook endpoints of some accounts and of staff.
-- Given:    @accounts.
-- Returns:  The endpoints, with the account 0 for staff.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_listeners(accounts);
PREPARE select_listeners AS
SELECT id, coalesce(account, 0) AS account, types
FROM webhook_endpoints
WHERE disabled_at IS NULL AND (account IS NULL OR account = ANY ($1 /*accounts*/));
