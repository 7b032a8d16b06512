-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Brings an approved request to the state in which it waits for the destination, and sets its expiry.
-- Given:    @request and @state. Support's @ticket.
--           @fee_override of each SIM that needs support, in minor units, and @fee_reason; null: as quoted.
-- Returns:  nothing
-- Locks:    The caller holds the request.
--
-- EXPLAIN EXECUTE approve_request(state, ticket, fee_override, fee_reason, request);
PREPARE approve_request AS
UPDATE requests
SET state = $1 /*state*/,
	expires_at = clock_timestamp() + acceptance,
	offered_at = clock_timestamp(),
	n_withheld = n_canceled,
	ticket = $2 /*ticket*/,
	fee_override = $3 /*fee_override*/,
	fee_reason = $4 /*fee_reason*/
WHERE id = $5 /*request*/;
