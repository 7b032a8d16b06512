-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings an accepted request to the state in which it is executed.
-- Given:    @request and @state.
--           @partial: only the chosen transfers were accepted.
--           @landing: the landing profile, or null.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE accept_request(state, partial, landing, request);
PREPARE accept_request AS
UPDATE requests
SET state = $1 /*state*/, n_left = size, partial = $2 /*partial*/, landing = $3 /*landing*/, expires_at = NULL
WHERE id = $4 /*request*/;
