-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings a validated request to a state in which it waits for a decision, and sets its expiry.
-- Given:    @request and @state: in_review or awaiting_acceptance.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE offer_request(state, request);
PREPARE offer_request AS
UPDATE requests
SET state = $1 /*state*/,
	expires_at = clock_timestamp() + CASE WHEN $1 /*state*/ = 'in_review' THEN review ELSE acceptance END,
	offered_at = CASE WHEN $1 /*state*/ = 'awaiting_acceptance' THEN clock_timestamp() END,
	n_withheld = n_canceled
WHERE id = $2 /*request*/;
