-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the first event in the order of the feed that was written at an instant or later.
-- Given:    @since.
-- Returns:  Its position, null if there is none; and whether the instant is in the future.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_first_since(since);
PREPARE select_first_since AS
WITH soonest AS MATERIALIZED (
	SELECT at
	FROM events
	WHERE at >= $1 /*since*/
	ORDER BY at
	LIMIT 1
), candidates AS MATERIALIZED (
	SELECT e.tx, e.id
	FROM soonest s
	JOIN events e ON e.at >= s.at AND e.at < s.at + interval '1 hour'
), earliest AS (
	SELECT tx, id
	FROM candidates
	ORDER BY tx, id
	LIMIT 1
)
SELECT
	(SELECT tx::text::bigint FROM earliest) AS tx,
	(SELECT id FROM earliest) AS id,
	$1 /*since*/::timestamptz > clock_timestamp() AS future;
