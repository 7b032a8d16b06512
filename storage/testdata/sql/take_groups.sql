-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes what was collected for batches and is due. The next message of the same kind collects for twice as long.
-- Given:    The highest number of @seconds that a message collects; @keep: for how many seconds a group without events is
--           kept; @limit: maximum number of rows.
-- Returns:  What was collected.
-- Locks:    The caller holds the row of the outbox.
--
-- EXPLAIN EXECUTE take_groups(keep, limit, seconds);
PREPARE take_groups AS
WITH old AS (
	DELETE FROM message_groups
	WHERE due_at < clock_timestamp() - make_interval(secs => $1 /*keep*/) AND requests = 0
), due AS MATERIALIZED (
	SELECT *
	FROM message_groups
	WHERE due_at <= clock_timestamp() AND requests > 0
	ORDER BY due_at
	LIMIT $2 /*limit*/
), taken AS (
	UPDATE message_groups g
	SET requests = 0,
		sims = 0,
		completed = 0,
		wait = least(g.wait * 2, make_interval(secs => $3 /*seconds*/)),
		due_at = clock_timestamp() + least(g.wait * 2, make_interval(secs => $3 /*seconds*/))
	FROM due
	WHERE (g.account, g.batch, g.type) = (due.account, due.batch, due.type)
)
SELECT account, batch, type, source, requests, sims, completed, event, at
FROM due
ORDER BY due_at, account, batch, type;
