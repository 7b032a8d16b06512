-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Waits until no other transaction numbers changes, and keeps others from it.
-- Given:    nothing
-- Returns:  A row.
-- Locks:    Takes an advisory lock, as the only lock of the transaction before it numbers changes.
--
-- EXPLAIN EXECUTE lock_numbering;
PREPARE lock_numbering AS
SELECT pg_advisory_xact_lock(1936289140, 2);
