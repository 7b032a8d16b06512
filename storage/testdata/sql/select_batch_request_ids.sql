-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the ids of a batch's requests, oldest first.
-- Given:    @batch.
-- Returns:  The ids.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_request_ids(batch);
PREPARE select_batch_request_ids AS
SELECT id FROM requests WHERE batch = $1 /*batch*/ ORDER BY id;
