-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks an idempotency key until the transaction ends.
-- Given:    @key: its scope and the key.
-- Returns:  Whether the lock was free.
-- Locks:    Takes the advisory lock of the key, without waiting: the first lock of a transaction.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_idempotency_key(key);
PREPARE lock_idempotency_key AS
SELECT pg_try_advisory_xact_lock(hashtextextended($1 /*key*/, 0));
