-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds dispatched work that no worker has leased and that was not checked for 6 s,
--           or for 2 s if the last check made it suspect, and marks it as checked.
-- Given:    The maximum number of rows: @limit.
-- Returns:  The tasks to look for in the queue. A task is suspect also if its lease has run out.
-- Locks:    Takes the work rows, and skips those that another transaction holds.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE check_unconfirmed(limit);
PREPARE check_unconfirmed AS
WITH stale AS (
	SELECT id
	FROM work
	WHERE dispatched_at IS NOT NULL AND dead_at IS NULL
	  AND (lease_until IS NULL OR lease_until < clock_timestamp())
	  AND checked_at < clock_timestamp() - CASE WHEN suspect THEN interval '2 s' ELSE interval '6 s' END
	ORDER BY checked_at
	LIMIT $1 /*limit*/
	FOR UPDATE SKIP LOCKED
)
UPDATE work w
SET checked_at = clock_timestamp()
FROM stale
WHERE w.id = stale.id
RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect OR w.lease_until IS NOT NULL AS suspect;
