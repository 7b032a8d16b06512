-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads transfers.
-- Given:    @requests and as many @numbers: the n-th of one and the n-th of the other name a transfer.
-- Returns:  The transfers in the same order.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_results(requests, numbers);
PREPARE select_results AS
SELECT
	t.n,
	t.line,
	t.identifier,
	s.iccid,
	t.state,
	t.method,
	t.reason,
	CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END AS fee,
	t.session_dropped,
	t.gateway_answer,
	t.reference,
	t.code,
	t.finished_at
FROM unnest($1 /*requests*/::uuid[], $2 /*numbers*/::int[]) WITH ORDINALITY AS u (request, n, nth)
JOIN transfers t ON t.request = u.request AND t.n = u.n
JOIN requests r ON r.id = t.request
LEFT JOIN sims s ON s.id = t.sim
ORDER BY u.nth;
