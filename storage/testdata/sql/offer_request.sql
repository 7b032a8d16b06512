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
	expires_at = now.at + now.period,
	waiting_since = now.at,
	remind_at = CASE WHEN now.at + now.period - now.at >= make_interval(secs => 600) THEN CASE 0 WHEN 0 THEN now.at + make_interval(secs => extract(epoch FROM now.at + now.period - now.at) * 50 / 100) WHEN 1 THEN now.at + make_interval(secs => extract(epoch FROM now.at + now.period - now.at) * 90 / 100) END END,
	offered_at = CASE WHEN $1 /*state*/ = 'awaiting_acceptance' THEN now.at END,
	n_withheld = n_canceled
FROM (
	SELECT clock_timestamp() AS at, CASE WHEN $1 /*state*/ = 'in_review' THEN review ELSE acceptance END AS period
	FROM requests
	WHERE id = $2 /*request*/
) now
WHERE id = $2 /*request*/;
