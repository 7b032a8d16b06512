-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings a request to a final state in which its transfers are to be released.
-- Given:    @request and @state.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE start_release(state, request);
PREPARE start_release AS
UPDATE requests
SET state = $1 /*state*/, n_left = size, expires_at = NULL
WHERE id = $2 /*request*/;
