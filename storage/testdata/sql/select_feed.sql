-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads events of all requests after a cursor, in the order of the feed.
-- Given:    The API @key of the actor (0: any), the cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.
-- Returns:  The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_feed(key, tx, id, horizon, limit);
PREPARE select_feed AS
WITH page AS MATERIALIZED (
	SELECT e.tx, e.id, e.request, e.seq, e.at, e.kind, e.party, e.api_key, e.address, e.from_state, e.to_state, e.detail
	FROM events e
	WHERE ($1 /*key*/::bigint = 0 OR e.api_key = $1 /*key*/) AND (e.tx, e.id) > ($2 /*tx*/::text::xid8, $3 /*id*/) AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), $4 /*horizon*/::text::xid8)
	ORDER BY e.tx, e.id
	LIMIT $5 /*limit*/
)
SELECT
	e.tx::text::bigint AS tx,
	e.id,
	e.request,
	r.batch,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.reference,
	e.seq,
	e.at,
	e.kind,
	e.party,
	a.operator_id,
	e.api_key,
	CASE WHEN p.id IS NULL THEN k.name END AS key_name,
	nullif(k.hint, '') AS key_hint,
	p.id AS person,
	p.name AS person_name,
	p.email AS person_email,
	e.address,
	e.from_state,
	e.to_state,
	e.detail
FROM page e
JOIN requests r ON r.id = e.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN api_keys k ON k.id = e.api_key
LEFT JOIN people p ON p.id = k.person
LEFT JOIN accounts a ON a.id = k.account
ORDER BY e.tx, e.id;
