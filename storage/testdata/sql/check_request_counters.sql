-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request's counters and sums match its transfers.
-- Given:    nothing
-- Returns:  A line of text for each violation.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE check_request_counters;
PREPARE check_request_counters AS
SELECT format('the counters of request %s (%s) do not match its transfers', r.id, r.state)
FROM requests r
LEFT JOIN (
	SELECT
		request,
		count(*) AS size,
		count(*) FILTER (WHERE state = 'eligible') AS eligible,
		count(*) FILTER (WHERE state = 'eligible' AND method = 'support_assisted') AS support,
		count(*) FILTER (WHERE state = 'completed') AS completed,
		count(*) FILTER (WHERE state = 'ineligible') AS ineligible,
		count(*) FILTER (WHERE state = 'failed') AS failed,
		count(*) FILTER (WHERE state = 'canceled') AS canceled,
		count(*) FILTER (WHERE state = 'declined') AS declined,
		count(*) FILTER (WHERE state = 'denied') AS denied,
		count(*) FILTER (WHERE state = 'expired') AS expired,
		count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
		coalesce(bool_or(method = 'self_service'), false) AS any_self_service,
		coalesce(bool_or(method = 'support_assisted'), false) AS any_support_assisted,
		coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted
	FROM transfers
	GROUP BY request
) t ON t.request = r.id
LEFT JOIN (SELECT request, sum(amount) AS charged FROM charges GROUP BY request) c ON c.request = r.id
WHERE (r.size, r.n_eligible, r.n_support, r.n_completed, r.n_ineligible, r.n_failed, r.n_canceled, r.n_declined, r.n_denied, r.n_expired,
	r.n_unquoted, r.quoted, r.charged, r.any_self_service, r.any_support_assisted)
  IS DISTINCT FROM (t.size, t.eligible, t.support, t.completed, t.ineligible, t.failed, t.canceled, t.declined, t.denied, t.expired,
	t.unquoted, t.quoted, coalesce(c.charged, 0), t.any_self_service, t.any_support_assisted);
