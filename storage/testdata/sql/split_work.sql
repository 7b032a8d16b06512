-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Replaces work by its two halves. The request's n_left stays the same.
-- Given:    @id of the work, and the @error that stays on the halves.
--           @failed: it had too many errors; halves of more than one transfer then start with @errors.
-- Returns:  nothing
-- Locks:    The caller holds the work row.
--
-- EXPLAIN EXECUTE split_work(id, failed, errors, error);
PREPARE split_work AS
WITH whole AS (
	DELETE FROM work WHERE id = $1 /*id*/
	RETURNING kind, request, lo, hi, items, n, gateway, queue, attempts
)
INSERT INTO work (kind, request, lo, hi, items, n, gateway, queue, attempts, errors, error)
SELECT
	kind,
	request,
	lo + half.skip,
	lo + half.skip + half.n,
	items[half.skip + 1 : half.skip + half.n],
	half.n,
	gateway,
	queue,
	attempts,
	CASE WHEN half.n > 1 AND $2 /*failed*/ THEN $3 /*errors*/::int ELSE 0 END,
	$4 /*error*/
FROM whole
CROSS JOIN LATERAL (VALUES (0, whole.n / 2), (whole.n / 2, whole.n - whole.n / 2)) AS half (skip, n);
