-- Generated from storage/*.go by go generate ./storage; do not edit.
--
-- Does:     Lists the open sessions of the SIMs of some eligible transfers, with the gateways to ask.
-- Given:    @request and the @numbers of its transfers.
-- Returns:  A row for each session.
-- Locks:    nothing
-- Prepared: yes: it stays prepared on the connections that have run it
--
-- EXPLAIN EXECUTE select_sim_sessions(request, numbers);
PREPARE select_sim_sessions AS
SELECT
	t.n,
	o.*
FROM transfers t
CROSS JOIN LATERAL (
	SELECT
		a.radacctid,
		radius.unescaped(a.acctsessionid, a.escaped) AS acctsessionid,
		coalesce(radius.unescaped_username(a.username, a.escaped), '') AS username,
		coalesce(radius.unescaped(a.callingstationid, a.escaped), '') AS callingstationid,
		host(a.nasipaddress) AS nasipaddress,
		coalesce(a.servicetype, '') AS servicetype,
		CASE WHEN g.secret IS NOT NULL THEN radius.server_address(g.server, a.nasipaddress) END AS server,
		g.secret,
		coalesce(g.require_message_authenticator, false) AS signed
	FROM radius.radacct a
	LEFT JOIN LATERAL (
		SELECT server, secret, require_message_authenticator
		FROM radius.nas
		WHERE network >>= radius.plain_address(a.nasipaddress)
		ORDER BY masklen(network) DESC
		LIMIT 1
	) g ON true
	WHERE a.sim = t.sim AND a.acctstoptime IS NULL
	OFFSET 0
) o
WHERE t.request = $1 /*request*/ AND t.n = ANY($2 /*numbers*/::int[]) AND t.state = 'eligible'
ORDER BY t.n, o.radacctid;
