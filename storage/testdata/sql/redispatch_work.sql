-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Counts a crash against work whose worker is gone, and dispatches it again.
-- Given:    @id of the work, and the @gen of the dispatch that was lost.
-- Returns:  The task to enqueue; none if another process has already redispatched it.
-- Locks:    Takes the work row.
--
-- EXPLAIN EXECUTE redispatch_work(id, gen);
PREPARE redispatch_work AS
UPDATE work
SET gen = gen + 1, crashes = crashes + 1, suspect = false, dispatched_at = clock_timestamp(), checked_at = clock_timestamp()
WHERE id = $1 /*id*/ AND gen = $2 /*gen*/ AND dead_at IS NULL AND dispatched_at IS NOT NULL
RETURNING id, gen, kind, queue, request, suspect;
