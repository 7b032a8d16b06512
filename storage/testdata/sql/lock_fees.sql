-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Makes changes of fees wait for each other, so that their conditions see what they change.
-- Given:    nothing
-- Returns:  nothing
-- Locks:    Takes an advisory lock, as the only lock of the transaction besides the idempotency key.
--
-- EXPLAIN EXECUTE lock_fees;
PREPARE lock_fees AS
SELECT pg_advisory_xact_lock(hashtextextended('fees', 0));
