-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the transfers of a SIM, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The transfers of the SIM, and those that named no SIM by one of its identifiers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_past_transfers(sim, limit);
PREPARE select_past_transfers AS
SELECT
	t.request,
	r.state AS request_state,
	src.operator_id AS source,
	src.external_id AS source_external_id,
	dst.operator_id AS destination,
	dst.external_id AS destination_external_id,
	r.ticket,
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
	t.finished_at,
	to_jsonb(g.before) AS before,
	to_jsonb(g.after) AS after
FROM transfers t
JOIN requests r ON r.id = t.request
JOIN accounts src ON src.id = r.source
JOIN accounts dst ON dst.id = r.destination
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN registrations g ON g.sim = t.sim AND g.request = t.request AND g.n = t.n
WHERE t.identifier IN (SELECT identifier FROM identifiers WHERE sim = $1 /*sim*/ UNION SELECT identifier FROM former_identifiers WHERE sim = $1 /*sim*/)
  AND (t.sim = $1 /*sim*/ OR t.sim IS NULL AND EXISTS (SELECT 1 FROM identifiers i WHERE i.identifier = t.identifier AND i.sim = $1 /*sim*/))
ORDER BY t.request DESC, t.n
LIMIT $2 /*limit*/;
