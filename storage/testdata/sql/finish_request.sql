-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Finishes a request that has no open transfer left.
-- Given:    @request and its final @state.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE finish_request(state, request);
PREPARE finish_request AS
UPDATE requests
SET state = $1 /*state*/, expires_at = NULL, finished_at = clock_timestamp()
WHERE id = $2 /*request*/;
