-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the accounts that a SIM was registered to, newest first.
-- Given:    @sim: the id of the SIM; @limit: maximum number of rows.
-- Returns:  The registrations.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_registrations(sim, limit);
PREPARE select_registrations AS
SELECT
	g.since,
	a.operator_id,
	a.external_id AS account_external_id,
	g.request,
	c.sim IS NOT NULL AS corrected,
	c.ticket
FROM registrations g
JOIN accounts a ON a.id = g.account
LEFT JOIN owner_corrections c ON c.sim = g.sim AND c.since = g.since
WHERE g.sim = $1 /*sim*/
ORDER BY g.since DESC
LIMIT $2 /*limit*/;
