-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds SIMs that a request released and that it has not claimed again or that the source does not own any more.
-- Given:    @request, the @outcome of the transfers, and the maximum number of rows: @limit.
-- Returns:  Their identifiers in the order of submission, with the number of all of them. No row means that all SIMs are
--           free.
-- Locks:    The caller holds the request and the claims.
--
-- EXPLAIN EXECUTE select_not_free(outcome, request, limit);
PREPARE select_not_free AS
SELECT t.identifier, count(*) OVER () AS total
FROM requests r
JOIN transfers t ON t.request = r.id AND t.state = $1 /*outcome*/ AND t.finished_at >= r.ended_at AND t.sim IS NOT NULL AND t.method IS NOT NULL
JOIN sims s ON s.id = t.sim
LEFT JOIN open_transfers o ON o.sim = t.sim AND o.request = t.request AND o.n = t.n
LEFT JOIN retired_sims q ON q.sim = t.sim
WHERE r.id = $2 /*request*/ AND (o.sim IS NULL OR s.account <> r.source OR q.sim IS NOT NULL)
ORDER BY t.n
LIMIT $3 /*limit*/;
