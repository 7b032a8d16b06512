-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the transfers that the source has withdrawn from a request during validation.
-- Given:    @request.
-- Returns:  One array of numbers, null if there are none.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE select_withdrawn(request);
PREPARE select_withdrawn AS
SELECT array_agg(n ORDER BY n)
FROM withdrawn
WHERE request = $1 /*request*/;
