-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Joins drop work of the same request and gateway that has not been dispatched yet, and makes it due.
--           Work for @sims SIMs is enough; less of it waits until its not_before, or until the request has no chunk left
--           that could add to it. The request's n_left stays the same.
-- Given:    @queue, how many @sims are enough, and the maximum number of rows: @limit.
-- Returns:  nothing
-- Locks:    Takes the work rows, and skips those that another transaction holds.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE gather_drops(queue, limit, sims);
PREPARE gather_drops AS
WITH waiting AS MATERIALIZED (
	SELECT id, request, gateway, items, n, not_before
	FROM work
	WHERE queue = $1 /*queue*/
	  AND dispatched_at IS NULL
	  AND dead_at IS NULL
	  AND kind = 'drop_sessions'
	  AND gen = 0
	  AND error IS NULL
	ORDER BY not_before
	LIMIT $2 /*limit*/
	FOR UPDATE SKIP LOCKED
), ripe AS MATERIALIZED (
	SELECT w.request, w.gateway
	FROM waiting w
	GROUP BY w.request, w.gateway
	HAVING sum(w.n) >= $3 /*sims*/
	    OR min(w.not_before) <= clock_timestamp()
	    OR NOT EXISTS (SELECT 1 FROM work e WHERE e.request = w.request AND e.kind = 'execute')
), part AS MATERIALIZED (
	SELECT
		id,
		items,
		not_before,
		first_value(id) OVER (PARTITION BY request, gateway, part ORDER BY id) AS into_id
	FROM (
		SELECT w.*, (sum(w.n) OVER (PARTITION BY w.request, w.gateway ORDER BY w.id) - 1) / $3 /*sims*/::bigint AS part
		FROM waiting w
		JOIN ripe USING (request, gateway)
	) numbered
), joined AS (
	DELETE FROM work w
	USING part p
	WHERE w.id = p.id AND p.id <> p.into_id
)
UPDATE work w
SET items = j.items, n = cardinality(j.items), not_before = least(w.not_before, clock_timestamp())
FROM (
	SELECT p.into_id AS id, array_agg(i.item ORDER BY i.item) AS items
	FROM part p
	CROSS JOIN LATERAL unnest(p.items) AS i (item)
	GROUP BY p.into_id
	HAVING count(DISTINCT p.id) > 1 OR min(p.not_before) > clock_timestamp()
) j
WHERE w.id = j.id;
