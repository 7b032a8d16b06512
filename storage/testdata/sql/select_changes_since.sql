-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the first change that was numbered at an instant or later, and so every change from the instant on.
-- Given:    @since.
-- Returns:  Its number, null if there is none; and whether the instant is in the future.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_changes_since(since);
PREPARE select_changes_since AS
SELECT
	(SELECT seq FROM changes WHERE numbered_at >= $1 /*since*/ ORDER BY numbered_at, seq LIMIT 1) AS seq,
	$1 /*since*/::timestamptz > clock_timestamp() AS future;
