-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads how far a request has come.
-- Given:    @request.
-- Returns:  The number of its newest event, and whether it is finished; no row if there is no such request.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_newest_event(request);
PREPARE select_newest_event AS
SELECT last_event, finished_at IS NOT NULL AS finished
FROM requests
WHERE id = $1 /*request*/;
