-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings a request to a final state in which its transfers are to be released.
-- Given:    @request and @state.
--           @party that ends it, which can take that back; empty: it cannot be taken back.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE start_release(state, party, request);
PREPARE start_release AS
UPDATE requests
SET state = $1 /*state*/,
	n_left = size,
	expires_at = NULL,
	ended_at = CASE WHEN $2 /*party*/ <> '' THEN clock_timestamp() END,
	ended_by = nullif($2 /*party*/, ''),
	ended_from = CASE WHEN $2 /*party*/ <> '' THEN state END,
	ended_expiry = CASE WHEN $2 /*party*/ <> '' THEN expires_at END,
	ended_open = CASE WHEN $2 /*party*/ <> '' THEN n_eligible END
WHERE id = $3 /*request*/;
