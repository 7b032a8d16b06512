-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Moves transfers of drop work into a new work row with as many attempts. The other transfers stay in the work: its
--           lease ends, it is due again, and no attempt is counted. The request's n_left stays the same.
-- Given:    @id of the work, the items to move (@moved) and the items that stay (@kept).
-- Returns:  The new row.
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE separate_items(kept, id, moved);
PREPARE separate_items AS
WITH rest AS (
	UPDATE work
	SET items = $1 /*kept*/,
		n = cardinality($1 /*kept*/::bigint[]),
		not_before = clock_timestamp(),
		dispatched_at = NULL,
		lease = NULL,
		lease_until = NULL
	WHERE id = $2 /*id*/
	RETURNING kind, request, gateway, queue, attempts
)
INSERT INTO work AS w (kind, request, items, n, gateway, queue, attempts)
SELECT kind, request, $3 /*moved*/, cardinality($3 /*moved*/::bigint[]), gateway, queue, attempts
FROM rest
RETURNING
	w.id,
	w.kind,
	w.request,
	coalesce((SELECT r.state FROM requests r WHERE r.id = w.request), '') AS state,
	coalesce(w.lo, 0) AS lo,
	coalesce(w.hi, 0) AS hi,
	w.items,
	w.n,
	w.gateway,
	w.queue,
	w.gen,
	w.attempts,
	w.errors,
	w.crashes,
	w.dead_at IS NOT NULL AS dead,
	w.not_before <= clock_timestamp() AS due,
	w.lease,
	coalesce(w.lease_until >= clock_timestamp(), false) AS leased;
