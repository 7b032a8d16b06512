-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads how many rows of changes have a place in the feed.
-- Given:    nothing
-- Returns:  The number of the last row, 0 if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_newest_change;
PREPARE select_newest_change AS
SELECT coalesce(max(seq), 0) FROM changes;
