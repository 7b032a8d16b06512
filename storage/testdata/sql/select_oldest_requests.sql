-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists requests, oldest first. An empty, zero or null parameter selects all.
-- Given:    The accounts @source and @destination, or @either of them. @states, @batch, @ticket.
--           @open: whether all @states are those of unfinished requests, which have indexes of their own.
--           @created_after and @created_before, and ids that surely lie outside of them: @lowest and @highest.
--           The maximum number of rows: @limit. @keys: API keys one of which acted on the request; null: any.
--           @sim, @reasons, @methods and @codes of one of the request's transfers, as far as the account @viewer may see
--           them. The @reference of the request or of one of its transfers.
--           @after: only requests with greater ids.
-- Returns:  The requests.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_oldest_requests(after, source, destination, states, open, batch, viewer, either, ticket, created_after, lowest, created_before, highest, sim, keys, reference, codes, reasons, methods, limit);
PREPARE select_oldest_requests AS
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
WHERE ($1 /*after*/::uuid IS NULL OR r.id > $1 /*after*/)
  AND ($2 /*source*/ = 0 OR r.source = $2 /*source*/)
  AND ($3 /*destination*/ = 0 OR r.destination = $3 /*destination*/)
  AND ($4 /*states*/::text[] IS NULL OR r.state = ANY ($4 /*states*/::text[]))
  AND (NOT $5 /*open*/::boolean OR r.finished_at IS NULL)
  AND ($6 /*batch*/::uuid IS NULL OR r.batch = $6 /*batch*/ AND ($7 /*viewer*/ = 0 OR r.source = $7 /*viewer*/))
  AND ($8 /*either*/ = 0 OR r.source = $8 /*either*/ OR r.destination = $8 /*either*/)
  AND ($7 /*viewer*/ = 0 OR r.source = $7 /*viewer*/ OR r.offered_at IS NOT NULL)
  AND ($9 /*ticket*/ = '' OR r.ticket = $9 /*ticket*/ OR r.on_behalf_ticket = $9 /*ticket*/)
  AND ($10 /*created_after*/::timestamptz IS NULL OR r.created_at >= $10 /*created_after*/ AND r.id >= $11 /*lowest*/::uuid)
  AND ($12 /*created_before*/::timestamptz IS NULL OR r.created_at < $12 /*created_before*/ AND r.id <= $13 /*highest*/::uuid)
  -- an array, so that the few requests of a SIM are found first, by key
  AND ($14 /*sim*/ = '' OR r.id = ANY (ARRAY(
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.identifier IN (SELECT $14 /*sim*/::text
		UNION
		SELECT other.identifier FROM identifiers named JOIN identifiers other USING (sim) WHERE named.identifier = $14 /*sim*/
		UNION
		SELECT i.identifier FROM sim_details d JOIN identifiers i USING (sim) WHERE d.eid = $14 /*sim*/)
	  AND (t.sim IS NOT NULL OR t.identifier = $14 /*sim*/ OR $7 /*viewer*/ = 0)
	  AND ($7 /*viewer*/ = 0 OR q.source = $7 /*viewer*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= q.offered_at))
  )))
  AND ($15 /*keys*/::bigint[] IS NULL OR r.id = ANY (ARRAY(SELECT DISTINCT request FROM events WHERE api_key = ANY ($15 /*keys*/::bigint[]))))
  AND ($16 /*reference*/ = '' OR r.id = ANY (ARRAY(
	SELECT q.id
	FROM requests q
	WHERE q.reference = $16 /*reference*/
	UNION ALL
	SELECT t.request
	FROM transfers t
	JOIN requests q ON q.id = t.request
	WHERE t.reference = $16 /*reference*/
	  AND ($7 /*viewer*/ = 0 OR q.source = $7 /*viewer*/ OR q.destination = $7 /*viewer*/ AND t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= q.offered_at))
  )))
  AND ($17 /*codes*/::text[] IS NULL OR r.codes && $17 /*codes*/::text[] AND ($7 /*viewer*/ = 0 OR r.source = $7 /*viewer*/ OR r.code = ANY ($17 /*codes*/::text[]) OR EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.code = ANY ($17 /*codes*/::text[]) AND t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at)
  )))
  AND ($18 /*reasons*/::text[] IS NULL OR r.n_ineligible + r.n_failed > 0 AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.reason = ANY ($18 /*reasons*/::text[]) AND ($7 /*viewer*/ = 0 OR r.source = $7 /*viewer*/ OR t.state <> 'ineligible')
  ))
  -- the first condition is for speed: without it, all transfers of the requests that lack a method would be read
  AND ($19 /*methods*/::text[] IS NULL
	OR (r.any_self_service AND 'self_service' = ANY ($19 /*methods*/) OR r.any_support_assisted AND 'support_assisted' = ANY ($19 /*methods*/))
	AND EXISTS (
	SELECT 1
	FROM transfers t
	WHERE t.request = r.id AND t.method = ANY ($19 /*methods*/::text[]) AND ($7 /*viewer*/ = 0 OR r.source = $7 /*viewer*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
  ))
ORDER BY r.id
LIMIT $20 /*limit*/;
