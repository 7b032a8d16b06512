-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Reads the registrations that were valid in a period, in the order of the SIMs and of time.
-- Given:    @account (0: any); @since and @until: the beginning and the end of the period (null: no limit).
-- Returns:  The registrations, each with the beginning of the next one.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_exported_registrations(account, until, since);
PREPARE select_exported_registrations AS
SELECT
	s.iccid,
	a.operator_id,
	a.external_id AS account_external_id,
	g.since,
	g.until,
	g.request
FROM (
	SELECT
		g.sim,
		g.account,
		g.since,
		(SELECT min(n.since) FROM registrations n WHERE n.sim = g.sim AND n.since > g.since) AS until,
		g.request
	FROM registrations g
	WHERE ($1 /*account*/::bigint = 0 OR g.account = $1 /*account*/)
	  AND ($2 /*until*/::timestamptz IS NULL OR g.since < $2 /*until*/)
) g
JOIN sims s ON s.id = g.sim
JOIN accounts a ON a.id = g.account
WHERE $3 /*since*/::timestamptz IS NULL OR g.until IS NULL OR g.until > $3 /*since*/
ORDER BY g.sim, g.since;
