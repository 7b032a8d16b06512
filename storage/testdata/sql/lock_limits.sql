-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the limits of an account until the transaction ends.
-- Given:    @account.
-- Returns:  nothing
-- Locks:    Takes the advisory lock of the account's limits: the last lock of a transaction that creates requests or a key.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_limits(account);
PREPARE lock_limits AS
SELECT pg_advisory_xact_lock(hashtextextended('limits of account ' || $1 /*account*/::bigint, 0));
