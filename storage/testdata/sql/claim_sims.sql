-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Claims the SIMs of a chunk's pending transfers that belong to the source and have no open transfer.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
-- Returns:  Two arrays of equal length: numbers of transfers, and the SIMs that they have claimed.
-- Locks:    Takes the claims by ascending SIM id, so that two chunks cannot deadlock.
--           It waits for transactions that claim or release one of the SIMs. The caller holds the work row.
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE claim_sims(request, lo, hi);
PREPARE claim_sims AS
WITH claimed AS (
	INSERT INTO open_transfers (sim, request, n)
	SELECT s.id, t.request, t.n
	FROM transfers t
	JOIN identifiers i ON i.identifier = t.identifier
	JOIN sims s ON s.id = i.sim
	WHERE t.request = $1 /*request*/ AND t.n >= $2 /*lo*/ AND t.n < $3 /*hi*/
	  AND t.state = 'pending'
	  AND s.account = (SELECT source FROM requests WHERE id = $1 /*request*/)
	ORDER BY s.id, t.n
	ON CONFLICT DO NOTHING
	RETURNING sim, n
)
SELECT coalesce(array_agg(n), '{}') AS numbers, coalesce(array_agg(sim), '{}') AS sims
FROM claimed;
