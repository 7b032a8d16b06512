-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finds the open transfers of a request that the destination has not accepted.
-- Given:    @request and the @numbers of the transfers that it has accepted.
-- Returns:  Their numbers, in ascending order.
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE select_other_open_transfers(request, numbers);
PREPARE select_other_open_transfers AS
SELECT n
FROM open_transfers
WHERE request = $1 /*request*/
EXCEPT
SELECT unnest($2 /*numbers*/::int[])
ORDER BY n;
