-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists requests that wait for a decision or for their window, in the order in which the time for that ends.
--           An empty, zero or null parameter selects all.
-- Given:    The accounts @source and @destination, or @either of them. @states, @batch, @ticket.
--           @open: whether all @states are those of unfinished requests, which have indexes of their own.
--           @created_after and @created_before, and ids that surely lie outside of them: @lowest and @highest.
--           The maximum number of rows: @limit. @keys: API keys one of which acted on the request; null: any.
--           @sim, @reasons, @methods and @codes of one of the request's transfers, as far as the account @viewer may see
--           them. The @reference of the request or of one of its transfers.
--           @after_deadline and @after_request: only requests after this one in the order.
-- Returns:  The requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_requests_by_deadline(after_deadline, after_request, source, destination, states, open, batch, viewer, either, ticket, created_after, lowest, created_before, highest, sim, keys, reference, codes, reasons, methods, limit);
PREPARE select_requests_by_deadline AS
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
WHERE r.state IN ('in_review', 'awaiting_acceptance', 'scheduled') -- those of the index
  AND r.expires_at IS NOT NULL
  AND ($1 /*after_deadline*/::timestamptz IS NULL OR r.expires_at >= $1 /*after_deadline*/ AND (r.expires_at, r.id) > ($1 /*after_deadline*/, $2 /*after_request*/::uuid))
  AND ($3 /*source*/ = 0 OR r.source = $3 /*source*/)
  AND ($4 /*destination*/ = 0 OR r.destination = $4 /*destination*/)
  AND ($5 /*states*/::text[] IS NULL OR r.state = ANY ($5 /*states*/::text[]))
  AND (NOT $6 /*open*/::boolean OR r.finished_at IS NULL)
  AND ($7 /*batch*/::uuid IS NULL OR r.batch = $7 /*batch*/ AND ($8 /*viewer*/ = 0 OR r.source = $8 /*viewer*/))
  AND ($9 /*either*/ = 0 OR r.source = $9 /*either*/ OR r.destination = $9 /*either*/)
  AND ($8 /*viewer*/ = 0 OR r.source = $8 /*viewer*/ OR r.offered_at IS NOT NULL)
  AND ($10 /*ticket*/ = '' OR r.ticket = $10 /*ticket*/ OR r.on_behalf_ticket = $10 /*ticket*/)
  AND ($11 /*created_after*/::timestamptz IS NULL OR r.created_at >= $11 /*created_after*/ AND r.id >= $12 /*lowest*/::uuid)
  AND ($13 /*created_before*/::timestamptz IS NULL OR r.created_at < $13 /*created_before*/ AND r.id <= $14 /*highest*/::uuid)
  -- an array, so that the few requests of a SIM are found first, by key
  AND ($15 /*sim*/ = '' OR r.id = ANY (ARRAY(
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.identifier IN (SELECT $15 /*sim*/::text
		UNION
		SELECT other.identifier FROM identifiers named JOIN identifiers other USING (sim) WHERE named.identifier = $15 /*sim*/
		UNION
		SELECT i.identifier FROM sim_details d JOIN identifiers i USING (sim) WHERE d.eid = $15 /*sim*/)
	  AND (t.sim IS NOT NULL OR t.identifier = $15 /*sim*/ OR $8 /*viewer*/ = 0)
	  AND ($8 /*viewer*/ = 0 OR q.source = $8 /*viewer*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= q.offered_at))
  )))
  AND ($16 /*keys*/::bigint[] IS NULL OR r.id = ANY (ARRAY(SELECT DISTINCT request FROM events WHERE api_key = ANY ($16 /*keys*/::bigint[]))))
  AND ($17 /*reference*/ = '' OR r.id = ANY (ARRAY(
	SELECT q.id
	FROM requests q
	WHERE q.reference = $17 /*reference*/
	UNION ALL
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.reference = $17 /*reference*/
	  AND ($8 /*viewer*/ = 0 OR q.source = $8 /*viewer*/ OR q.destination = $8 /*viewer*/ AND t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= q.offered_at))
  )))
  AND ($18 /*codes*/::text[] IS NULL OR r.codes && $18 /*codes*/::text[] AND ($8 /*viewer*/ = 0 OR r.source = $8 /*viewer*/ OR r.code = ANY ($18 /*codes*/::text[]) OR EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.code = ANY ($18 /*codes*/::text[]) AND t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at)
  )))
  AND ($19 /*reasons*/::text[] IS NULL OR r.n_ineligible + r.n_failed > 0 AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.reason = ANY ($19 /*reasons*/::text[]) AND ($8 /*viewer*/ = 0 OR r.source = $8 /*viewer*/ OR t.state <> 'ineligible')
  ))
  -- the first condition is for speed: without it, all transfers of the requests that lack a method would be read
  AND ($20 /*methods*/::text[] IS NULL
	OR (r.any_self_service AND 'self_service' = ANY ($20 /*methods*/) OR r.any_support_assisted AND 'support_assisted' = ANY ($20 /*methods*/))
	AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.method = ANY ($20 /*methods*/::text[]) AND ($8 /*viewer*/ = 0 OR r.source = $8 /*viewer*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
  ))
ORDER BY r.expires_at, r.id
LIMIT $21 /*limit*/;
