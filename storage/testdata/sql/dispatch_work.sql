-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Marks due work of a queue as dispatched, oldest first.
-- Given:    @queue, and the maximum number of rows: @limit.
-- Returns:  The tasks to enqueue.
-- Locks:    Takes the work rows, and skips those that another transaction holds.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE dispatch_work(queue, limit);
PREPARE dispatch_work AS
WITH due AS (
	SELECT id
	FROM work
	WHERE queue = $1 /*queue*/ AND dispatched_at IS NULL AND dead_at IS NULL AND not_before <= clock_timestamp()
	ORDER BY not_before
	LIMIT $2 /*limit*/
	FOR UPDATE SKIP LOCKED
)
UPDATE work w
SET dispatched_at = clock_timestamp(), checked_at = clock_timestamp(), suspect = false, gen = gen + 1
FROM due
WHERE w.id = due.id
RETURNING w.id, w.gen, w.kind, w.queue, w.request, w.suspect;
