-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists transfers of a request in the order of submission. A null list selects all.
-- Given:    @request, and @states, @reasons, @methods and @codes of the transfers. The number @after which to start.
--           @offered: only transfers that are or were open. The maximum number of rows: @limit.
--           @snapshots: with the settings before and after.
-- Returns:  The transfers.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_transfers(snapshots, request, after, states, reasons, methods, codes, offered, limit);
PREPARE select_transfers AS
SELECT
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
LEFT JOIN sims s ON s.id = t.sim
LEFT JOIN registrations g ON $1 /*snapshots*/ AND g.sim = t.sim AND g.request = t.request AND g.n = t.n
WHERE t.request = $2 /*request*/
  AND t.n > $3 /*after*/
  AND
	($4 /*states*/::text[] IS NULL OR t.state = ANY ($4 /*states*/::text[]))
	AND ($5 /*reasons*/::text[] IS NULL OR t.reason = ANY ($5 /*reasons*/::text[]))
	AND ($6 /*methods*/::text[] IS NULL OR t.method = ANY ($6 /*methods*/::text[]))
	AND ($7 /*codes*/::text[] IS NULL OR t.code = ANY ($7 /*codes*/::text[]))
	AND (NOT $8 /*offered*/ OR t.state NOT IN ('pending', 'ineligible') AND (t.state <> 'canceled' OR t.finished_at >= r.offered_at))
ORDER BY t.n
LIMIT $9 /*limit*/;
