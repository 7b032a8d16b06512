-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists work by ascending id.
-- Given:    @dead_only, the id @after which to start, and the maximum number of rows: @limit.
-- Returns:  The work rows.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_work(dead_only, after, limit);
PREPARE select_work AS
SELECT
	id,
	kind,
	request,
	lo,
	hi,
	n,
	gateway,
	queue,
	not_before,
	dispatched_at,
	gen,
	attempts,
	errors,
	crashes,
	dead_at,
	error
FROM work
WHERE (dead_at IS NOT NULL OR NOT $1 /*dead_only*/) AND id > $2 /*after*/
ORDER BY id
LIMIT $3 /*limit*/;
