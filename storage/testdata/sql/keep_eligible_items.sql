-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Removes from drop work the transfers that are no longer eligible.
-- Given:    @id of the work, its @request, and its @items.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE keep_eligible_items(request, items, id);
PREPARE keep_eligible_items AS
UPDATE work w
SET items = l.items, n = cardinality(l.items)
FROM (
	SELECT array_agg(n::bigint ORDER BY n) AS items
	FROM transfers
	WHERE request = $1 /*request*/ AND n = ANY($2 /*items*/::int[]) AND state = 'eligible'
) l
WHERE w.id = $3 /*id*/;
