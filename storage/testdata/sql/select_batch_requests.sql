-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the requests of a batch, oldest first.
-- Given:    @batch, @limit: maximum number of rows.
-- Returns:  The requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_batch_requests(batch, limit);
PREPARE select_batch_requests AS
SELECT
	r.id,
	r.batch,
	r.retry_of,
	ARRAY(SELECT id::text FROM requests again WHERE again.retry_of = r.id ORDER BY id) AS retried_by,
	r.source,
	src.operator_id AS source_operator,
	r.destination,
	dst.operator_id AS destination_operator,
	src.currency,
	r.self_service_only,
	r.state,
	r.size,
	r.n_left,
	r.n_eligible,
	r.n_support,
	r.n_completed,
	r.n_ineligible,
	r.n_failed,
	r.n_canceled,
	r.n_declined,
	r.n_denied,
	r.n_expired,
	r.n_unquoted,
	r.quoted,
	r.charged,
	r.partial,
	extract(epoch FROM r.acceptance)::bigint AS acceptance,
	r.expires_at,
	r.offered_at,
	r.n_withheld,
	r.n_purged,
	r.landing,
	r.ticket,
	r.fee_override,
	r.fee_reason,
	r.created_at,
	r.finished_at,
	coalesce(r.waiting_since, r.offered_at) AS waiting_since,
	r.not_before,
	coalesce(r.not_after, CASE r.state WHEN 'scheduled' THEN r.expires_at END) AS not_after, -- of one that a former version has accepted
	r.ended_at,
	r.ended_by,
	r.ended_from,
	r.ended_expiry,
	r.ended_open,
	src.name AS source_name,
	src.external_id AS source_external_id,
	dst.external_id AS destination_external_id,
	r.reference,
	r.message,
	r.code,
	r.reason,
	r.on_behalf_reason,
	r.on_behalf_ticket,
	(SELECT pull FROM pull_owners o WHERE o.request = r.id) AS pull,
	(SELECT id FROM transfer_codes c WHERE c.request = r.id) AS transfer_code,
	clock_timestamp() AS read_at,
	coalesce(r.expires_at <= clock_timestamp(), false) AS overdue,
	src.standing = 'open' AND dst.standing = 'open' AS accounts_open,
	coalesce((SELECT jsonb_agg(e ORDER BY e.id) FROM fee_entries e WHERE e.id = ANY (r.fee_entries)), '[]') AS fee_entries
FROM requests r
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
WHERE r.batch = $1 /*batch*/
ORDER BY r.id
LIMIT $2 /*limit*/;
