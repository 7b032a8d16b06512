-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Takes the claims of SIMs that have no open transfer, for a change that an open transfer must not see
--           half done. Validation waits for the claim, and then sees the change.
-- Given:    @sims: their ids.
-- Returns:  The number of claims taken.
-- Locks:    The caller holds the SIMs. Takes the claims by SIM, and waits for transactions that claim or release one of them.
--
-- EXPLAIN EXECUTE hold_claims(sims);
PREPARE hold_claims AS
WITH held AS (
	INSERT INTO open_transfers (sim, request, n)
	SELECT sim, '00000000-0000-0000-0000-000000000000', 0
	FROM unnest($1 /*sims*/::bigint[]) AS u (sim)
	ORDER BY sim
	ON CONFLICT DO NOTHING
	RETURNING sim
)
SELECT count(*) FROM held;
