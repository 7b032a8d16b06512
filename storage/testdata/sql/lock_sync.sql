-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Waits until no other sync is running.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    Takes the advisory lock of syncs, after that of an idempotency key and before any row.
--
-- EXPLAIN EXECUTE lock_sync;
PREPARE lock_sync AS
SELECT pg_advisory_xact_lock(hashtextextended('sync of SIMs', 0));
