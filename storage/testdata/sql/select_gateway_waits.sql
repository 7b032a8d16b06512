-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Sums up the work that waits until gateways end sessions, by gateway. Work for an address that no gateway has is
--           left out.
-- Given:    nothing
-- Returns:  A row for each gateway for which work waits.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE select_gateway_waits;
PREPARE select_gateway_waits AS
WITH waiting AS MATERIALIZED (
	SELECT
		radius.plain_address(gateway::inet) AS address,
		sum(n) AS sims,
		min(created_at) AS since,
		max(attempts) AS attempts,
		(array_agg(error ORDER BY attempts DESC, id DESC) FILTER (WHERE error IS NOT NULL))[1] AS answer
	FROM work
	WHERE kind IN ('drop_sessions', 'drop_stray') AND gateway IS NOT NULL
	GROUP BY gateway
)
SELECT
	g.id AS gateway,
	sum(w.sims)::integer AS sims,
	min(w.since) AS since,
	max(w.attempts) AS attempts,
	(array_agg(w.answer ORDER BY w.attempts DESC, w.address) FILTER (WHERE w.answer IS NOT NULL))[1] AS answer
FROM waiting w
CROSS JOIN LATERAL (
	SELECT id
	FROM radius.nas
	WHERE network >>= w.address
	ORDER BY masklen(network) DESC
	LIMIT 1
) g
GROUP BY g.id;
