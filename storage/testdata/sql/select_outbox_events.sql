-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads events of all requests after a cursor, in the order of the feed, with who sees them.
-- Given:    The cursor @tx and @id, the @horizon, and the maximum number of rows: @limit.
-- Returns:  The events. Those of the latest transactions are left out while an earlier one from the @horizon on is running.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_outbox_events(tx, id, horizon, limit);
PREPARE select_outbox_events AS
WITH page AS MATERIALIZED (
	SELECT e.tx, e.id, e.request, e.source, e.destination, e.seq, e.at, e.kind, e.to_state, e.detail, e.party
	FROM events e
	WHERE (e.tx, e.id) > ($1 /*tx*/::text::xid8, $2 /*id*/) AND e.tx < greatest(pg_snapshot_xmin(pg_current_snapshot()), $3 /*horizon*/::text::xid8)
	ORDER BY e.tx, e.id
	LIMIT $4 /*limit*/
)
SELECT
	e.tx::text::bigint AS tx,
	e.id,
	e.request,
	r.batch,
	r.reference,
	r.source,
	r.destination,
	e.source IS NOT NULL AS source_sees,
	e.destination IS NOT NULL AS destination_sees,
	src.operator_id AS source_operator_id,
	dst.operator_id AS destination_operator_id,
	e.seq,
	e.at,
	e.kind,
	coalesce(e.to_state, '') AS to_state,
	e.detail,
	e.party,
	coalesce(src.name, '') AS source_name,
	src.currency,
	coalesce(r.message, '') AS message,
	CASE WHEN r.state IN ('in_review', 'awaiting_acceptance') THEN r.expires_at END AS expires_at,
	r.n_eligible,
	r.charged
FROM page e
JOIN requests r ON r.id = e.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
ORDER BY e.tx, e.id;
