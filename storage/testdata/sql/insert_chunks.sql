-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Adds the work of a phase of a request: a row for each chunk.
-- Given:    @request, the @kind of work, and the maximum size of a @chunk.
-- Returns:  nothing
-- Locks:    The caller holds the request, and sets its n_left to its size.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE insert_chunks(request, kind, chunk);
PREPARE insert_chunks AS
WITH r AS (
	SELECT id, size, queue
	FROM requests
	WHERE id = $1 /*request*/
)
	INSERT INTO work (kind, request, lo, hi, n, queue)
	SELECT $2 /*kind*/, id, lo, least(lo + $3 /*chunk*/, size), least($3 /*chunk*/, size - lo), queue
	FROM r, generate_series(0, size - 1, $3 /*chunk*/::int) AS lo;
