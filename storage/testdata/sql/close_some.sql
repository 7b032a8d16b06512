-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes some open transfers of a request, deletes their claims and updates the request's counters.
--           If no eligible transfer is left, it sets the request's state.
-- Given:    @request and the @numbers of its transfers.
--           @outcome of the transfers: canceled or declined. @state of the request if none is left.
--           The @code of the decision; empty: none, or for each transfer the one with which it was withdrawn.
-- Returns:  How many transfers are still eligible.
-- Locks:    The caller holds the request, whose n_left is 0: no work of it is pending. Takes transfers and claims.
--
-- EXPLAIN EXECUTE close_some(request, numbers, outcome, code, state);
PREPARE close_some AS
WITH open AS MATERIALIZED (
	SELECT t.ctid AS transfer_at, t.n, t.sim, t.state, t.method, t.fee
	FROM transfers t
	WHERE t.request = $1 /*request*/ AND t.n = ANY($2 /*numbers*/::int[]) AND t.state IN ('pending', 'eligible')
), marked AS (
	UPDATE transfers t
	SET state = $3 /*outcome*/, reason = NULL, code = coalesce(nullif($4 /*code*/, ''), (SELECT w.code FROM withdrawn w WHERE w.request = t.request AND w.n = t.n)), finished_at = clock_timestamp()
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
UPDATE requests r
SET n_eligible = n_eligible - c.eligible,
	n_support = n_support - c.support,
	n_unquoted = n_unquoted - c.unquoted,
	quoted = r.quoted - c.quoted,
	n_canceled = n_canceled + CASE WHEN $3 /*outcome*/ = 'canceled' THEN c.eligible ELSE 0 END,
	n_declined = n_declined + CASE WHEN $3 /*outcome*/ = 'declined' THEN c.eligible ELSE 0 END,
	-- in the same statement, because a request that waits must have an eligible SIM
	state = CASE WHEN n_eligible = c.eligible THEN $5 /*state*/ ELSE state END
FROM counted c
WHERE r.id = $1 /*request*/
RETURNING r.n_eligible;
