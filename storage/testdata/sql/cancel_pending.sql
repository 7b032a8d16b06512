-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Closes the pending transfers of a chunk as canceled.
-- Given:    @request and the numbers of the chunk's transfers: from @lo to below @hi.
-- Returns:  nothing
-- Locks:    The caller holds the work row. Takes the transfers.
--
-- EXPLAIN EXECUTE cancel_pending(request, lo, hi);
PREPARE cancel_pending AS
UPDATE transfers
SET state = 'canceled', code = (SELECT code FROM requests WHERE id = $1 /*request*/), finished_at = clock_timestamp()
WHERE request = $1 /*request*/ AND n >= $2 /*lo*/ AND n < $3 /*hi*/ AND state = 'pending';
