-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the position before the first event of a batch.
-- Given:    @batch.
-- Returns:  A cursor; no row if the batch has no request.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_start(batch);
PREPARE select_batch_start AS
SELECT e.tx::text::bigint AS tx, 0 AS id
FROM (
	SELECT id
	FROM requests
	WHERE batch = $1 /*batch*/
	ORDER BY id
	LIMIT 1
) r
JOIN events e ON e.request = r.id
ORDER BY e.seq
LIMIT 1;
