-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Locks the SIMs of a chunk's eligible transfers, by ascending id.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
-- Returns:  How many SIMs there are.
-- Locks:    Takes the SIMs. The caller holds the work row.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE lock_chunk_sims(request, lo, hi);
PREPARE lock_chunk_sims AS
SELECT count(*)
FROM (
	SELECT s.id
	FROM transfers t
	JOIN sims s ON s.id = t.sim
	WHERE t.request = $1 /*request*/ AND t.n >= $2 /*lo*/ AND t.n < $3 /*hi*/ AND t.state = 'eligible'
	ORDER BY s.id
	FOR NO KEY UPDATE OF s
) locked;
