-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sets the final state of a request that is still being validated.
-- Given:    @request and @state.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE set_request_state(state, request);
PREPARE set_request_state AS
UPDATE requests
SET state = $1 /*state*/
WHERE id = $2 /*request*/;
