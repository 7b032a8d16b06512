package storage

import (
	"context"
	"fmt"

	"simtransfer/transfer"
)

// Drop work of large requests is gathered before it is dispatched. A chunk leaves a
// few sessions at each gateway, and a hand-over of few SIMs takes almost as long as
// one of many.
const (
	// gatherFor is the longest time for which drop work waits for that of other
	// chunks, as an interval of SQL.
	gatherFor = `interval '250 milliseconds'`
	// gatherSIMs is how many SIMs are enough.
	gatherSIMs = 256
	// gatherRows is how many rows are looked at together.
	gatherRows = 500
)

// The rows that are gathered have never been dispatched, so there is no task for
// them and no worker knows them. Rows with an error are the halves of work that was
// split because of it, and must stay apart.
var gatherDrops = newStatement(statement{
	name: "gather_drops",
	does: `Joins drop work of the same request and gateway that has not been dispatched yet, and makes it due.
		Work for @sims SIMs is enough; less of it waits until its not_before, or until the request has no chunk left
		that could add to it. The request's n_left stays the same.`,
	given:    "@queue, how many @sims are enough, and the maximum number of rows: @limit.",
	locks:    "Takes the work rows, and skips those that another transaction holds.",
	prepared: true,
	text: `
WITH waiting AS MATERIALIZED (
	SELECT id, request, gateway, items, n, not_before
	FROM work
	WHERE queue = @queue
	  AND dispatched_at IS NULL
	  AND dead_at IS NULL
	  AND kind = 'drop_sessions'
	  AND gen = 0
	  AND error IS NULL
	ORDER BY not_before
	LIMIT @limit
	FOR UPDATE SKIP LOCKED
), ripe AS MATERIALIZED (
	SELECT w.request, w.gateway
	FROM waiting w
	GROUP BY w.request, w.gateway
	HAVING sum(w.n) >= @sims
	    OR min(w.not_before) <= clock_timestamp()
	    OR NOT EXISTS (SELECT 1 FROM work e WHERE e.request = w.request AND e.kind = 'execute')
), part AS MATERIALIZED (
	SELECT
		id,
		items,
		not_before,
		first_value(id) OVER (PARTITION BY request, gateway, part ORDER BY id) AS into_id
	FROM (
		SELECT w.*, (sum(w.n) OVER (PARTITION BY w.request, w.gateway ORDER BY w.id) - 1) / @sims::bigint AS part
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
WHERE w.id = j.id`,
})

// gatherDrops joins the drop work of large requests that has not been dispatched yet,
// and makes it due if there is enough of it or no more to come.
func (db *DB) gatherDrops(ctx context.Context) error {
	if _, err := db.exec(ctx, gatherDrops, args{"queue": transfer.QueueGateway, "sims": gatherSIMs, "limit": gatherRows}); err != nil {
		return fmt.Errorf("gathering drop work: %w", err)
	}
	return nil
}
