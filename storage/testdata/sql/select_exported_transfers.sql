-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the transfers that finished in a period, in the order of their requests and of submission.
-- Given:    @source and @destination of the request, @either: its source or its destination (0: any); @viewer: only
--           transfers that this account sees (0: all); @to: the reference to the destination (empty: any); @states
--           and @codes (null: any); @ticket of the request (empty: any); @reference of the request or of the SIM in it
--           (empty: any); @since and @until: the beginning and the end of the period (null: no limit).
-- Returns:  The transfers with their requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_exported_transfers(since, until, source, destination, either, viewer, to, states, codes, ticket, reference);
PREPARE select_exported_transfers AS
SELECT
	t.request,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.ticket,
	r.reference AS request_reference,
	r.created_at,
	src.currency,
	t.n,
	t.line,
	t.identifier,
	s.iccid,
	t.state,
	t.method,
	t.reason,
	CASE t.method WHEN 'support_assisted' THEN coalesce(r.fee_override, t.fee) ELSE t.fee END AS fee,
	t.session_dropped,
	t.gateway_answer,
	t.reference,
	t.code,
	t.finished_at
FROM requests r
JOIN transfers t ON t.request = r.id
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
WHERE t.finished_at IS NOT NULL
  AND ($1 /*since*/::timestamptz IS NULL OR t.finished_at >= $1 /*since*/ AND (r.finished_at IS NULL OR r.finished_at >= $1 /*since*/))
  AND ($2 /*until*/::timestamptz IS NULL OR t.finished_at < $2 /*until*/ AND r.created_at < $2 /*until*/)
  AND ($3 /*source*/::bigint = 0 OR r.source = $3 /*source*/)
  AND ($4 /*destination*/::bigint = 0 OR r.destination = $4 /*destination*/)
  AND ($5 /*either*/::bigint = 0 OR r.source = $5 /*either*/ OR r.destination = $5 /*either*/)
  AND ($6 /*viewer*/::bigint = 0 OR r.source = $6 /*viewer*/ OR r.destination = $6 /*viewer*/ AND r.offered_at IS NOT NULL AND t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
  AND ($7 /*to*/::text = '' OR dst.operator_id = CASE WHEN $7 /*to*/ LIKE 'ext:%' THEN (SELECT x.operator_id FROM accounts x WHERE x.external_id = substr($7 /*to*/, 5)) ELSE $7 /*to*/ END)
  AND ($8 /*states*/::text[] IS NULL OR t.state = ANY ($8 /*states*/))
  AND ($9 /*codes*/::text[] IS NULL OR t.code = ANY ($9 /*codes*/))
  AND ($10 /*ticket*/::text = '' OR r.ticket = $10 /*ticket*/ OR r.on_behalf_ticket = $10 /*ticket*/)
  AND ($11 /*reference*/::text = '' OR r.reference = $11 /*reference*/ OR t.reference = $11 /*reference*/)
ORDER BY t.request, t.n;
