-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings a scheduled request to the state in which it is executed.
-- Given:    @request and @state.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE start_request(state, request);
PREPARE start_request AS
UPDATE requests
SET state = $1 /*state*/, n_left = size, expires_at = NULL
WHERE id = $2 /*request*/;
