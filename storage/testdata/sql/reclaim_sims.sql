-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Claims the SIMs that a request released when a party ended it, if they have no open transfer.
-- Given:    @request, and the @outcome of the transfers: canceled, declined or denied.
-- Returns:  nothing
-- Locks:    The caller holds the request, which is finished. Takes the claims by ascending SIM id, and waits for
--           transactions that claim or release one of the SIMs.
--
-- EXPLAIN EXECUTE reclaim_sims(outcome, request);
PREPARE reclaim_sims AS
INSERT INTO open_transfers (sim, request, n)
SELECT t.sim, t.request, t.n
FROM requests r
JOIN transfers t ON t.request = r.id AND t.state = $1 /*outcome*/ AND t.finished_at >= r.ended_at AND t.sim IS NOT NULL AND t.method IS NOT NULL
WHERE r.id = $2 /*request*/
ORDER BY t.sim
ON CONFLICT DO NOTHING;
