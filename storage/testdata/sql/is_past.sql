-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Compares an instant with the database's clock.
-- Given:    @instant to compare.
-- Returns:  Whether the instant is in the past.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE is_past(instant);
PREPARE is_past AS
SELECT $1 /*instant*/::timestamptz < clock_timestamp();
