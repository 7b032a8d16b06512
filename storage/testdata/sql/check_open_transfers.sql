-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a transfer is open if and only if it holds the claim on its SIM, and its request is not finished.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_open_transfers;
PREPARE check_open_transfers AS
SELECT format('transfer %s/%s is %s, has a claim on SIM %s, request finished: %s',
	coalesce(t.request, o.request), coalesce(t.n, o.n), t.state, o.sim, r.finished_at IS NOT NULL)
FROM (SELECT request, n, sim, state FROM transfers WHERE state = 'eligible') t
FULL JOIN open_transfers o ON o.request = t.request AND o.n = t.n AND o.sim = t.sim
LEFT JOIN requests r ON r.id = coalesce(t.request, o.request)
WHERE t.request IS NULL OR o.sim IS NULL OR r.id IS NULL OR r.finished_at IS NOT NULL;
