-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Deletes the records of partial decisions on finished requests. Those of partial acceptances are kept while
--           the end of the request can be taken back.
-- Given:    The maximum number of rows of each kind: @limit.
-- Returns:  How many rows were deleted.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE purge_notes(limit);
PREPARE purge_notes AS
WITH c AS (
	DELETE FROM chosen
	WHERE ctid IN (SELECT c.ctid FROM chosen c JOIN requests r ON r.id = c.request WHERE r.finished_at IS NOT NULL AND (r.ended_at IS NULL OR r.ended_at < clock_timestamp() - make_interval(secs => 600)) LIMIT $1 /*limit*/)
	RETURNING 1
), w AS (
	DELETE FROM withdrawn
	WHERE ctid IN (SELECT w.ctid FROM withdrawn w JOIN requests r ON r.id = w.request WHERE r.finished_at IS NOT NULL LIMIT $1 /*limit*/)
	RETURNING 1
)
SELECT (SELECT count(*) FROM c) + (SELECT count(*) FROM w);
