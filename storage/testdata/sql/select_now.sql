-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the clock.
-- Given:    nothing
-- Returns:  The time.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_now;
PREPARE select_now AS
SELECT clock_timestamp();
