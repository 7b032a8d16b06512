-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Looks for violations of an invariant: a request's counters and sums match its transfers and the number of those that were purged.
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
		count(*) FILTER (WHERE sim IS NULL AND state <> 'pending') AS unknown,
		count(*) FILTER (WHERE state = 'eligible' AND fee IS NULL) AS unquoted,
		coalesce(bool_or(method = 'self_service'), false) AS any_self_service,
		coalesce(bool_or(method = 'support_assisted'), false) AS any_support_assisted,
		coalesce(sum(fee) FILTER (WHERE state = 'eligible'), 0) AS quoted
	FROM transfers
	GROUP BY request
) t ON t.request = r.id
LEFT JOIN (SELECT request, sum(amount) AS charged FROM charges GROUP BY request) c ON c.request = r.id
WHERE (r.size, r.n_eligible, r.n_support, r.n_completed, r.n_failed, r.n_declined, r.n_denied, r.n_expired,
	r.n_unquoted, r.quoted, r.charged, r.n_unknown, r.any_self_service, r.any_support_assisted)
  IS DISTINCT FROM (coalesce(t.size, 0) + r.n_purged, coalesce(t.eligible, 0), coalesce(t.support, 0), coalesce(t.completed, 0), coalesce(t.failed, 0),
	coalesce(t.declined, 0), coalesce(t.denied, 0), coalesce(t.expired, 0),
	coalesce(t.unquoted, 0), coalesce(t.quoted, 0), coalesce(c.charged, 0), coalesce(t.unknown, 0),
	coalesce(t.any_self_service, false), coalesce(t.any_support_assisted, false))
  -- transfers that were purged were ineligible or canceled
   OR r.n_ineligible + r.n_canceled <> coalesce(t.ineligible + t.canceled, 0) + r.n_purged
   OR r.n_ineligible < coalesce(t.ineligible, 0)
   OR r.n_canceled < coalesce(t.canceled, 0);
