-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds a SIM with an open transfer among some SIMs.
-- Given:    @sims: their ids.
-- Returns:  The SIM with the lowest id, and the request that it is in; none if there is none.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_in_transfer(sims);
PREPARE select_in_transfer AS
SELECT s.iccid, o.request, r.state
FROM open_transfers o
JOIN sims s ON s.id = o.sim
JOIN requests r ON r.id = o.request
WHERE o.sim = ANY ($1 /*sims*/::bigint[])
ORDER BY o.sim
LIMIT 1;
