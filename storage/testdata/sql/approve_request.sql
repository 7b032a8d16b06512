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
	expires_at = now.at + acceptance,
	waiting_since = now.at,
	reminded = 0,
	remind_at = CASE WHEN now.at + acceptance - now.at >= make_interval(secs => 600) THEN CASE 0 WHEN 0 THEN now.at + make_interval(secs => extract(epoch FROM now.at + acceptance - now.at) * 50 / 100) WHEN 1 THEN now.at + make_interval(secs => extract(epoch FROM now.at + acceptance - now.at) * 90 / 100) END END,
	offered_at = now.at,
	n_withheld = n_canceled,
	ticket = $2 /*ticket*/,
	fee_override = $3 /*fee_override*/,
	fee_reason = $4 /*fee_reason*/
FROM (SELECT clock_timestamp() AS at) now
WHERE id = $5 /*request*/;
