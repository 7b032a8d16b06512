-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Gives changes that have none their places in the feed, in the order of their ids and without gaps.
-- Given:    @limit: maximum number of rows.
-- Returns:  The number of rows.
-- Locks:    Takes the rows of changes. The caller holds the advisory lock (lock_numbering), which an earlier statement has taken.
--
-- EXPLAIN EXECUTE number_changes(limit);
PREPARE number_changes AS
WITH last AS MATERIALIZED (
	SELECT coalesce(max(seq), 0) AS seq FROM changes
), clock AS MATERIALIZED (
	SELECT greatest(clock_timestamp(), (SELECT numbered_at FROM changes WHERE seq = (SELECT seq FROM last))) AS at
), numbered AS MATERIALIZED (
	SELECT id, row_number() OVER (ORDER BY id) AS nth
	FROM (SELECT id FROM changes WHERE seq IS NULL ORDER BY id LIMIT $1 /*limit*/) AS unnumbered
), updated AS (
	UPDATE changes c
	SET seq = last.seq + numbered.nth, numbered_at = clock.at
	FROM numbered, last, clock
	WHERE c.id = numbered.id
	RETURNING 1
)
SELECT count(*) FROM updated;
