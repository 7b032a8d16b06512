-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Waits until no other transaction creates webhook endpoints of an account.
-- Given:    @account (0: staff).
-- Returns:  A row.
-- Locks:    Takes an advisory lock.
--
-- EXPLAIN EXECUTE lock_webhook_owner(account);
PREPARE lock_webhook_owner AS
SELECT pg_advisory_xact_lock(1936289141, hashint8($1 /*account*/::bigint));
