-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Asks for probes of gateways, by the ids of the gateways. A network is probed at the gateway in it whose
--           session began last; one without an open session is left out.
-- Given:    @after: only gateways with a greater id; @limit: maximum number of gateways.
-- Returns:  The probes, with the names of the gateways and whether they are called by HTTP; and the last id that was looked at.
-- Locks:    nothing
--
-- EXPLAIN EXECUTE insert_probes(after, limit);
PREPARE insert_probes AS
WITH gateways AS (
	SELECT id, nasname, network, url IS NOT NULL AS called
	FROM radius.nas
	WHERE id > $1 /*after*/
	ORDER BY id
	LIMIT $2 /*limit*/
), asked AS (
	INSERT INTO gateway_probes (gateway, address, api_key)
	SELECT g.id, coalesce(s.nasipaddress, host(g.network)::inet), 0
	FROM gateways g
	LEFT JOIN LATERAL (
		SELECT nasipaddress
		FROM radius.radacct
		WHERE acctstoptime IS NULL AND g.network >>= radius.plain_address(nasipaddress)
		ORDER BY radacctid DESC
		LIMIT 1
	) s ON masklen(g.network) < CASE family(g.network) WHEN 4 THEN 32 ELSE 128 END
	WHERE s.nasipaddress IS NOT NULL OR masklen(g.network) = CASE family(g.network) WHEN 4 THEN 32 ELSE 128 END
	RETURNING id, gateway, address
)
SELECT g.id AS gateway, g.nasname, coalesce(a.id, 0) AS id, coalesce(host(a.address), '') AS address, g.called
FROM gateways g
LEFT JOIN asked a ON a.gateway = g.id
ORDER BY g.id;
