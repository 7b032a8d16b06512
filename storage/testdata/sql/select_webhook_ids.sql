-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the webhook endpoints of an account.
-- Given:    @account.
-- Returns:  Their ids.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_webhook_ids(account);
PREPARE select_webhook_ids AS
SELECT id FROM webhook_endpoints WHERE account = $1 /*account*/ ORDER BY id;
