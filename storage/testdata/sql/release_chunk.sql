-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes the open transfers of a chunk after the request has ended, and deletes their claims.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
--           @state that the transfers get.
-- Returns:  How many transfers were closed, by what they were, and how many claims were deleted.
-- Locks:    The caller holds the work row. Takes transfers and claims.
--
-- EXPLAIN EXECUTE release_chunk(request, lo, hi, state);
PREPARE release_chunk AS
WITH open AS MATERIALIZED (
	SELECT t.ctid AS transfer_at, t.n, t.sim, t.state, t.method, t.fee
	FROM transfers t
	WHERE t.request = $1 /*request*/ AND t.n >= $2 /*lo*/ AND t.n < $3 /*hi*/ AND t.state IN ('pending', 'eligible')
), marked AS (
	UPDATE transfers t
	SET state = $4 /*state*/, reason = NULL, code = (SELECT code FROM requests WHERE id = $1 /*request*/), finished_at = clock_timestamp()
	FROM open
	WHERE t.ctid = open.transfer_at
), unclaimed AS (
	DELETE FROM open_transfers o
	USING open
	WHERE o.sim = open.sim AND o.request = $1 /*request*/ AND o.n = open.n
	RETURNING o.sim
), counted AS (
	SELECT
		count(*) FILTER (WHERE state = 'pending') AS pending,
		count(*) FILTER (WHERE state = 'eligible') AS eligible,
		count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
		count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
		coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted,
		(SELECT count(*) FROM unclaimed) AS unclaimed
	FROM open
)
SELECT pending, eligible, support, unquoted, quoted, unclaimed
FROM counted;
