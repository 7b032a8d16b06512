-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Waits until no other process migrates the database.
-- Given:    @key of the lock.
-- Returns:  A row.
-- Locks:    Takes the advisory lock of migrations, until the end of the transaction.
--
-- EXPLAIN EXECUTE lock_migrations(key);
PREPARE lock_migrations AS
SELECT pg_advisory_xact_lock($1 /*key*/);
